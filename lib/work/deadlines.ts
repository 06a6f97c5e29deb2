/** What has a time by which it must be over. It is a link of a list while it waits for that. */
export interface Timed {
  /** On the clock that `now` is read from; Infinity: never. */
  readonly dueAt: number
  before: Timed | undefined
  after: Timed | undefined
}

/** Deadlines that lie so close to each other are kept together. */
const spanMs = 256

/** A list, and at the same time the link before its first and after its last. */
class Span implements Timed {
  readonly dueAt = NaN
  before: Timed = this
  after: Timed = this

  get isEmpty(): boolean {
    return this.after === this
  }

  /** Its items. The one that is handed out may be removed meanwhile. */
  *items(): IterableIterator<Timed> {
    for (let item = this.after; item !== this; ) {
      const next = item.after as Timed
      yield item
      item = next
    }
  }
}

/**
 * The deadlines of many, of which most are over long before: lists of those that end at about the same time. Adding and
 * removing cost the same however many there are, and what is removed leaves nothing behind (a Set's or Map's tables
 * would: when they turn old, each holds on to the next and to all that was in it). Knows no clock.
 */
export class Deadlines<T extends Timed> {
  readonly #spans = new Map<number, Span>()
  /** The list that was added to last: most of the time the next goes there, too. */
  #last = new Span()
  #lastNumber = NaN

  /** Adds one, unless it is there already. */
  add(item: T): void {
    if (item.dueAt === Infinity || item.after !== undefined) return
    const number = Math.floor(item.dueAt / spanMs)
    if (number !== this.#lastNumber) {
      if (this.#last.isEmpty) this.#spans.delete(this.#lastNumber)
      const known = this.#spans.get(number)
      this.#last = known ?? new Span()
      this.#lastNumber = number
      if (known === undefined) this.#spans.set(number, this.#last)
    }
    const last = this.#last.before
    item.before = last
    item.after = this.#last
    last.after = item
    this.#last.before = item
  }

  /** It is over; or was never added. */
  remove(item: T): void {
    const { before, after } = item
    if (before === undefined || after === undefined) return
    before.after = after
    after.before = before
    item.before = undefined
    item.after = undefined
    // the last of its list
    if (before !== after || before === this.#last) return
    const number = Math.floor(item.dueAt / spanMs)
    if (this.#spans.get(number)?.isEmpty === true) this.#spans.delete(number)
  }

  /** The earliest deadline; Infinity when there is none. Not to be asked for each. */
  next(): number {
    let first = Infinity
    for (const [number, span] of this.#spans) if (!span.isEmpty && number < first) first = number
    let earliest = Infinity
    for (const { dueAt } of this.#spans.get(first)?.items() ?? []) earliest = Math.min(earliest, dueAt)
    return earliest
  }

  /** Takes out those whose time has come, earliest first, and hands them over. */
  due(now: number, expire: (item: T) => void): void {
    const due: T[] = []
    for (const [number, span] of this.#spans) {
      if (number * spanMs > now) continue
      for (const item of span.items()) if (item.dueAt <= now) due.push(item as T)
    }
    due.sort((a, b) => a.dueAt - b.dueAt)
    for (const item of due) {
      // it may be over because of one before it
      if (item.after === undefined) continue
      this.remove(item)
      expire(item)
    }
  }
}
