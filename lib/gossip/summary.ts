import { mix32 } from './hash.js'
import type { Member } from './member.js'

const historyLength = 64

/**
 * One number for everything known: the sum of a hash of each key space's owner, version and whether it is alive. Two
 * peers with the same number hold the same state, and need not compare further. Kept up to date by looking only at what
 * changed; the last values are remembered, so that a partner that is merely a little behind can be told from one that
 * knows something we do not.
 */
export class Summary {
  /** The number, as it was when it was asked for last. */
  #value = 0
  /** Whether there are members to be counted anew. */
  #isStale = false
  readonly #stale = new Set<Member>()
  #low = 0
  #high = 0
  readonly #history: number[] = []
  #next = 0

  /** The member's version changed, or whether it counts (`counted` 0 in the end: it does not). */
  touch(member: Member): void {
    this.#stale.add(member)
    this.#isStale = true
  }

  /** 0 .. 2^48 - 1. `counts` says whether a member is part of what is shared. */
  value(counts: (member: Member, now: number) => boolean, now = 0): number {
    if (!this.#isStale) return this.#value
    for (const member of this.#stale) {
      this.#count(member, member.summed, -1)
      member.summed = counts(member, now) ? member.maxVersion * 2 + (member.isLive ? 1 : 0) : 0
      this.#count(member, member.summed, 1)
    }
    this.#stale.clear()
    this.#isStale = false
    this.#value = this.#high * 0x1_0000_0000 + this.#low
    this.#remember()
    return this.#value
  }

  /** Whether we have held exactly this lately. */
  passed(value: number): boolean {
    return this.#history.includes(value)
  }

  #count(member: Member, summed: number, sign: 1 | -1): void {
    if (summed === 0) return
    const { id } = member.identity
    const low = mix32((id >>> 0) ^ mix32(summed >>> 0) ^ Math.floor(summed / 0x1_0000_0000))
    const high = mix32(low ^ Math.floor(id / 0x1_0000_0000)) & 0xffff
    this.#low = (this.#low + sign * low) >>> 0
    this.#high = (this.#high + sign * high) & 0xffff
  }

  #remember(): void {
    if (this.#value === this.#history[(this.#next + historyLength - 1) % historyLength]) return
    this.#history[this.#next] = this.#value
    this.#next = (this.#next + 1) % historyLength
  }
}
