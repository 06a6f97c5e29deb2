/**
 * What sealing a datagram costs: sealing and opening messages of 1,000 bytes, beside copying them.
 *
 *     node --import tsx bench/seal.ts [--quick] [--json] [--repetitions 5]
 */
import { randomBytes } from 'node:crypto'
import { Keyring } from '../lib/net/keyring.js'
import { Seal } from '../lib/net/seal.js'
import { readArguments, report } from './lib/report.js'
import { sample } from './lib/sample.js'

const args = readArguments()
const count = args.quick ? 5_000 : 50_000
const parts = [randomBytes(60), randomBytes(940)]

/** Microseconds of each repetition, for one. */
function microseconds(run: () => void): number[] {
  return Array.from({ length: args.repetitions ?? 5 }, () => {
    const begun = performance.now()
    for (let i = 0; i < count; i++) run()
    return (performance.now() - begun) / count * 1_000
  })
}

const ring = new Keyring(['a key for benchmarks only'], 'bench')
const [ours, theirs] = [new Seal(ring), new Seal(ring)]
const copied = sample(microseconds(() => void Buffer.concat(parts)))
const sealing = sample(microseconds(() => void theirs.seal(parts)))
const sealed = Array.from({ length: count * (args.repetitions ?? 5) }, () => theirs.seal(parts))
let at = 0
let opened = 0
const opening = sample(microseconds(() => {
  if (typeof ours.open(sealed[at++]!) !== 'string') opened++
}))
if (opened !== sealed.length) throw new Error(`${opened} of ${sealed.length} opened`)
report('seal', [
  { name: 'a datagram sealed, 1,000 bytes', unit: 'µs', ours: sealing, floor: copied, note: 'floor: copied' },
  { name: 'a datagram opened, 1,000 bytes', unit: 'µs', ours: opening },
], args)
