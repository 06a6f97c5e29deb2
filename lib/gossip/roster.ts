import { hash32 } from './hash.js'
import type { Member } from './member.js'

const slotsMin = 16
/** How many of those asked for lately are kept at hand. */
const latelyMax = 64

/**
 * Members by name and by id. Two hash tables with open addressing hold places in one list: some forty bytes a member,
 * a third of what two Maps would take. (Knuth, The Art of Computer Programming, vol. 3, section 6.4: linear probing,
 * and algorithm R for removal.)
 */
export class Roster {
  readonly #members: Member[] = []
  readonly #byName = new Places((member) => member.identity.places[0])
  readonly #byId = new Places((member) => member.identity.id >>> 0)
  /**
   * Of those whose hashed names end alike, who was asked for last. Most of what comes in is from a few neighbours, and
   * the way through the large tables is a long wait for memory.
   */
  readonly #lately: (Member | undefined)[] = Array.from({ length: latelyMax }, () => undefined)

  get size(): number {
    return this.#members.length
  }

  all(): readonly Member[] {
    return this.#members
  }

  named(name: string): Member | undefined {
    const hash = hash32(name, 0)
    const likely = this.#lately[hash % latelyMax]
    if (likely !== undefined && likely.identity.name === name) return likely
    const member = this.#lookUp(name, hash)
    if (member !== undefined) this.#lately[hash % latelyMax] = member
    return member
  }

  #lookUp(name: string, hash: number): Member | undefined {
    const table = this.#byName
    for (let slot = table.first(hash); ; slot = table.after(slot)) {
      const place = table.at(slot)
      if (place < 0) return undefined
      if (!table.mayBe(slot, hash)) continue
      const member = this.#members[place] as Member
      if (member.identity.name === name) return member
    }
  }

  withId(id: number): Member | undefined {
    const table = this.#byId
    for (let slot = table.first(id >>> 0); ; slot = table.after(slot)) {
      const place = table.at(slot)
      if (place < 0) return undefined
      if (!table.mayBe(slot, id >>> 0)) continue
      const member = this.#members[place] as Member
      if (member.identity.id === id) return member
    }
  }

  /** Adds a member whose name and id nobody else has. */
  add(member: Member): void {
    const place = this.#members.push(member) - 1
    this.#byName.add(place, this.#members)
    this.#byId.add(place, this.#members)
  }

  /** Takes a member out; the last of the list takes its place. */
  remove(member: Member): void {
    const place = this.#byName.placeOf(member, this.#members)
    if (place === undefined) return
    const lately = this.#lately.indexOf(member)
    if (lately >= 0) this.#lately[lately] = undefined
    const last = this.#members[this.#members.length - 1] as Member
    for (const table of [this.#byName, this.#byId]) {
      table.remove(member, this.#members)
      if (last !== member) table.move(last, place, this.#members)
    }
    this.#members[place] = last
    this.#members.pop()
  }
}

/** Bits of a slot that hold a place: enough for the most peers that can be asked for. */
const placeBits = 20
const placeMask = (1 << placeBits) - 1

/**
 * A hash table of places in a list of members. A slot holds a place and 1, or 0 if it is free; above that the upper
 * bits of the hash, so that a member need not be looked at (it has rarely been of late) to see that it is another.
 */
class Places {
  readonly #hash: (member: Member) => number
  #slots = new Int32Array(slotsMin)
  #mask = slotsMin - 1

  constructor(hash: (member: Member) => number) {
    this.#hash = hash
  }

  /** Where to begin looking. */
  first(hash: number): number {
    return hash & this.#mask
  }

  after(slot: number): number {
    return (slot + 1) & this.#mask
  }

  /** The place in a slot; -1: it is free, and the search over. */
  at(slot: number): number {
    return ((this.#slots[slot] as number) & placeMask) - 1
  }

  /** Whether what is in a slot may have this hash. */
  mayBe(slot: number, hash: number): boolean {
    return ((this.#slots[slot] as number) ^ hash) >>> placeBits === 0
  }

  placeOf(member: Member, members: readonly Member[]): number | undefined {
    const slot = this.#slotOf(member, members)
    return slot === undefined ? undefined : this.at(slot)
  }

  add(place: number, members: readonly Member[]): void {
    if (members.length * 2 > this.#slots.length) this.#grow(members)
    else this.#put(place, members[place] as Member)
  }

  move(member: Member, place: number, members: readonly Member[]): void {
    const slot = this.#slotOf(member, members)
    if (slot !== undefined) this.#slots[slot] = ((this.#slots[slot] as number) & ~placeMask) | (place + 1)
  }

  remove(member: Member, members: readonly Member[]): void {
    let hole = this.#slotOf(member, members)
    if (hole === undefined) return
    for (let slot = this.after(hole); this.at(slot) >= 0; slot = this.after(slot)) {
      const home = this.first(this.#hash(members[this.at(slot)] as Member))
      // it may move up if that does not put it before its first slot
      if (((slot - home) & this.#mask) < ((slot - hole) & this.#mask)) continue
      this.#slots[hole] = this.#slots[slot] as number
      hole = slot
    }
    this.#slots[hole] = 0
  }

  #slotOf(member: Member, members: readonly Member[]): number | undefined {
    for (let slot = this.first(this.#hash(member)); this.at(slot) >= 0; slot = this.after(slot)) {
      if (members[this.at(slot)] === member) return slot
    }
    return undefined
  }

  #put(place: number, member: Member): void {
    const hash = this.#hash(member)
    let slot = this.first(hash)
    while (this.at(slot) >= 0) slot = this.after(slot)
    this.#slots[slot] = (hash & ~placeMask) | (place + 1)
  }

  #grow(members: readonly Member[]): void {
    this.#slots = new Int32Array(this.#slots.length * 2)
    this.#mask = this.#slots.length - 1
    for (const [place, member] of members.entries()) this.#put(place, member)
  }
}
