/** What knows its place in a {@link Bag}. */
export interface Placed {
  /** -1 while it is in none. */
  place: number
}

/** Things in no order: adding and removing cost the same however many there are, and leave nothing behind. */
export class Bag<T extends Placed> {
  readonly #items: T[] = []

  get size(): number {
    return this.#items.length
  }

  add(item: T): void {
    item.place = this.#items.length
    this.#items.push(item)
  }

  /** False when it is not there. */
  delete(item: T): boolean {
    const { place } = item
    if (place < 0) return false
    const last = this.#items.pop() as T
    if (last !== item) {
      this.#items[place] = last
      last.place = place
    }
    item.place = -1
    return true
  }

  /** All that are there now. */
  values(): T[] {
    return [...this.#items]
  }
}
