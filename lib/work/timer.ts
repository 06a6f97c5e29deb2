import type { Clock } from '../host/clock.js'

/** The longest that the system's timers can wait. */
const delayMsMax = 2 ** 31 - 1

/** One timer for many times: it goes off at the earliest that it was told of. */
export class Timer {
  readonly #clock: Clock
  readonly #ring: (now: number) => number
  #at = Infinity
  #cancel: (() => void) | undefined

  /** @param ring called when it is time; returns when to call next, Infinity for never */
  constructor(clock: Clock, ring: (now: number) => number) {
    this.#clock = clock
    this.#ring = ring
  }

  /** Rings at that time, or earlier. */
  at(time: number): void {
    if (time >= this.#at) return
    this.#cancel?.()
    this.#at = time
    this.#cancel = this.#clock.after(Math.min(Math.max(0, Math.ceil(time - this.#clock.now())), delayMsMax), () => {
      this.#at = Infinity
      this.#cancel = undefined
      this.at(this.#ring(this.#clock.now()))
    })
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
    this.#at = Infinity
  }
}
