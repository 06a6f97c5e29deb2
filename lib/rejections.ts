import type { Rejection } from './types.js'

const intervalMs = 10_000
/** Most told in one interval, so that no flood becomes one of events. */
const toldMax = 16

/**
 * Why something is turned away, in one word: whatever others send, there are no more kinds than these.
 *
 * - `cluster`: of another cluster or in another version of the protocol
 * - `security`: without the key or certificate, sealed otherwise, forged, replayed, in another's name
 * - `protocol`: no peer: HTTP where there is none, garbage from the first byte on
 * - `size`: larger than is taken here
 * - `slow`: began and did not go on
 * - `limit`: one connection too many
 * - `malformed`: from a peer, and makes no sense
 */
export const rejectionKinds = ['cluster', 'security', 'protocol', 'size', 'slow', 'limit', 'malformed'] as const

/** See {@link rejectionKinds}. */
export type RejectionKind = (typeof rejectionKinds)[number]

/** What the reasons of a kind have in common; the first that fits decides. */
const signs: readonly (readonly [RejectionKind, RegExp])[] = [
  ['slow', /^slow|within \d+ ms|for \d+ ms/],
  ['limit', /connections|too many/],
  ['security', /\bkey\b|seal|sign|certificate|authority|vouch|TLS|replayed|in the name of|our own name|forged/i],
  ['cluster', /cluster|another version/],
  ['size', /more than|over the limit|too large/],
  ['protocol', /^not a (peer$|peer: |message|frame)|^speaks/],
]

/** The kind of a reason as it is told to people. */
export function kindOf(reason: string): RejectionKind {
  return signs.find(([, sign]) => sign.test(reason))?.[0] ?? 'malformed'
}

/** Counts what is turned away, and tells of it: once in 10 s for each host and reason, and 16 times in all. */
export class Rejections {
  /** All that was turned away. */
  total = 0
  /** The same by kind. */
  readonly byKind: Record<RejectionKind, number> = {
    cluster: 0, security: 0, protocol: 0, size: 0, slow: 0, limit: 0, malformed: 0,
  }
  readonly #now: () => number
  readonly #tell: (rejection: Rejection) => void
  /** Hosts and reasons told of in this interval. */
  #told = new Set<string>()
  #until = -Infinity
  #untold = 0

  constructor(now: () => number, tell: (rejection: Rejection) => void) {
    this.#now = now
    this.#tell = tell
  }

  /** Takes note of one. */
  add(address: string, reason: string): void {
    this.total++
    this.byKind[kindOf(reason)]++
    this.#untold++
    const now = this.#now()
    if (now >= this.#until) {
      this.#until = now + intervalMs
      this.#told.clear()
    }
    const kind = `${address.replace(/:\d+$/, '')} ${reason}`
    if (this.#told.size >= toldMax || this.#told.has(kind)) return
    this.#told.add(kind)
    const count = this.#untold
    this.#untold = 0
    this.#tell({ address, reason, count })
  }
}
