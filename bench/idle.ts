/**
 * What 32 peers that have nothing to say cost, each a process, at default options: over 15 s, after 8 s of settling.
 * Bytes are counted by the system, on a loopback of their own, for all alike.
 *
 *     node --import tsx bench/idle.ts [--rivals] [--quick] [--json] [--only side …]
 */
import { readFileSync } from 'node:fs'
import type { LinkCommands } from './children/floor-links.js'
import type { Child } from './lib/child.js'
import { endAll, spawnChildren } from './lib/child.js'
import { Cluster } from './lib/cluster.js'
import { ownNetwork } from './lib/network.js'
import { readArguments, report, tell, type Figure, type Side } from './lib/report.js'
import { sample } from './lib/sample.js'
import { now, sleep } from './lib/time.js'
import { troops } from './lib/troops.js'
import { usageOf } from './lib/usage.js'

const args = readArguments()
const isAlone = await ownNetwork()
const count = args.quick ? 8 : 32
const settleMs = args.quick ? 3_000 : 8_000
const windowMs = args.quick ? 5_000 : 15_000

/** By process: kilobytes per second, share of a core in %, private memory in MB; the server's, if any, shared out. */
interface Cost { wire: number[]; cpu: number[]; memory: number[] }

/** Processes that run and can be ended. */
interface Running { readonly pids: readonly number[]; end(): Promise<void> }

async function measure(side: string, running: Running, settles = settleMs): Promise<Cost> {
  await sleep(settles)
  const begun = now()
  const before = running.pids.map(usageOf)
  const bytesBefore = loopbackBytes()
  await sleep(windowMs)
  const seconds = (now() - begun) / 1_000
  const bytes = loopbackBytes() - bytesBefore
  const after = running.pids.map(usageOf)
  await running.end()
  const cpu = after.map(({ cpuMs }, i) => (cpuMs - (before[i]?.cpuMs ?? NaN)) / (seconds * 10))
  const memory = after.map(({ privateBytes }) => privateBytes / 1e6)
  // a server is the last of the processes
  const share = (values: number[]): number[] => {
    const servers = values.slice(count).reduce((sum, value) => sum + value, 0)
    return values.slice(0, count).map(value => value + servers / count)
  }
  tell(`${side}: ${(bytes / 1_000 / seconds / count).toFixed(2)} kB/s each`)
  return { wire: [bytes / 1_000 / seconds / count], cpu: share(cpu), memory: share(memory) }
}

/** Ours, with what its sockets say besides. */
async function measureOurs(): Promise<{ cost: Cost; payload: number[]; datagrams: number[] }> {
  const cluster = await Cluster.start('ours', count)
  await sleep(settleMs)
  const usage = () => cluster.all(child => child.call('usage'))
  const before = await usage()
  const pids = cluster.members.map(({ child }) => child.pid)
  let after: typeof before = []
  const cost = await measure('ours', { pids, end: async () => { after = await usage() } }, 0)
  await cluster.end()
  const perSecond = (of: (one: (typeof before)[number]) => number): number[] => after.map((end, i) => {
    const begin = before[i] ?? end
    return (of(end) - of(begin)) / (end.time - begin.time) * 1_000
  })
  return {
    cost,
    payload: perSecond(({ datagramBytes, streamBytes }) => (datagramBytes + streamBytes) / 1_000),
    datagrams: perSecond(({ datagrams }) => datagrams),
  }
}

/** Node.js with nothing to do. */
async function measureFloor(): Promise<Cost> {
  const children: Child<LinkCommands>[] = await spawnChildren(count, 'floor-links')
  return measure('floor', { pids: children.map(({ pid }) => pid), end: () => endAll(children) }, 1_000)
}

/** Bytes sent over loopback, with the headers of IP, UDP and TCP; NaN where the system does not tell. */
function loopbackBytes(): number {
  try {
    const line = readFileSync('/proc/net/dev', 'utf8').split('\n').find(text => text.trim().startsWith('lo:')) ?? ''
    return Number(line.trim().split(/\s+/)[9])
  } catch {
    return NaN
  }
}

const floor = args.wants('floor') ? await measureFloor() : undefined
const ours = args.wants('ours') ? await measureOurs() : undefined
const costs = new Map<Side, Cost>()
for (const side of ['original', 'moleculerTcp', 'moleculerNats', 'serf'] as const) {
  if (args.wants(side)) costs.set(side, await measure(side, await troops[side](count)))
}

const figure = (name: string, unit: string, of: keyof Cost, rest: Partial<Figure> = {}): Figure => ({
  name, unit, ours: ours && sample(ours.cost[of]),
  rivals: Object.fromEntries([...costs].map(([side, cost]) => [side, sample(cost[of])])),
  ...rest,
})

report('idle', [
  figure(`on the wire, for each of ${count} idle peers`, 'kB/s', 'wire', {
    note: 'all bytes over loopback with headers and acknowledgements, by the number of peers'
      + (isAlone ? '' : '; an upper bound, as the whole machine is counted'),
  }),
  figure('CPU of each', '% of a core', 'cpu', {
    target: { atMost: 1 }, floor: floor && sample(floor.cpu),
    note: 'spread is over the peers; moleculer NATS: with a share in what the server takes; floor: Node.js with '
      + 'nothing to do',
  }),
  figure('private memory of each process', 'MB', 'memory', {
    floor: floor && sample(floor.memory), note: 'without the pages that processes share; serf is a program of its own',
  }),
  {
    name: 'sent by each, as its sockets say', unit: 'kB/s', target: { atMost: 2 }, ours: ours && sample(ours.payload),
    note: 'payload of UDP and TCP',
  },
  { name: 'datagrams sent by each', unit: '/s', ours: ours && sample(ours.datagrams) },
], args)
process.exit()
