/** What is found by its serial. */
export interface Numbered {
  readonly serial: number
}

const slotsMin = 16
/** Beyond this a table does not grow for one that has no place in it. */
const slotsMax = 1 << 20

/**
 * Calls by serial, 32 bits wide. An array in which each has its place by the low bits of the serial: whoever gives the
 * serials leaves out those whose place is taken. A Map would do, but for its tables: they are made anew all the time
 * when much comes and goes, and those that turned old each keep the next one and all that was in it from being
 * collected cheaply.
 */
export class Serials<T extends Numbered> {
  /** How many there are. */
  size = 0
  #slots: (T | undefined)[] = emptySlots(slotsMin)

  get(serial: number): T | undefined {
    const item = this.#slots[serial & (this.#slots.length - 1)]
    return item?.serial === serial ? item : undefined
  }

  /** A serial after `last` for which there is a place. */
  next(last: number): number {
    if (this.size * 2 >= this.#slots.length) this.#resize(this.#slots.length * 2)
    let serial = last
    do serial = (serial + 1) >>> 0
    while (this.#slots[serial & (this.#slots.length - 1)] !== undefined)
    return serial
  }

  /** Adds one. False when there is no place for it, which does not happen to serials that {@link next} gave. */
  add(item: T): boolean {
    let { length } = this.#slots
    while (this.#slots[item.serial & (length - 1)] !== undefined) {
      length *= 2
      if (length > slotsMax || this.get(item.serial) !== undefined) return false
      this.#resize(length)
    }
    this.#slots[item.serial & (length - 1)] = item
    this.size++
    return true
  }

  /** Takes one out. */
  delete(item: T): void {
    if (this.get(item.serial) !== item) return
    this.#slots[item.serial & (this.#slots.length - 1)] = undefined
    this.size--
    if (this.size === 0 && this.#slots.length > 64 * slotsMin) this.#slots = emptySlots(slotsMin)
  }

  /** All that are there now. */
  values(): T[] {
    return this.size === 0 ? [] : this.#slots.filter((item) => item !== undefined)
  }

  /** Those that had different places before have so in a larger table. */
  #resize(length: number): void {
    const slots = emptySlots<T>(length)
    for (const item of this.#slots) if (item !== undefined) slots[item.serial & (length - 1)] = item
    this.#slots = slots
  }
}

function emptySlots<T>(length: number): (T | undefined)[] {
  return Array.from({ length }, () => undefined)
}
