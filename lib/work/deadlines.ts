/** What has a time by which it must be over. */
export interface Timed {
  /** On the clock that `now` is read from; Infinity: never. */
  readonly dueAt: number
  /** Whether it is over, so that its deadline means nothing any more. */
  readonly isOver: boolean
}

/** Those that are over may wait for their deadline in here until they are so many, and more than the others. */
const overMax = 1_024

/**
 * The deadlines of many, of which most are over long before: a heap, earliest first. Adding costs next to nothing when
 * deadlines come in order, as they do. Knows no clock. Bounded by twice what is not over.
 */
export class Deadlines<T extends Timed> {
  #heap: T[] = []
  #over = 0

  /** How many are held, those that are over included. */
  get size(): number {
    return this.#heap.length
  }

  add(item: T): void {
    if (item.dueAt === Infinity) return
    const heap = this.#heap
    let i = heap.length
    heap.push(item)
    while (i > 0) {
      const parent = (i - 1) >> 1
      const above = heap[parent] as T
      if (above.dueAt <= item.dueAt) break
      heap[i] = above
      i = parent
    }
    heap[i] = item
  }

  /** One of those added, with a deadline, is over now. */
  ended(item: T): void {
    if (item.dueAt === Infinity || ++this.#over < overMax || this.#over * 2 < this.#heap.length) return
    this.#over = 0
    // a sorted list is a heap
    this.#heap = this.#heap.filter(({ isOver }) => !isOver).sort((a, b) => a.dueAt - b.dueAt)
  }

  /** The earliest deadline of those that are not over; Infinity when there is none. */
  next(): number {
    for (;;) {
      const first = this.#heap[0]
      if (first === undefined) return Infinity
      if (!first.isOver) return first.dueAt
      this.#pop()
    }
  }

  /** Takes out those whose time has come, earliest first, and hands them over. */
  due(now: number, expire: (item: T) => void): void {
    while (this.next() <= now) {
      const first = this.#heap[0] as T
      this.#pop()
      expire(first)
    }
  }

  #pop(): void {
    const heap = this.#heap
    if (heap[0]?.isOver === true && this.#over > 0) this.#over--
    const last = heap.pop() as T
    const length = heap.length
    if (length === 0) return
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= length) break
      const right = heap[child + 1]
      if (right !== undefined && right.dueAt < (heap[child] as T).dueAt) child++
      const below = heap[child] as T
      if (below.dueAt >= last.dueAt) break
      heap[i] = below
      i = child
    }
    heap[i] = last
  }
}
