/** Allows something so often in a second, and no more. */
export class Rate {
  readonly #perSecond: number
  #since = -Infinity
  #count = 0

  constructor(perSecond: number) {
    this.#perSecond = perSecond
  }

  /** How often it was asked in this second. */
  get count(): number {
    return this.#count
  }

  /** @param now milliseconds, of any clock that only rises */
  allows(now: number): boolean {
    if (now - this.#since >= 1_000) {
      this.#since = now
      this.#count = 0
    }
    return ++this.#count <= this.#perSecond
  }
}
