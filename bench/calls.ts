/**
 * Calls between processes: how many, how soon, beside a raw echo and beside moleculer; with a slow worker, with a large
 * payload on the same connection, with a worker that is killed; and what a call under way takes.
 *
 *     node --import tsx bench/calls.ts [--rivals] [--json] [--repetitions 5]
 */
import type { CallsCommands } from './children/calls.js'
import type { FloorCallsCommands } from './children/floor-calls.js'
import type { RivalCallsCommands } from './children/rival-calls.js'
import { quantile, type Run } from './lib/calling.js'
import { endAll, spawnChild, type Child } from './lib/child.js'
import { freePorts } from './lib/peers.js'
import { readArguments, report } from './lib/report.js'
import { sample } from './lib/sample.js'
import { sleep } from './lib/time.js'

const args = readArguments()
const repetitions = args.repetitions ?? 5
const floodCount = 100_000
const singles = 5_000

interface Caller { call(command: 'flood', inflight: number, count: number): Promise<Run> }
/** Calls per second with 64 at a time; and with one at a time the median and the 99th percentile in ms. */
interface Speed { perSecond: number[]; p50: number[]; p99: number[] }

const speeds: Speed[] = []
const newSpeed = (): Speed => { const speed = { perSecond: [], p50: [], p99: [] }; speeds.push(speed); return speed }

async function measure(caller: Caller, speed: Speed): Promise<void> {
  speed.perSecond.push((await caller.call('flood', 64, floodCount)).perSecond)
  const { latencies } = await caller.call('flood', 1, singles)
  speed.p50.push(quantile(latencies, 0.5))
  speed.p99.push(quantile(latencies, 0.99))
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

async function measureSpeed(): Promise<{ ours: Speed; floor: Speed; rival: Speed }> {
  const [ours, floor, rival] = [newSpeed(), newSpeed(), newSpeed()]
  const sides: { speed: Speed; caller: Caller; all: { end(): Promise<void> }[] }[] = []
  if (args.wants('ours')) {
    const all = await crew([0])
    sides.push({ speed: ours, caller: all[0] as Caller, all })
  }
  if (args.wants('floor')) {
    const worker = await spawnChild<FloorCallsCommands>('floor-calls')
    const caller = await spawnChild<FloorCallsCommands>('floor-calls')
    await caller.call('connect', await worker.call('listen'))
    sides.push({ speed: floor, caller, all: [worker, caller] })
  }
  if (args.wants('rival')) {
    const worker = await spawnChild<RivalCallsCommands>('rival-calls')
    const caller = await spawnChild<RivalCallsCommands>('rival-calls')
    const ports = await freePorts(2)
    await Promise.all([worker.call('start', 0, ports), caller.call('start', 1, ports)])
    sides.push({ speed: rival, caller, all: [worker, caller] })
  }
  // the first round warms up; in turns, so that what else the machine does falls on all alike
  for (const { caller } of sides) await measure(caller, newSpeed())
  for (let i = 0; i < repetitions; i++) for (const { caller, speed } of sides) await measure(caller, speed)
  await endAll(sides.flatMap(({ all }) => all))
  return { ours, floor, rival }
}

/** 99th percentiles in ms with four workers, one of them five times slower, at 70 % of what they can do in all. */
async function measureSlow(select: 'p2c' | 'random'): Promise<number[]> {
  const p99: number[] = []
  for (let i = 0; i < Math.min(3, repetitions); i++) {
    const all = await crew([20, 20, 20, 100], 4)
    const perSecond = 0.7 * (3 * (4 / 0.020) + 4 / 0.100)
    const run = await all[0]?.call('steady', perSecond, 10, { select })
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

const { ours, floor, rival } = await measureSpeed()
const isOurs = args.wants('ours')
const slow = isOurs ? await measureSlow('p2c') : []
const slowRandom = isOurs ? await measureSlow('random') : []
const kill = isOurs ? await measureKill() : undefined
const large = isOurs ? await measureLarge() : []
const memory = isOurs ? await measureMemory() : []
const ratios = (a: number[], b: number[]): number[] => a.flatMap((value, i) => value / (b[i] ?? NaN) || [])

const byFloor = sample(ratios(ours.perSecond, floor.perSecond))
const byRival = sample(ratios(ours.perSecond, rival.perSecond))

report('calls', [
  {
    name: 'calls of 100 bytes, 64 at a time', unit: '1/s',
    ours: sample(ours.perSecond), rival: sample(rival.perSecond), floor: sample(floor.perSecond),
    note: 'rival: moleculer 0.14 over its TCP transporter; floor: an echo of msgpackr over one connection, writes of a '
      + 'turn in one',
  },
  { name: 'by the floor', unit: 'times', target: { atLeast: 0.6 }, ours: byFloor },
  { name: 'by the rival', unit: 'times', target: { atLeast: 2 }, ours: byRival },
  {
    name: 'one at a time, p50', unit: 'ms', ours: sample(ours.p50), rival: sample(rival.p50), floor: sample(floor.p50),
  },
  { name: 'p50 by the floor', unit: 'times', target: { atMost: 1.5 }, ours: sample(ratios(ours.p50, floor.p50)) },
  {
    name: 'one at a time, p99', unit: 'ms', ours: sample(ours.p99), rival: sample(rival.p99), floor: sample(floor.p99),
  },
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
