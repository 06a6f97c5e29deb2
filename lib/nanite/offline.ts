import { TelepathineError } from '../gossip/errors.js'
import type { Clock } from '../host/clock.js'

/** Most of what waits. */
const waitingMax = 10_000

/**
 * What nobody can do at the moment, in the order in which it came. It is tried again now and then, and as soon as there
 * may be somebody.
 */
export class OfflineQueue<T> {
  /** Bounded by `waitingMax`. */
  readonly #waiting = new Set<T>()
  readonly #clock: Clock
  readonly #everyMs: number
  readonly #deliver: (item: T) => boolean
  #cancelTimer: (() => void) | undefined
  #cancelSoon: (() => void) | undefined

  /** `deliver` says whether it could be done. */
  constructor(clock: Clock, everyMs: number, deliver: (item: T) => boolean) {
    this.#clock = clock
    this.#everyMs = everyMs
    this.#deliver = deliver
  }

  /** @throws TelepathineError `ERR_OVERLOAD` */
  add(item: T): void {
    if (this.#waiting.size >= waitingMax) {
      throw new TelepathineError('ERR_OVERLOAD', `${waitingMax} requests wait for an agent, and that is the most`)
    }
    this.#waiting.add(item)
    this.#cancelTimer ??= this.#again()
  }

  /** Whether it was there. */
  delete(item: T): boolean {
    return this.#waiting.delete(item)
  }

  /** There may be somebody. */
  look(): void {
    if (this.#waiting.size > 0) this.#cancelSoon ??= this.#clock.soon(() => this.#try())
  }

  /** Empties it, and gives what was there. */
  stop(): T[] {
    this.#cancelTimer?.()
    this.#cancelSoon?.()
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    return waiting
  }

  #again(): () => void {
    return this.#clock.after(this.#everyMs, () => {
      this.#cancelTimer = undefined
      this.#try()
      if (this.#waiting.size > 0) this.#cancelTimer ??= this.#again()
    })
  }

  #try(): void {
    this.#cancelSoon = undefined
    for (const item of Array.from(this.#waiting)) {
      // taken out first: what fails at once may come back
      if (this.#waiting.delete(item) && !this.#deliver(item)) this.#waiting.add(item)
    }
  }
}
