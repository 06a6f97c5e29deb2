/** What {@link Slots.take} decides. */
export type Admission = 'run' | 'wait' | 'full'

/** How much a new measurement counts in the mean time that a job takes. */
const newShare = 0.1

/**
 * Who may run: so many at a time, the others wait in the order they came, and when too many wait nobody is taken in.
 * Bounded by `concurrency` and `queueMax`, and by those who {@link Slots.wait}. Knows no clock.
 */
export class Slots<J> {
  readonly concurrency: number
  readonly queueMax: number
  /** How many run. */
  running = 0
  readonly #waiting = new Set<J>()
  #meanMs = 0

  constructor(concurrency: number, queueMax: number) {
    this.concurrency = concurrency
    this.queueMax = queueMax
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** Whether nobody runs or waits. */
  get isEmpty(): boolean {
    return this.running === 0 && this.#waiting.size === 0
  }

  /** A job wants to run: it may now, or waits, or is not taken in. */
  take(job: J): Admission {
    return this.running >= this.concurrency && this.#waiting.size >= this.queueMax ? 'full' : this.wait(job)
  }

  /** A job wants to run, and whoever sent it sees to it that not too many wait: it may now, or waits. */
  wait(job: J): Exclude<Admission, 'full'> {
    if (this.running < this.concurrency) {
      this.running++
      return 'run'
    }
    this.#waiting.add(job)
    return 'wait'
  }

  /** A job is done, and ran for `tookMs` if that was measured: gives the one that may run in its place. */
  release(tookMs: number | undefined): J | undefined {
    if (tookMs !== undefined) this.#meanMs += (tookMs - this.#meanMs) * newShare
    const [next] = this.#waiting
    if (next === undefined) this.running--
    else this.#waiting.delete(next)
    return next
  }

  /** A job does not want to wait any more; false when it did not wait. */
  leave(job: J): boolean {
    return this.#waiting.delete(job)
  }

  /** Those who wait, in order; they wait no longer. */
  empty(): J[] {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    return waiting
  }

  /** How long it may take until there is room, milliseconds: from 1 to 10,000. */
  get retryAfterMs(): number {
    const ms = (this.#meanMs * (this.#waiting.size + 1)) / this.concurrency
    return Math.min(Math.max(1, Math.ceil(ms)), 10_000)
  }
}
