/** Something that is due at a moment of virtual time. */
export interface Happening {
  happen(): void
}

/**
 * What is still to happen, soonest first, and in the order it was asked for among what is due at the same moment.
 * A binary heap in parallel arrays: thousands of peers have hundreds of thousands of messages under way, and an
 * object for each place in the heap would cost more than the messages.
 */
export class EventQueue {
  #atUs = new Float64Array(1_024)
  #order = new Float64Array(1_024)
  #what: (Happening | undefined)[] = []
  #size = 0
  #asked = 0

  /** How much is waiting. */
  get size(): number {
    return this.#size
  }

  /** When the next thing is due, microseconds; Infinity when there is nothing. */
  get nextAtUs(): number {
    return this.#size === 0 ? Infinity : (this.#atUs[0] as number)
  }

  /** Adds what is due at `atUs`, a whole number of microseconds. */
  push(atUs: number, what: Happening): void {
    if (this.#size === this.#atUs.length) this.#grow()
    const order = this.#asked++
    let hole = this.#size++
    while (hole > 0) {
      const parent = (hole - 1) >> 1
      const parentAtUs = this.#atUs[parent] as number
      // whatever waits already was asked for earlier, so it goes first when both are due at once
      if (parentAtUs <= atUs) break
      this.#place(hole, parentAtUs, this.#order[parent] as number, this.#what[parent] as Happening)
      hole = parent
    }
    this.#place(hole, atUs, order, what)
  }

  /** Takes out the next thing; undefined when there is nothing. */
  pop(): Happening | undefined {
    if (this.#size === 0) return undefined
    const first = this.#what[0]
    const last = --this.#size
    const atUs = this.#atUs[last] as number
    const order = this.#order[last] as number
    const what = this.#what[last] as Happening
    this.#what[last] = undefined
    if (last > 0) this.#sink(atUs, order, what)
    return first
  }

  #sink(atUs: number, order: number, what: Happening): void {
    let hole = 0
    for (;;) {
      let child = 2 * hole + 1
      if (child >= this.#size) break
      const right = child + 1
      if (right < this.#size && this.#isBefore(right, this.#atUs[child] as number, this.#order[child] as number)) {
        child = right
      }
      if (!this.#isBefore(child, atUs, order)) break
      this.#place(hole, this.#atUs[child] as number, this.#order[child] as number, this.#what[child] as Happening)
      hole = child
    }
    this.#place(hole, atUs, order, what)
  }

  #isBefore(place: number, atUs: number, order: number): boolean {
    const placeAtUs = this.#atUs[place] as number
    return placeAtUs < atUs || (placeAtUs === atUs && (this.#order[place] as number) < order)
  }

  #place(place: number, atUs: number, order: number, what: Happening): void {
    this.#atUs[place] = atUs
    this.#order[place] = order
    this.#what[place] = what
  }

  #grow(): void {
    const atUs = new Float64Array(this.#atUs.length * 2)
    const order = new Float64Array(atUs.length)
    atUs.set(this.#atUs)
    order.set(this.#order)
    this.#atUs = atUs
    this.#order = order
  }
}
