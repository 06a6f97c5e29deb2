/** A promise of something that is settled from outside, and may be promised anew. */
export class Readiness<T> {
  readonly promise: Promise<T>
  #settled = false
  #resolve!: (value: T) => void
  #reject!: (error: unknown) => void

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  resolve(value: T): void {
    this.#settled = true
    this.#resolve(value)
  }

  /** With `handled` somebody knows already: it does no harm when nobody looks at the promise. */
  reject(error: unknown, handled: boolean): void {
    this.#settled = true
    if (handled) this.promise.catch(() => undefined)
    this.#reject(error)
  }

  /** Itself, or a new one if this one is settled. */
  renewed(): Readiness<T> {
    return this.#settled ? new Readiness() : this
  }
}
