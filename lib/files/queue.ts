/**
 * Does one thing at a time, for one name at a time. A name that is already waiting is not added again: whoever is
 * called looks at the state of the name as it is by then. Bounded by the number of names.
 */
export class NameQueue {
  readonly #waiting = new Set<string>()
  readonly #work: (name: string) => Promise<void>
  #running: Promise<void> | undefined
  #closed = false

  /** `work` must not reject. */
  constructor(work: (name: string) => Promise<void>) {
    this.#work = work
  }

  /** Has `name` looked at, soon. */
  add(name: string): void {
    if (this.#closed) return
    this.#waiting.add(name)
    this.#running ??= this.#run()
  }

  /** Resolves when nothing waits and nothing is under way. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running
  }

  /** Forgets what waits, takes no more, and resolves when what is under way is done. */
  async close(): Promise<void> {
    this.#closed = true
    this.#waiting.clear()
    await this.idle()
  }

  async #run(): Promise<void> {
    // Not in the caller's stack: what is added in one go is looked at in one go.
    await Promise.resolve()
    for (const name of this.#waiting) {
      this.#waiting.delete(name)
      await this.#work(name)
    }
    this.#running = undefined
  }
}
