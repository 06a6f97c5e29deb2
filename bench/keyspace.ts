/**
 * One million keys of 100 bytes in a peer: how fast it sets them, and what they occupy; and what a peer occupies that
 * knows 31 others.
 *
 *     node --import tsx bench/keyspace.ts [--rivals] [--quick] [--json] [--repetitions 3] [--only side …]
 */
import type { Filled, KeysCommands } from './children/keys.js'
import type { CrowdCommands } from './children/crowd.js'
import { spawnChild } from './lib/child.js'
import { freePorts } from './lib/peers.js'
import { readArguments, report, tell, type Figure } from './lib/report.js'
import { sample, type Sample } from './lib/sample.js'
import { startRedis } from './lib/servers.js'

const args = readArguments()
const repetitions = args.repetitions ?? 3
const count = args.quick ? 100_000 : 1_000_000
const crowd = 32
const execArgv = ['--expose-gc', '--max-old-space-size=4096']

async function fill(kind: 'ours' | 'original' | 'map' | 'redis'): Promise<Filled> {
  const child = await spawnChild<KeysCommands>('keys', { execArgv })
  const server = kind === 'redis' ? await startRedis() : undefined
  const [port = 0] = await freePorts(1)
  const filled = server === undefined
    ? await child.call('fill', kind as 'ours', port, count)
    : await child.call('fillRedis', server.port, server.pid, count)
  await child.end()
  await server?.end()
  const [thousands, bytes] = [count / filled.takenMs, filled.bytes / count].map(Math.round)
  tell(`${kind}: ${thousands} thousand sets/s, ${bytes} bytes a key`)
  return filled
}

/** Bytes that each peer of so many in one process occupies when all know each other. */
async function gather(kind: 'ours' | 'original' | 'moleculerTcp'): Promise<number> {
  const child = await spawnChild<CrowdCommands>('crowd', { execArgv })
  const bytes = await child.call('gather', kind, await freePorts(crowd))
  await child.end()
  tell(`${kind}: ${Math.round(bytes / 1_000)} kB a peer`)
  return bytes
}

const filled = { ours: [] as Filled[], floor: [] as Filled[], original: [] as Filled[], redis: [] as Filled[] }
const peers = { ours: [] as number[], original: [] as number[], moleculerTcp: [] as number[] }
for (let i = 0; i < repetitions; i++) {
  if (args.wants('floor')) filled.floor.push(await fill('map'))
  if (args.wants('ours')) filled.ours.push(await fill('ours'))
  if (args.wants('original')) filled.original.push(await fill('original'))
  if (args.wants('redis')) filled.redis.push(await fill('redis'))
  for (const kind of ['ours', 'original', 'moleculerTcp'] as const) {
    // moleculer's nodes take their time to find each other
    if (args.wants(kind) && (kind !== 'moleculerTcp' || i === 0)) peers[kind].push(await gather(kind))
  }
}

const each = (of: (one: Filled) => number): Pick<Figure, 'ours' | 'floor' | 'rivals'> => {
  const taken = (all: Filled[]): Sample | undefined => sample(all.map(of))
  return {
    ours: taken(filled.ours), floor: taken(filled.floor),
    rivals: { original: taken(filled.original), redis: taken(filled.redis) },
  }
}

report('keyspace', [
  {
    name: 'set of an own key', unit: '/s', better: 'more', target: { atLeast: 300_000 },
    ...each(({ takenMs }) => count / takenMs * 1_000),
    note: `${count} keys; making key and value is part of it; floor: a Map of values packed by msgpackr; Redis: from `
      + 'another process, over its socket',
  },
  {
    name: 'memory per key', unit: 'bytes', target: { atMost: 600 }, ...each(({ bytes }) => bytes / count),
    note: 'heap and external, with array buffers, after gc; Redis: its own `used_memory`',
  },
  {
    name: 'resident memory per key', unit: 'bytes', ...each(({ residentBytes }) => residentBytes / count),
    note: 'what the operating system sees, with what the heap keeps in reserve',
  },
  {
    name: `memory of each of ${crowd} peers that know each other`, unit: 'kB', ours: sample(kilobytes(peers.ours)),
    rivals: {
      original: sample(kilobytes(peers.original)), moleculerTcp: sample(kilobytes(peers.moleculerTcp)),
    },
    note: 'all in one process, heap and external after gc, without what the process takes anyway; ours keep '
      + 'connections to each other, by which a death is noticed at once',
  },
], args)
process.exit()

function kilobytes(bytes: readonly number[]): number[] {
  return bytes.map(each => each / 1_000)
}
