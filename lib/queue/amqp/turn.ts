/** Something that comes in pieces, and is over sooner or later; it fails when nothing comes for a while. */
export class Turn {
  readonly over: Promise<void>
  /** Fails it, unless it is over. */
  readonly fail: (error: Error) => void
  isOver = false
  readonly #resolve: () => void
  readonly #timer: NodeJS.Timeout

  /** @param quietMs how long nothing may come @param why what it fails with then */
  constructor(quietMs: number, why: string) {
    let resolve: () => void = () => undefined
    let reject: (error: Error) => void = () => undefined
    this.over = new Promise<void>((yes, no) => {
      resolve = yes
      reject = no
    })
    // nobody may have begun to wait for it
    this.over.catch(() => undefined)
    this.#resolve = resolve
    this.fail = reject
    this.#timer = setTimeout(() => reject(new Error(why)), quietMs)
  }

  /** A piece came. */
  goOn(): void {
    if (!this.isOver) this.#timer.refresh()
  }

  end(): void {
    this.isOver = true
    clearTimeout(this.#timer)
    this.#resolve()
  }
}
