/**
 * What transactions pass. It is held while another process opens the folder. Bounded by how many
 * processes there are.
 */
export class Gate {
  readonly #holds = new Set<Promise<void>>()
  #passing: Promise<unknown> | undefined
  #count = 0

  /** How often it has been held. */
  get count(): number {
    return this.#count
  }

  /** Whether somebody holds it. */
  get isHeld(): boolean {
    return this.#holds.size > 0
  }

  /** Resolves when nobody holds it. */
  async clear(): Promise<void> {
    for (const hold of this.#holds) await hold
  }

  /** Does something once nobody holds it. One at a time. */
  async pass<T>(act: () => Promise<T>): Promise<T> {
    while (this.isHeld) await this.clear()
    const passing = act()
    this.#passing = passing
    return passing
  }

  /** Nothing passes until what this resolves to is called; resolves when nothing is passing any more. */
  async hold(): Promise<() => void> {
    let release = (): void => undefined
    const hold = new Promise<void>((resolve) => {
      release = () => {
        this.#holds.delete(hold)
        resolve()
      }
    })
    this.#holds.add(hold)
    this.#count++
    await this.#passing?.catch(() => undefined)
    return release
  }
}
