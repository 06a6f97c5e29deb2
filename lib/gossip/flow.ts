import { dropOldest } from './bounded.js'

/**
 * Flow control after van Renesse, Dumitriu, Gough and Thomas, "Efficient reconciliation and flow control for
 * anti-entropy protocols" (LADIS 2008), section 4. Each peer has a rate `tau` that its updates may not exceed. When
 * others fall behind with them, tau shrinks by a factor; when nobody does, it grows by a step (additive increase,
 * multiplicative decrease, as in TCP). Partners share their tau at each exchange by demand, so that a busy peer may use
 * what idle ones do not; what all may send together stays the same.
 *
 * The paper measures overflow by what does not fit into a message. Messages have no such limit here; what counts is how
 * old the first of our updates is that a partner lacks.
 *
 * Rates are bytes per second of own updates.
 */
const rateMin = 4 << 10
const rateMax = 512 << 20
const rateFirst = 128 << 20
/** A partner that lacks an update of this age is behind. */
const behindMs = 1_000
/** What partners said of it counts for so long; as many of the latest are remembered. */
const reportMs = 3_000
const reportsMax = 8
/** How often the rate is looked at, and how often in a row most must be behind before it falls. */
const lookEveryMs = 500
const overflowsToSlow = 2
const slowFactor = 0.75
/** The first step of growth; as long as nobody is behind, each is twice the one before. */
const growStep = 8 << 10
/** After the rate fell, it is not shared for so long, and grows by itself only. */
const holdMs = 5_000
/** What may go out at once, in time at the present rate, and at least. */
const burstMs = 100
const burstBytesMin = 16 << 10
/** Least part of what two partners may send together that stays with each. */
const shareMin = 16
/** Time constant of the moving averages. */
const averageMs = 2_000
/** How exactly it is remembered when updates were made, and how many such marks are kept. */
const markEveryMs = 50
const marksMax = 400

/** What one peer may send of its own updates, and how that changes. */
export class FlowControl {
  #rate = rateFirst
  readonly #demand = new Average()
  readonly #sent = new Average()
  /** From when on what was sent is less than a byte a second, on average, if nothing more is. */
  #idleFrom = -Infinity
  #tokens = burstBytesMin
  #tokensAt = 0
  #slowedAt = -Infinity
  #nextLook = -Infinity
  #overflows = 0
  #step = growStep
  /** How far behind each of the last few partners was heard to be. At most `reportsMax`. */
  readonly #reports = new Map<string, { readonly behindMs: number; readonly at: number }>()
  /** Which version was the first after a time. At most `marksMax`, the eldest first. */
  readonly #marks: { readonly version: number; readonly at: number }[] = []

  /** tau: the most this peer may send. */
  get rate(): number {
    return this.#rate
  }

  /** rho: what it has wanted to send of late. */
  demand(now: number): number {
    return this.#demand.at(now)
  }

