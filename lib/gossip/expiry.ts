import type { Entry } from './entry.js'
import type { KeySpace } from './keyspace.js'

/** Width of a bucket: how late an expiry may be noticed. (What is read is checked to the millisecond.) */
const bucketMs = 16

interface Bucket {
  readonly number: number
  entries: Entry[]
  spaces: KeySpace[]
}

/**
 * Which entries end when: entries fall into buckets of a few milliseconds, and a heap orders the buckets, so that a
 * hundred thousand events of one lifetime cost one heap operation a bucket. Entries that were replaced meanwhile are
 * passed over when their time comes, or swept out once they are most of what is held here.
 */
export class Expiry {
  readonly #buckets = new Map<number, Bucket>()
  readonly #heap: Bucket[] = []
  #held = 0
  #gone = 0

  add(space: KeySpace, entry: Entry): void {
    if (entry.deadline === Infinity) return
    const number = Math.ceil(entry.deadline / bucketMs)
    let bucket = this.#buckets.get(number)
    if (bucket === undefined) {
      bucket = { number, entries: [], spaces: [] }
      this.#buckets.set(number, bucket)
      this.#push(bucket)
    }
    bucket.entries.push(entry)
    bucket.spaces.push(space)
    this.#held++
  }

  /** An entry that was added here has been replaced or dropped. */
  forget(entry: Entry): void {
    if (entry.deadline === Infinity) return
    this.#gone++
    if (this.#gone > 1024 && this.#gone * 2 > this.#held) this.#sweep()
  }

  /** When the next bucket is due; Infinity when there is none. */
  get nextDue(): number {
    const first = this.#heap[0]
    return first === undefined ? Infinity : first.number * bucketMs
  }

  /** Takes out every entry whose time is over. */
  due(now: number, each: (space: KeySpace, entry: Entry) => void): void {
    for (;;) {
      const bucket = this.#heap[0]
      if (bucket === undefined || bucket.number * bucketMs > now) return
      this.#pop()
      this.#buckets.delete(bucket.number)
      this.#held -= bucket.entries.length
      for (let i = 0; i < bucket.entries.length; i++) {
        const entry = bucket.entries[i] as Entry
        if (entry.gone) this.#gone--
        else each(bucket.spaces[i] as KeySpace, entry)
      }
    }
  }

  #sweep(): void {
    this.#held = 0
    this.#gone = 0
    const buckets = this.#heap.splice(0)
    for (const bucket of buckets) {
      const entries: Entry[] = []
      const spaces: KeySpace[] = []
      for (let i = 0; i < bucket.entries.length; i++) {
        const entry = bucket.entries[i] as Entry
        if (entry.gone) continue
        entries.push(entry)
        spaces.push(bucket.spaces[i] as KeySpace)
      }
      bucket.entries = entries
      bucket.spaces = spaces
      this.#held += entries.length
      if (entries.length === 0) this.#buckets.delete(bucket.number)
    }
    // in order, they are a heap
    for (const bucket of [...this.#buckets.values()].sort((a, b) => a.number - b.number)) this.#heap.push(bucket)
  }

  #push(bucket: Bucket): void {
    const heap = this.#heap
    let at = heap.length
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = heap[parent] as Bucket
      if (above.number <= bucket.number) break
      heap[at] = above
      at = parent
    }
    heap[at] = bucket
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop() as Bucket
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && (heap[child + 1] as Bucket).number < (heap[child] as Bucket).number) child++
      const below = heap[child] as Bucket
      if (below.number >= last.number) break
      heap[at] = below
      at = child
    }
    heap[at] = last
  }
}
