import { EventQueue, type Happening } from './queue.js'

/** Unix time at which every run begins: 2025-01-01. A fixed one, because the date must not change what happens. */
const beginningMs = 1_735_689_600_000

/** Virtual time: it stands still until it is told to go on, and then leaps from one happening to the next. */
export class VirtualTime {
  readonly #queue = new EventQueue()
  #nowUs = 0
  #steps = 0

  /** Whole microseconds since the beginning. Whole, because the order of things must not hang on rounding. */
  get nowUs(): number {
    return this.#nowUs
  }

  /** Milliseconds since the beginning. */
  get nowMs(): number {
    return this.#nowUs / 1_000
  }

  /** Unix time, milliseconds, by a clock that is right. */
  get wallMs(): number {
    return beginningMs + this.#nowUs / 1_000
  }

  /** How many things have happened. */
  get steps(): number {
    return this.#steps
  }

  /** How many things are still to happen. */
  get waiting(): number {
    return this.#queue.size
  }

  /** Lets `what` happen `delayUs` from now; a fraction of a microsecond counts as a whole one. */
  after(delayUs: number, what: Happening): void {
    this.#queue.push(this.#nowUs + Math.max(0, Math.ceil(delayUs)), what)
  }

  /** Lets `what` happen at `atUs`, or now when that is past. */
  at(atUs: number, what: Happening): void {
    this.#queue.push(Math.max(this.#nowUs, atUs), what)
  }

  /** Lets the next thing happen if it is due by `untilUs`; false when there is none, and then it is `untilUs`. */
  step(untilUs: number): boolean {
    const atUs = this.#queue.nextAtUs
    if (atUs > untilUs) {
      this.#nowUs = untilUs
      return false
    }
    this.#nowUs = atUs
    this.#steps++
    this.#queue.pop()?.happen()
    return true
  }
}
