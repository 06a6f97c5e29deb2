/**
 * Calls between processes: how many, how soon, beside a raw echo, moleculer, NATS and BullMQ; with a slow worker, with
 * a large payload on the same connection, with a worker that is killed; and what a call under way takes.
 *
 *     node --import tsx bench/calls.ts [--rivals] [--quick] [--json] [--repetitions 5] [--only side …]
 */
import type { BrokerCallsCommands } from './children/broker-calls.js'
import type { CallsCommands } from './children/calls.js'
import type { FloorCallsCommands } from './children/floor-calls.js'
import type { Means, MoleculerCommands } from './children/moleculer.js'
import { quantile, type Run } from './lib/calling.js'
import { endAll, spawnChild, type Child } from './lib/child.js'
import { freePorts } from './lib/peers.js'
import { readArguments, report, tell, type Figure, type Side } from './lib/report.js'
import { sample } from './lib/sample.js'
import { startNats, startRedis } from './lib/servers.js'
import { sleep } from './lib/time.js'

const args = readArguments()
const repetitions = args.repetitions ?? 5
const floodMs = args.quick ? 300 : 1_000

interface Ended { end(): Promise<void> }
interface Caller { call(command: 'flood', inflight: number, ms: number): Promise<Run> }
/** Who calls, and what must be ended afterwards, the last first. */
interface Setup { caller: Caller; all: Ended[] }
/** Calls per second with so many at a time; and with one at a time the median and the 99th percentile in ms. */
interface Speed { at1: number[]; at64: number[]; at256: number[]; p50: number[]; p99: number[] }

const newSpeed = (): Speed => ({ at1: [], at64: [], at256: [], p50: [], p99: [] })

async function measure(caller: Caller, speed: Speed): Promise<void> {
  const run = async (inflight: number): Promise<Run> => {
    const done = await caller.call('flood', inflight, floodMs)
    if (Object.keys(done.failures).length > 0) throw new Error(`calls failed: ${JSON.stringify(done.failures)}`)
    return done
  }
  const one = await run(1)
  speed.at1.push(one.perSecond)
  speed.p50.push(quantile(one.latencies, 0.5))
  speed.p99.push(quantile(one.latencies, 0.99))
  speed.at64.push((await run(64)).perSecond)
  speed.at256.push((await run(256)).perSecond)
}

/** A caller and so many workers, each in a process of its own, that know each other. */
async function crew(means: readonly number[], concurrency = 1): Promise<Child<CallsCommands>[]> {
  const children: Child<CallsCommands>[] = []
  for (let i = 0; i <= means.length; i++) children.push(await spawnChild<CallsCommands>('calls'))
  const [caller, ...workers] = children as [Child<CallsCommands>, ...Child<CallsCommands>[]]
  const name = await caller.call('start', [])
  for (const [i, worker] of workers.entries()) {
    await worker.call('start', [name])
    await worker.call('serve', means[i] ?? 0, concurrency)
  }
  await caller.call('found', 'echo', workers.length)
  return children
}

async function moleculer(means: Means): Promise<Setup> {
  const worker = await spawnChild<MoleculerCommands>('moleculer')
  const caller = await spawnChild<MoleculerCommands>('moleculer')
  await Promise.all([worker, caller].map(child => child.call('load')))
  await Promise.all([worker.call('start', [0], means), caller.call('start', [1], means)])
  await caller.call('waitForEcho')
  return { caller, all: [worker, caller] }
}

async function broker(kind: 'nats' | 'bullmq'): Promise<Setup> {
  const server = kind === 'nats' ? await startNats() : await startRedis()
  const worker = await spawnChild<BrokerCallsCommands>('broker-calls')
  const caller = await spawnChild<BrokerCallsCommands>('broker-calls')
  await worker.call(kind, server.port, true)
  await caller.call(kind, server.port, false)
  return { caller, all: [server, worker, caller] }
}

/** Two processes each, and the server where there is one. */
const setups: Partial<Record<Side, () => Promise<Setup>>> = {
  ours: async () => {
    const all = await crew([0])
    return { caller: all[0] as Caller, all }
  },
  floor: async () => {
    const worker = await spawnChild<FloorCallsCommands>('floor-calls')
    const caller = await spawnChild<FloorCallsCommands>('floor-calls')
    await caller.call('connect', await worker.call('listen'))
    return { caller, all: [worker, caller] }
  },
  moleculerTcp: async () => moleculer({ tcp: await freePorts(2) }),
  moleculerNats: async () => {
    const server = await startNats()
    const { caller, all } = await moleculer({ nats: server.port })
    return { caller, all: [server, ...all] }
  },
  nats: () => broker('nats'),
  bullmq: () => broker('bullmq'),
}

async function measureSpeed(): Promise<Partial<Record<Side, Speed>>> {
  const speeds: Partial<Record<Side, Speed>> = {}
  const sides: { speed: Speed; caller: Caller; all: Ended[] }[] = []
  for (const [side, setUp] of Object.entries(setups) as [Side, () => Promise<Setup>][]) {
    if (args.wants(side)) sides.push({ speed: speeds[side] = newSpeed(), ...await setUp() })
  }
  // the first round warms up; in turns, so that what else the machine does falls on all alike
  for (const { caller } of sides) await measure(caller, newSpeed())
  for (let i = 0; i < repetitions; i++) {
    tell(`calls: round ${i + 1} of ${repetitions}`)
    for (const { caller, speed } of sides) await measure(caller, speed)
  }
  for (const { all } of sides) for (const each of all.toReversed()) await each.end()
  return speeds
}

