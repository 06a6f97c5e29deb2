/**
 * How long a newcomer takes to get 100,000 keys of 100 bytes, and how long the same takes through a TCP connection.
 *
 *     node --import tsx bench/join.ts [--rivals] [--quick] [--json] [--repetitions 5] [--only side …]
 */
import type { FloorKeysCommands } from './children/floor-keys.js'
import type { KeysCommands } from './children/keys.js'
import { spawnChild } from './lib/child.js'
import { freePorts } from './lib/peers.js'
import { readArguments, report, tell } from './lib/report.js'
import { sample, type Sample } from './lib/sample.js'
import { startRedis } from './lib/servers.js'
import { sleep, type Taken } from './lib/time.js'

const args = readArguments()
const repetitions = args.repetitions ?? 5
const count = 100_000
/** The original has so long. */
const originalMsMax = args.quick ? 10_000 : 30_000

/** Owner and newcomer are new processes every time, on both sides: what is not compiled yet is part of joining. */
async function floorJoin(): Promise<Taken> {
  const owner = await spawnChild<FloorKeysCommands>('floor-keys')
  const port = await owner.call('own', count)
  const newcomer = await spawnChild<FloorKeysCommands>('floor-keys')
  const taken = await newcomer.call('join', port, count)
  await newcomer.end()
  await owner.end()
  return taken
}

/** Undefined when it is not done after `msMax`. */
async function join(kind: 'ours' | 'original', listening: boolean, msMax = Infinity): Promise<Taken | undefined> {
  const [ownerPort = 0, port = 0] = await freePorts(2)
  const owner = await spawnChild<KeysCommands>('keys')
  await owner.call('own', kind, ownerPort, count)
  const newcomer = await spawnChild<KeysCommands>('keys')
  await newcomer.call('load', kind)
  const done = newcomer.call('join', kind, port, `127.0.0.1:${ownerPort}`, count, listening)
  const taken = await (msMax === Infinity ? done : Promise.race([done, nothingAfter(msMax)]))
  done.catch(() => {}) // it is ended before it answers
  await newcomer.end()
  await owner.end()
  return taken
}

const nothingAfter = (ms: number): Promise<undefined> => sleep(ms).then(() => undefined)

/** A process that reads all of them out of a Redis, once: what is set later, it is not told. */
async function redisJoin(): Promise<Taken> {
  const server = await startRedis()
  const owner = await spawnChild<KeysCommands>('keys')
  await owner.call('ownRedis', server.port, count)
  const newcomer = await spawnChild<KeysCommands>('keys')
  const taken = await newcomer.call('joinRedis', server.port, count)
  for (const each of [newcomer, owner, server]) await each.end()
  return taken
}

const floor: Taken[] = []
const redis: Taken[] = []
const original: Taken[] = []
const silent: Taken[] = []
const listening: Taken[] = []
for (let i = 0; i < repetitions; i++) {
  if (args.wants('floor')) floor.push(await floorJoin())
  if (args.wants('ours')) push(silent, await join('ours', false))
  if (args.wants('ours')) push(listening, await join('ours', true))
  if (args.wants('redis')) redis.push(await redisJoin())
  const [raw, joined, heard, read] = [floor, silent, listening, redis].map(all => all.at(-1)?.ms.toFixed(0))
  tell(`raw ${raw} ms, joined ${joined} ms, with a handler ${heard} ms, Redis ${read} ms`)
}
/** The original is given one chance. */
if (args.wants('original')) push(original, await join('original', false, originalMsMax))
const time = (all: Taken[]): Sample | undefined => sample(all.map(({ ms }) => ms))
const cpu = (all: Taken[]): Sample | undefined => sample(all.map(({ cpuMs }) => cpuMs))
/** Each by the floor of the same repetition, measured a second before it. */
const ratio = (all: Taken[]): Sample | undefined =>
  sample(all.flatMap(({ ms }, i) => floor[i] === undefined ? [] : [ms / floor[i].ms]))

report('join', [
  {
    name: 'start until 100,000 keys of 100 bytes are known', unit: 'ms',
    ours: time(silent), floor: time(floor),
    rivals: { redis: time(redis), original: time(original) },
    ...args.wants('original') && original.length === 0
      ? { gaveUp: { original: `not within ${originalMsMax / 1_000} s` } }
      : {},
    note: 'Redis: one HGETALL of a hash, with connecting; what is set later, it is not told',
  },
  { name: 'by the floor', unit: 'times', target: { atMost: 2.5 }, ours: ratio(silent) },
  { name: 'CPU of the newcomer', unit: 'ms', ours: cpu(silent), floor: cpu(floor), rivals: { redis: cpu(redis) } },
  {
    name: 'with a handler for every set', unit: 'ms', ours: time(listening), floor: time(floor),
    note: 'every value decoded and handed over, as on the floor',
  },
  { name: 'with the handler, by the floor', unit: 'times', target: { atMost: 2.5 }, ours: ratio(listening) },
  { name: 'with the handler, CPU of the newcomer', unit: 'ms', ours: cpu(listening), floor: cpu(floor) },
], args)
process.exit()

function push(all: Taken[], taken: Taken | undefined): void {
  if (taken !== undefined) all.push(taken)
}
