/**
 * How long until each of 60 peers in four processes knows: that the others are there, and then what one of them set.
 *
 *     node --import tsx bench/spread.ts [--rivals] [--json] [--repetitions 30]
 */
import type { DatagramCommands } from './children/floor-datagrams.js'
import type { PeersCommands } from './children/peers.js'
import { endAll, spawnChildren, type Child } from './lib/child.js'
import { freePorts, type Kind } from './lib/peers.js'
import { readArguments, report, tell } from './lib/report.js'
import { sample } from './lib/sample.js'
import { sleep, until, type Taken } from './lib/time.js'

const processes = 4
const perProcess = 15
/** The original reaches nobody from 41 peers on. */
const originalPerProcess = 8

const args = readArguments()
const repetitions = args.repetitions ?? 30
/** The cluster is started anew this many times; the sets are shared out among them. */
const clusters = Math.min(3, repetitions)

/** Starts a cluster: how long it took, and how much CPU of all processes, until all peers saw all the others. */
async function join(children: Child<PeersCommands>[], kind: Kind, count: number): Promise<Taken> {
  await Promise.all(children.map(child => child.call('load', kind)))
  const ports = await freePorts(children.length * count)
  const cpuMs = async (): Promise<number> =>
    (await Promise.all(children.map(child => child.call('usage')))).reduce((sum, usage) => sum + usage.cpuMs, 0)
  const before = await cpuMs()
  // The first peer is everybody's seed, and starts with the rest.
  const begun = Math.min(...await Promise.all(children.map((child, i) =>
    child.call('start', ports.slice(i * count, (i + 1) * count), [`127.0.0.1:${ports[0]}`]))))
  let last = 0
  await until(`${ports.length} peers (${kind}) know each other`, async () => {
    const known = await Promise.all(children.map(child => child.call('known')))
    last = Math.max(...known.map(({ lastChange }) => lastChange))
    return known.every(({ fewest }) => fewest === ports.length - 1)
  }, 60_000, 100)
  return { ms: last - begun, cpuMs: await cpuMs() - before }
}

/** Sets a new value at one peer and returns the milliseconds until the last of the others heard of it. */
async function spread(children: Child<PeersCommands>[], round: number, count: number): Promise<number> {
  const value = `value ${round} `.padEnd(100, '.')
  const origin = children[round % children.length] as Child<PeersCommands>
  await Promise.all(children.map(child => child.call('listenFor', value)))
  await sleep(20 + Math.random() * 200)
  const begun = await origin.call('set', Math.floor(Math.random() * count), `key${round}`, value)
  let last = 0
  // Asked only after what is usual, so that the questions do not compete with the answer for the cores.
  await sleep(150)
  await until(`set ${round} reaches all`, async () => {
    const heard = await Promise.all(children.map(child => child.call('heard')))
    last = Math.max(...heard.map(each => each.last))
    return heard.reduce((sum, each) => sum + each.count, 0) >= children.length * count - 1
  }, 30_000, 100)
  return last - begun
}

interface Measured { joins: number[]; cpus: number[]; spreads: number[] }

async function measure(kind: Kind, count: number, sets: number): Promise<Measured> {
  const joins: number[] = []
  const cpus: number[] = []
  const spreads: number[] = []
  for (let cluster = 0; cluster < clusters; cluster++) {
    const children = await spawnChildren<PeersCommands>(processes, 'peers')
    const { ms, cpuMs } = await join(children, kind, count)
    joins.push(ms)
    cpus.push(cpuMs)
    tell(`${kind}: ${processes * count} peers know each other after ${ms.toFixed(0)} ms, ${cpuMs.toFixed(0)} ms of CPU`)
    await sleep(2_000)
    for (let i = 0; i < Math.ceil(sets / clusters); i++) spreads.push(await spread(children, i, count))
    await endAll(children)
  }
  return { joins, cpus, spreads }
}

async function measureFloor(): Promise<number[]> {
  const children = await spawnChildren<DatagramCommands>(processes, 'floor-datagrams')
  const ports = await Promise.all(children.map(child => child.call('open', perProcess)))
  const times: number[] = []
  for (let i = 0; i < repetitions; i++) {
    await Promise.all(children.map(child => child.call('clear')))
    await sleep(20)
    const own = i % processes
    const others = ports.flat().filter(port => port !== ports[own]?.[0])
    const begun = await (children[own] as Child<DatagramCommands>).call('send', others)
    await sleep(50)
    const heard = await Promise.all(children.map(child => child.call('heard')))
    if (heard.reduce((sum, { count }) => sum + count, 0) === processes * perProcess - 1) {
      times.push(Math.max(...heard.map(({ last }) => last)) - begun)
    }
  }
  await endAll(children)
  return times
}

const none: Measured = { joins: [], cpus: [], spreads: [] }
const floor = args.wants('floor') ? await measureFloor() : []
const ours = args.wants('ours') ? await measure('ours', perProcess, repetitions) : none
const original = args.wants('rival')
  ? await measure('original', originalPerProcess, Math.min(repetitions, 9))
  : none

report('spread', [
  {
    name: 'set until the last of 60 peers knows', unit: 'ms', target: { atMost: 12 },
    ours: sample(ours.spreads), rival: sample(original.spreads), floor: sample(floor),
    note: 'rival: 32 peers, gossip interval 200 ms; floor: a datagram to each of 59 sockets in the same four processes',
  },
  {
    name: 'start until all 60 know each other', unit: 'ms', target: { atMost: 1_000, statistic: 'max' },
    ours: sample(ours.joins), rival: sample(original.joins), note: 'rival: 32 peers',
  },
  {
    name: 'CPU of all four processes until then', unit: 'ms', ours: sample(ours.cpus), rival: sample(original.cpus),
  },
], args)
process.exit()