  /** An own update of so many bytes was made; it has this version. */
  made(bytes: number, version: number, now: number): void {
    this.#demand.add(bytes, now)
    const last = this.#marks[this.#marks.length - 1]
    if (last !== undefined && now < last.at + markEveryMs) return
    this.#marks.push({ version, at: now })
    if (this.#marks.length > marksMax) this.#marks.shift()
  }

  /** Own versions count from 1 again. */
  restart(): void {
    this.#marks.length = 0
    this.#reports.clear()
  }

  /** Whether nothing has been sent for so long that what is reported of it says nothing about the rate. */
  isIdle(now: number): boolean {
    return now > this.#idleFrom
  }

  /** Bytes that may go out now. */
  allowance(now: number): number {
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#tokensAt) * this.#rate) / 1_000)
    this.#tokensAt = now
    return this.#tokens
  }

  /** So many bytes went out. May overdraw, but never by more than a burst: nobody falls silent for long. */
  spend(bytes: number, now: number): void {
    this.#sent.add(bytes, now)
    this.#idleFrom = now + averageMs * Math.log(this.#sent.at(now))
    this.#tokens = Math.max(-this.#burst, this.#tokens - bytes)
  }

  get #burst(): number {
    return Math.max(burstBytesMin, (this.#rate * burstMs) / 1_000)
  }

  /** The largest message that keeps to the rate, within `max`. */
  messageBytes(max: number): number {
    return Math.min(max, this.#burst)
  }

  /** How much may wait before the user is asked to slow down: what takes a second to send, within `max`. */
  patience(max: number): number {
    return Math.min(max, Math.max(burstBytesMin, this.#rate))
  }

  /** When there will be something to spend again. */
  readyAt(now: number): number {
    if (this.#tokens > 0) return now
    return this.#tokensAt + Math.max(1, Math.ceil((-this.#tokens * 1_000) / this.#rate))
  }

  /**
   * A partner was heard to know our log up to `version`. When most of those heard of late are behind, and stay so, the
   * rate falls below what we have been sending, which evidently is too much. A single slow partner changes nothing.
   */
  reported(partner: string, version: number, now: number): void {
    if (this.isIdle(now)) return
    const sent = this.#sent.at(now)
    this.#reports.delete(partner)
    this.#reports.set(partner, { behindMs: Math.max(0, now - this.#madeAfter(version)), at: now })
    dropOldest(this.#reports, reportsMax)
    if (now < this.#nextLook) return
    this.#nextLook = now + lookEveryMs
    if (!this.#areBehind(now)) {
      this.#overflows = 0
      this.#rate = Math.min(rateMax, this.#rate + this.#step)
      this.#step = Math.min(rateMax, this.#step * 2)
    } else if (sent >= rateMin && ++this.#overflows >= overflowsToSlow) {
      this.#overflows = 0
      this.#rate = Math.max(rateMin, Math.min(this.#rate, sent) * slowFactor)
      this.#step = growStep
      this.#slowedAt = now
    }
  }

  /** How old the first of our updates was that a partner was heard to lack of late, of the one furthest behind; ms. */
  lagMs(now: number): number {
    let lagMs = 0
    for (const report of this.#reports.values()) {
      if (report.at >= now - reportMs) lagMs = Math.max(lagMs, report.behindMs)
    }
    return lagMs
  }

  /** When the first update after `version` was made; Infinity: there is none. */
  #madeAfter(version: number): number {
    for (const mark of this.#marks) if (mark.version > version) return mark.at
    return Infinity
  }

  #areBehind(now: number): boolean {
    let behind = 0
    let heard = 0
    for (const report of this.#reports.values()) {
      if (report.at < now - reportMs) continue
      heard++
      if (report.behindMs > behindMs) behind++
    }
    return behind * 2 > heard
  }

  /**
   * Shares what both may send with a partner, by demand. Both sides come to the same split from the same four numbers.
   * A rate that nobody has put to the test is nothing to share: who has one takes over what the partner has found.
   */
  share(partnerDemand: number, partnerRate: number, now: number): void {
    // what was found to be too much must not come back from a partner that has not found out yet
    if (now - this.#slowedAt < holdMs || partnerRate >= rateFirst) return
    if (this.#rate >= rateFirst) {
      this.#rate = Math.max(rateMin, partnerRate)
      return
    }
    const mine = this.demand(now)
    const total = this.#rate + partnerRate
    const slack = total - mine - partnerDemand
    let share: number
    if (slack >= 0) share = mine + slack / 2
    else if (mine <= total / 2) share = mine
    else if (partnerDemand <= total / 2) share = total - partnerDemand
    else share = total / 2
    // whatever the partner asks for, something is left to grow from
    this.#rate = Math.min(rateMax, Math.max(rateMin, total / shareMin, share))
  }
}

/** A moving average of bytes per second. */
class Average {
  #value = 0
  #at = 0

  at(now: number): number {
    if (now !== this.#at) {
      this.#value *= Math.exp((this.#at - now) / averageMs)
      this.#at = now
    }
    return this.#value
  }

  add(bytes: number, now: number): void {
    this.#value = this.at(now) + (bytes * 1_000) / averageMs
  }
}