/** 99th percentiles in ms with four workers, one of them five times slower, at 70 % of what they can do in all. */
async function measureSlow(select: 'p2c' | 'random'): Promise<number[]> {
  const p99: number[] = []
  for (let i = 0; i < Math.min(3, repetitions); i++) {
    const all = await crew([20, 20, 20, 100], 4)
    const perSecond = 0.7 * (3 * (4 / 0.020) + 4 / 0.100)
    const run = await all[0]?.call('steady', perSecond, args.quick ? 2 : 5, { select })
    p99.push(quantile(run?.latencies ?? [], 0.99))
    await endAll(all)
  }
  return p99
}

/** Failures, and the slowest call in ms, at 1,000 calls a second while one of four workers is killed. */
async function measureKill(): Promise<{ failures: number[]; slowest: number[] }> {
  const [failures, slowest]: [number[], number[]] = [[], []]
  for (let i = 0; i < Math.min(3, repetitions); i++) {
    const all = await crew([2, 2, 2, 2], 256)
    const [caller, victim] = all as [Child<CallsCommands>, Child<CallsCommands>]
    const running = caller.call('steady', 1_000, 4, { idempotent: true })
    await sleep(2_000)
    victim.signal('SIGKILL')
    const { latencies, failures: failed } = await running
    failures.push(Object.values(failed).reduce((sum, count) => sum + count, 0))
    slowest.push(latencies.at(-1) ?? NaN)
    await endAll(all)
  }
  return { failures, slowest }
}

interface Large { ms: number; p99: number; max: number; isSame: boolean }

async function measureLarge(): Promise<Large[]> {
  const all = await crew([0])
  const taken: Large[] = []
  for (let i = 0; i < repetitions; i++) taken.push(await (all[0] as Child<CallsCommands>).call('large', 50e6, 1_000))
  await endAll(all)
  if (!taken.every(({ isSame }) => isSame)) throw new Error('50 MB came back changed')
  return taken
}

async function measureMemory(): Promise<number[]> {
  const taken: number[] = []
  for (let i = 0; i < Math.min(3, repetitions); i++) {
    const all = await crew([0])
    const [caller, worker] = all as [Child<CallsCommands>, Child<CallsCommands>]
    await worker.call('hold', 20_000)
    await caller.call('found', 'hold', 1)
    taken.push(await caller.call('memory', 10_000))
    await worker.call('release')
    await endAll(all)
  }
  return taken
}

const speeds = await measureSpeed()
const isOurs = args.wants('ours')
const slow = isOurs ? await measureSlow('p2c') : []
const slowRandom = isOurs ? await measureSlow('random') : []
const kill = isOurs ? await measureKill() : undefined
const large = isOurs ? await measureLarge() : []
const memory = isOurs ? await measureMemory() : []
const ratios = (a: number[], b: number[]): number[] => a.flatMap((value, i) => value / (b[i] ?? NaN) || [])
const { ours = newSpeed(), floor = newSpeed(), moleculerTcp = newSpeed() } = speeds

const speed = (name: string, unit: string, of: keyof Speed, rest: Partial<Figure> = {}): Figure => {
  const each = (side: Side): Figure['ours'] => sample(speeds[side]?.[of] ?? [])
  return {
    name, unit, ours: each('ours'), floor: each('floor'),
    rivals: {
      moleculerTcp: each('moleculerTcp'), moleculerNats: each('moleculerNats'), nats: each('nats'),
      bullmq: each('bullmq'),
    },
    ...rest,
  }
}

report('calls', [
  speed('calls of 100 bytes, one at a time', '/s', 'at1', {
    better: 'more',
    note: 'caller and worker are a process each, NATS and Redis one more on the same cores. floor: an echo of '
      + 'msgpackr over one connection, writes of a turn in one. BullMQ keeps jobs, which nobody else here does: it '
      + 'stands for work that outlives its caller',
  }),
  speed('calls of 100 bytes, 64 at a time', '/s', 'at64', { better: 'more' }),
  speed('calls of 100 bytes, 256 at a time', '/s', 'at256', { better: 'more' }),
  {
    name: '64 at a time, by the floor', unit: 'times', better: 'more', target: { atLeast: 0.6 },
    ours: sample(ratios(ours.at64, floor.at64)),
  },
  {
    name: '64 at a time, by moleculer TCP', unit: 'times', better: 'more', target: { atLeast: 2 },
    ours: sample(ratios(ours.at64, moleculerTcp.at64)),
  },
  speed('one at a time, p50', 'ms', 'p50'),
  speed('one at a time, p99', 'ms', 'p99'),
  { name: 'p50 by the floor', unit: 'times', target: { atMost: 1.5 }, ours: sample(ratios(ours.p50, floor.p50)) },
  { name: 'p99, one of four workers five times slower, 70 % load', unit: 'ms', ours: sample(slow) },
  { name: 'the same with select: random', unit: 'ms', ours: sample(slowRandom) },
  {
    name: 'p99 of the default by that of random', unit: 'times', target: { atMost: 0.5 },
    ours: sample(ratios(slow, slowRandom)),
  },
  {
    name: 'failures, one of four workers killed, idempotent', unit: 'count', target: { atMost: 0, statistic: 'max' },
    ours: sample(kill?.failures ?? []), note: '1,000 calls a second',
  },
  {
    name: 'the slowest call meanwhile', unit: 'ms', target: { atMost: 1_000, statistic: 'max' },
    ours: sample(kill?.slowest ?? []),
  },
  { name: '50 MB there and back', unit: 'ms', ours: sample(large.map(({ ms }) => ms)) },
  {
    name: 'p99 of small calls meanwhile', unit: 'ms', target: { atMost: 50 }, ours: sample(large.map(({ p99 }) => p99)),
    note: '1,000 a second on the same connection',
  },
  {
    name: 'memory of each of 10,000 calls under way, caller', unit: 'bytes', target: { atMost: 2_000 },
    ours: sample(memory),
  },
], args)
process.exit()
