/**
 * One million keys of 100 bytes in a peer: how fast it sets them, and what they occupy.
 *
 *     node --import tsx bench/keyspace.ts [--rivals] [--json] [--repetitions 3]
 */
import type { Filled, KeysCommands } from './children/keys.js'
import { spawnChild } from './lib/child.js'
import { freePorts } from './lib/peers.js'
import { readArguments, report, tell } from './lib/report.js'
import { sample, type Sample } from './lib/sample.js'

const args = readArguments()
const repetitions = args.repetitions ?? 3
const count = 1_000_000

async function fill(kind: 'ours' | 'original' | 'map'): Promise<Filled> {
  const child = await spawnChild<KeysCommands>('keys', { execArgv: ['--expose-gc', '--max-old-space-size=4096'] })
  const [port = 0] = await freePorts(1)
  const filled = await child.call('fill', kind, port, count)
  await child.end()
  const [thousands, bytes] = [count / filled.takenMs, filled.bytes / count].map(Math.round)
  tell(`${kind}: ${thousands} thousand sets/s, ${bytes} bytes a key`)
  return filled
}

const ours: Filled[] = []
const original: Filled[] = []
const map: Filled[] = []
for (let i = 0; i < repetitions; i++) {
  if (args.wants('floor')) map.push(await fill('map'))
  if (args.wants('ours')) ours.push(await fill('ours'))
  if (args.wants('rival')) original.push(await fill('original'))
}

const rate = (all: Filled[]): Sample | undefined => sample(all.map(({ takenMs }) => count / takenMs * 1_000))
const size = (all: Filled[]): Sample | undefined => sample(all.map(({ bytes }) => bytes / count))
const resident = (all: Filled[]): Sample | undefined => sample(all.map(({ residentBytes }) => residentBytes / count))

report('keyspace', [
  {
    name: 'set of an own key', unit: '/s', target: { atLeast: 300_000 },
    ours: rate(ours), rival: rate(original), floor: rate(map),
    note: 'making the key and the value is part of it; floor: a Map of values packed by msgpackr',
  },
  {
    name: 'memory per key', unit: 'bytes', target: { atMost: 600 },
    ours: size(ours), rival: size(original), floor: size(map), note: 'heap and external, with array buffers, after gc',
  },
  {
    name: 'resident memory per key', unit: 'bytes',
    ours: resident(ours), rival: resident(original), floor: resident(map),
    note: 'what the operating system sees, with what the heap keeps in reserve',
  },
], args)
process.exit()
