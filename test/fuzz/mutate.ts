import type { Random } from '../../lib/gossip/random.js'

/** Bytes that stand at the edges of what readers tell apart: lengths, varints, tags, text. */
const edges = [0x00, 0x01, 0x7f, 0x80, 0xbf, 0xc0, 0xc1, 0xc7, 0xd4, 0xdd, 0xdf, 0xe0, 0xed, 0xf0, 0xf4, 0xf5, 0xff]
/** Lengths that cannot be, and varints that do not end. */
const runs = [
  [0xff, 0xff, 0xff, 0xff], [0x80, 0, 0, 0], [0x7f, 0xff, 0xff, 0xff], [0xc0, 1, 0, 0], [0, 1, 0, 1],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1],
  [0xdd, 0xff, 0xff, 0xff, 0xff], [0x91, 0x91, 0x91, 0x91, 0x91, 0x91, 0x91, 0x91],
]
const lengthMax = 8_192

/** Makes something else of some bytes, with the help of some others: one change, or a few. */
export function mutate(bytes: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  let result = bytes
  do result = mutateOnce(result, other, random)
  while (random.below(3) === 0)
  return result.subarray(0, lengthMax)
}

function mutateOnce(bytes: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  const at = random.below(bytes.length + 1)
  const end = Math.min(bytes.length, at + 1 + random.below(random.below(4) === 0 ? 64 : 8))
  switch (random.below(8)) {
    case 0:
      return splice(bytes, at, at + 1, [random.below(256)])
    case 1:
      return splice(bytes, at, at + 1, [(bytes[at] ?? 0) ^ (1 << random.below(8))])
    case 2:
      return splice(bytes, at, at + random.below(2), [edges[random.below(edges.length)]!])
    case 3: {
      const run = runs[random.below(runs.length)]!
      return splice(bytes, at, at + random.below(run.length + 1), run)
    }
    case 4:
      return splice(bytes, at, end, [])
    case 5:
      return splice(bytes, at, at, bytes.subarray(at, end))
    case 6: {
      const from = random.below(other.length + 1)
      const to = random.below(2) === 0 ? at : bytes.length
      return splice(bytes, at, to, other.subarray(from, from + random.below(256)))
    }
    default:
      return splice(bytes, at, at + 1, [((bytes[at] ?? 0) + (random.below(2) === 0 ? 1 : 255)) & 0xff])
  }
}

function splice(bytes: Uint8Array, from: number, to: number, middle: ArrayLike<number>): Uint8Array {
  const rest = bytes.subarray(Math.min(to, bytes.length))
  const result = new Uint8Array(from + middle.length + rest.length)
  result.set(bytes.subarray(0, from))
  result.set(middle, from)
  result.set(rest, from + middle.length)
  return result
}
