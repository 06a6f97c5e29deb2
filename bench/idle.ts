/**
 * What 32 peers that have nothing to say cost, each a process, at default options: after ten seconds of settling, over
 * half a minute.
 *
 *     node --import tsx bench/idle.ts [--rivals] [--json]
 */
import { readFileSync } from 'node:fs'
import { Cluster } from './lib/cluster.js'
import type { Kind } from './lib/peers.js'
import { readArguments, report, tell, type Figure } from './lib/report.js'
import { sample } from './lib/sample.js'
import { sleep } from './lib/time.js'

const args = readArguments()
const count = 32
const settleMs = 10_000
const windowMs = 30_000

interface Cost { payload: number[]; wire: number[]; datagrams: number[]; cpu: number[] }

async function measure(kind: Kind): Promise<Cost> {
  const cluster = await Cluster.start(kind, count)
  tell(`${kind}: ${count} peers know each other`)
  await sleep(settleMs)
  const before = await cluster.all(child => child.call('usage'))
  const wireBefore = loopbackBytes()
  await sleep(windowMs)
  const after = await cluster.all(child => child.call('usage'))
  const wire = loopbackBytes() - wireBefore
  await cluster.end()

  const cost: Cost = { payload: [], wire: [], datagrams: [], cpu: [] }
  let seconds = 0
  for (const [i, end] of after.entries()) {
    const begin = before[i] ?? end
    seconds = (end.time - begin.time) / 1_000
    const bytes = end.datagramBytes - begin.datagramBytes + end.streamBytes - begin.streamBytes
    cost.payload.push(bytes / 1_000 / seconds)
    cost.datagrams.push((end.datagrams - begin.datagrams) / seconds)
    cost.cpu.push((end.cpuMs - begin.cpuMs) / (seconds * 10))
  }
  cost.wire.push(wire / 1_000 / seconds / count)
  return cost
}

/** Bytes that the whole machine sent over loopback, with the headers of IP, UDP and TCP; NaN where it cannot tell. */
function loopbackBytes(): number {
  try {
    const line = readFileSync('/proc/net/dev', 'utf8').split('\n').find(text => text.trim().startsWith('lo:')) ?? ''
    return Number(line.trim().split(/\s+/)[9])
  } catch {
    return NaN
  }
}

const none: Cost = { payload: [], wire: [], datagrams: [], cpu: [] }
const ours = args.wants('ours') ? await measure('ours') : none
const original = args.wants('rival') ? await measure('original') : none

const figure = (name: string, unit: string, of: keyof Cost, rest: Partial<Figure> = {}): Figure =>
  ({ name, unit, ours: sample(ours[of]), rival: sample(original[of]), ...rest })

report('idle', [
  figure('sent by each of 32 idle peers', 'kB/s', 'payload', {
    target: { atMost: 2 },
    note: 'payload of UDP and TCP, counted at the sockets; spread is over the peers; rival: gossip interval 200 ms',
  }),
  figure('the same on the wire, per peer', 'kB/s', 'wire', {
    note: 'all bytes over lo with headers and acknowledgements, by 32: an upper bound, as the whole machine is counted',
  }),
  figure('datagrams sent by each', '/s', 'datagrams'),
  figure('CPU of each', '% of a core', 'cpu', { target: { atMost: 1 } }),
], args)
process.exit()
