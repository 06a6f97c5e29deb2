import type { Member } from './member.js'

/** A part of the ring to broadcast to: who gets the message, and where its responsibility ends (not included). */
export interface Arc {
  readonly head: Member
  readonly until: number
}

/**
 * The live members in the order of their hashed names, as on a ring. All peers that know the same members see the same
 * ring, so who follows whom needs no talk.
 */
export class Ring {
  readonly #which: 0 | 1
  readonly #members: Member[] = []

  constructor(which: 0 | 1) {
    this.#which = which
  }

  get size(): number {
    return this.#members.length
  }

  at(index: number): Member | undefined {
    return this.#members[index]
  }

  add(member: Member): void {
    const at = this.#find(this.#place(member), member.name)
    if (this.#members[at] !== member) this.#members.splice(at, 0, member)
  }

  remove(member: Member): void {
    const at = this.#find(this.#place(member), member.name)
    if (this.#members[at] === member) this.#members.splice(at, 1)
  }

  /** The `count` members that follow `member`, without itself. */
  following(member: Member, count: number): Member[] {
    return this.#walk(member, count, 1)
  }

  /** The `count` members before `member`, without itself. */
  preceding(member: Member, count: number): Member[] {
    return this.#walk(member, count, -1)
  }

  #walk(member: Member, count: number, step: 1 | -1): Member[] {
    const size = this.#members.length
    const start = this.#find(this.#place(member), member.name)
    const met: Member[] = []
    // without the member itself in the ring, its place is before the one that stands there
    const inside = this.#members[start] === member
    let at = step === 1 ? start + (inside ? 1 : 0) : start - 1
    for (let i = 0; i < size && met.length < count; i++, at += step) {
      const other = this.#members[((at % size) + size) % size] as Member
      if (other === member) break
      met.push(other)
    }
    return met
  }

  /**
   * Splits those who follow `self`, up to the place `until` (not included; the own place: all of them), into at most
   * `count` arcs. The head of each is its first member for which `reachable` holds, or else its first.
   */
  arcs(self: Member, until: number, count: number, reachable: (member: Member) => boolean): Arc[] {
    const members = this.#members
    const size = members.length
    const from = this.#place(self)
    const index = this.#find(from, self.name)
    const inside = members[index] === self ? 1 : 0
    const start = index + inside
    const total = until === from ? size - inside : (this.#find(until, '') - start + size) % size
    const arcs: Arc[] = []
    const parts = Math.min(count, total)
    for (let part = 0; part < parts; part++) {
      const first = Math.floor((part * total) / parts)
      const end = Math.floor(((part + 1) * total) / parts)
      const next = members[(start + end) % size] as Member
      const stop = end === total ? until : this.#place(next)
      let head = members[(start + first) % size] as Member
      for (let i = first; i < end; i++) {
        const candidate = members[(start + i) % size] as Member
        if (!reachable(candidate)) continue
        head = candidate
        break
      }
      arcs.push({ head, until: stop })
    }
    return arcs
  }

  /** Index of the place, or where it would stand. Equal places are ordered by name. */
  #find(place: number, name: string): number {
    const members = this.#members
    let low = 0
    let high = members.length
    while (low < high) {
      const middle = (low + high) >> 1
      const member = members[middle] as Member
      const other = this.#place(member)
      if (other < place || (other === place && member.name < name)) low = middle + 1
      else high = middle
    }
    return low
  }

  #place(member: Member): number {
    return member.identity.places[this.#which]
  }
}
