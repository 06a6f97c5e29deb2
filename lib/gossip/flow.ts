/**
 * Flow control after van Renesse, Dumitriu, Gough and Thomas, "Efficient reconciliation and flow control for
 * anti-entropy protocols" (LADIS 2008), section 4. Each peer has a rate `tau` that its updates may not exceed. When
 * exchanges keep showing that partners cannot be brought up to date within the budget, tau shrinks by a factor; when
 * there is room, it grows by a step (additive increase, multiplicative decrease, as in TCP). Partners share their tau
 * at each exchange by demand, so that a busy peer may use what idle ones do not; what all may send together stays the
 * same.
 *
 * Rates are bytes per second of own updates.
 */
const rateMin = 64 << 10
const rateMax = 512 << 20
const rateFirst = 128 << 20
/** Exchanges in a row that must show overflow before the rate falls, or room before it rises. */
const overflowsToSlow = 2
const roomsToGrow = 4
const slowFactor = 0.75
const growStep = 256 << 10
/** A lag of so much time at the present demand is an overflow. */
const overflowMs = 1_000
/** After the rate fell, it is not shared for so long, and grows by itself only. */
const holdMs = 5_000
/** What may go out at once, in time at the present rate, and at least. */
const burstMs = 100
const burstBytesMin = 64 << 10
/** Least part of what two partners may send together that stays with each. */
const shareMin = 16
/** Time constant of the demand's moving average. */
const demandMs = 2_000

/** What one peer may send of its own updates, and how that changes. */
export class FlowControl {
  #rate = rateFirst
  #demand = 0
  #demandAt = 0
  #tokens = burstBytesMin
  #tokensAt = 0
  #slowedAt = -Infinity
  #overflows = 0
  #rooms = 0

  /** tau: the most this peer may send. */
  get rate(): number {
    return this.#rate
  }

  /** rho: what it has wanted to send of late. */
  demand(now: number): number {
    this.#decay(now)
    return this.#demand
  }

  /** Own updates of so many bytes were made. */
  made(bytes: number, now: number): void {
    this.#decay(now)
    this.#demand += (bytes * 1_000) / demandMs
  }

  /** Bytes that may go out now. */
  allowance(now: number): number {
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#tokensAt) * this.#rate) / 1_000)
    this.#tokensAt = now
    return this.#tokens
  }

  /** So many bytes went out. May overdraw, but never by more than a burst. */
  spend(bytes: number): void {
    this.#tokens = Math.max(-this.#burst, this.#tokens - bytes)
  }

  get #burst(): number {
    return Math.max(burstBytesMin, (this.#rate * burstMs) / 1_000)
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
   * An exchange showed by how many bytes a partner lags behind our updates. More than a second's worth is an overflow:
   * the rate falls below what we have been sending, which evidently is too much. Who hardly sends is not the cause.
   */
  exchanged(lagBytes: number, now: number): void {
    const demand = this.demand(now)
    if (demand >= rateMin && lagBytes > Math.max(burstBytesMin, (demand * overflowMs) / 1_000)) {
      this.#rooms = 0
      if (++this.#overflows < overflowsToSlow) return
      this.#overflows = 0
      this.#rate = Math.max(rateMin, Math.min(this.#rate, demand) * slowFactor)
      this.#slowedAt = now
    } else {
      this.#overflows = 0
      if (++this.#rooms < roomsToGrow) return
      this.#rooms = 0
      this.#rate = Math.min(rateMax, this.#rate + growStep)
    }
  }

  /**
   * Shares what both may send with a partner, by demand. Both sides come to the same split from the same four numbers.
   */
  share(partnerDemand: number, partnerRate: number, now: number): void {
    // what was found to be too much must not come back from a partner that has not found out yet
    if (now - this.#slowedAt < holdMs) return
    const mine = this.demand(now)
    const total = this.#rate + Math.min(rateMax, partnerRate)
    const slack = total - mine - partnerDemand
    let share: number
    if (slack >= 0) share = mine + slack / 2
    else if (mine <= total / 2) share = mine
    else if (partnerDemand <= total / 2) share = total - partnerDemand
    else share = total / 2
    // whatever the partner asks for, something is left to grow from
    this.#rate = Math.min(rateMax, Math.max(rateMin, total / shareMin, share))
  }

  #decay(now: number): void {
    if (now === this.#demandAt) return
    this.#demand *= Math.exp((this.#demandAt - now) / demandMs)
    this.#demandAt = now
  }
}
