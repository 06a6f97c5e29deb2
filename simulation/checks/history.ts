import type { Notice } from '../../lib/gossip/effects.js'
import type { Life, Write } from '../chronicle.js'
import type { Bench, Check, Observed } from '../referee.js'
import { fingerprint } from '../trace.js'
import { Pairs } from './pairs.js'
import { areSame } from './same.js'

interface Seen {
  incarnation: number
  /** The order of the write that was last seen of each key. */
  readonly orders: Map<string, number>
  /** The highest version that came in a notice. */
  version: number
}

interface Delete {
  readonly observer: Observed
  readonly peer: string
  readonly key: string
  readonly atMs: number
}

/**
 * How long after its deadline a key may still be read, milliseconds: what travels is the time left, so it lives longer
 * by as long as it was on the way, waits of stalled peers and clogged links included. It may end earlier by a rounding.
 */
const lateExpiryMs = 20_000
const earlyExpiryMs = 10

/**
 * A newer life takes the keys of the one before away, and users hear of that life only when its metadata is there. So
 * a delete that nobody did is wrong when no such life shows within this, milliseconds.
 */
const newLifeShowsMs = 5_000

/**
 * What an observer is told of a key is what its owner did with it, and in that order (some steps may be left out):
 * nothing made up, nothing from an old incarnation, nothing twice, and nothing deleted or expired that comes back.
 */
export class History implements Check {
  readonly #bench: Bench
  readonly #seen = new Pairs<Seen>()
  /** Deletes that only a new life can explain, in order of time. */
  #unexplained: Delete[] = []
  #turn = 0

  constructor(bench: Bench) {
    this.#bench = bench
  }

  noticed(observer: Observed, notice: Notice): void {
    switch (notice.kind) {
      case 'peer:new': {
        const known = this.#seen.get(observer, notice.peer)
        if (known !== undefined && notice.incarnation < known.incarnation) {
          const expected = `incarnation ${known.incarnation} or later`
          this.#report('old incarnations stay away', observer, notice.peer, expected, `${notice.incarnation}`)
        }
        if (known?.incarnation === notice.incarnation) break
        this.#forget(observer, notice.peer, notice.incarnation)
        this.#unexplained = this.#unexplained.filter((gone) => gone.observer !== observer || gone.peer !== notice.peer)
        break
      }
      case 'peer:forgotten':
        this.#seen.delete(observer, notice.peer)
        break
      case 'set':
        this.#set(observer, notice)
        break
      case 'delete':
      case 'expired':
        this.#gone(observer, notice.peer, notice.key)
    }
  }

  swept(up: readonly Observed[], watched: readonly Observed[]): void {
    this.#turn++
    this.#judge()
    for (const observer of watched) {
      const owner = up[(observer.index + this.#turn) % up.length] as Observed
      if (owner !== observer) this.#lookForGhosts(observer, owner)
    }
  }

  #set(observer: Observed, { peer, key, value }: Extract<Notice, { kind: 'set' }>): void {
    const seen = this.#seen.get(observer, peer)
    const life = seen && this.#lifeOf(observer, peer, seen)
    if (seen === undefined || life === undefined) return
    const writes = life.keys.get(key) ?? []
    const print = fingerprint(value)
    const last = seen.orders.get(key) ?? -1
    const write = writes.find((candidate) => candidate.order > last && candidate.print === print)
    if (write === undefined) {
      if (life.isBeliever && this.#bench.chronicle.wasSet(key, print)) return
      this.#explain(observer, peer, key, writes, print, last)
    } else seen.orders.set(key, write.order)
    const reading = observer.read(peer, key)
    const version = reading?.version
    // when more came at once, what can be read may be later than what this notice is about
    if (version === undefined || !areSame(reading?.value, value)) return
    if (version <= seen.version) {
      const expected = `a version after ${seen.version}`
      this.#report('callbacks in version order', observer, peer, expected, `${key} at ${version}`)
    }
    seen.version = version
  }

  #explain(o: Observed, peer: string, key: string, writes: Write[], print: number, last: number): void {
    const earlier = writes.findLast((write) => write.print === print)
    if (earlier === undefined) {
      return this.#report('nothing made up', o, peer, `a value that was set for ${key}`, `print ${print}`)
    }
    const since = writes.filter(({ order }) => order > earlier.order && order <= last)
    const isDeleted = earlier.deadlineMs < Infinity || since.some((write) => write.print === undefined)
    const invariant = isDeleted ? 'deleted stays deleted' : 'callbacks in version order'
    this.#report(invariant, o, peer, `what came after write ${last} of ${key}`, `write ${earlier.order}`)
  }

  #gone(observer: Observed, peer: string, key: string): void {
    const seen = this.#seen.get(observer, peer)
    const life = seen && this.#lifeOf(observer, peer, seen)
    const writes = life?.keys.get(key)
    if (seen === undefined || writes === undefined) return
    // a newer life takes the keys of the old one away, and users are told
    if (life !== this.#bench.chronicle.current(peer) || life?.isBeliever === true) return
    const last = seen.orders.get(key) ?? -1
    const nowMs = this.#bench.nowMs()
    const end = writes.find(
      ({ order, print, deadlineMs }) =>
        (order > last && print === undefined) || (order >= last && deadlineMs <= nowMs + earlyExpiryMs),
    )
    if (end !== undefined) seen.orders.set(key, end.order)
    else this.#unexplained.push({ observer, peer, key, atMs: nowMs })
  }

  #judge(): void {
    const untilMs = this.#bench.nowMs() - newLifeShowsMs
    const ripe = this.#unexplained.findIndex(({ atMs }) => atMs >= untilMs)
    for (const gone of this.#unexplained.splice(0, ripe < 0 ? this.#unexplained.length : ripe)) {
      const { observer, peer, key, atMs } = gone
      this.#report('nothing made up', observer, peer, `${key} to be there`, `deleted or expired at ${atMs} ms`)
    }
  }

  /** Keys that can be read although their owner had deleted them by a change that the observer knows. */
  #lookForGhosts(observer: Observed, owner: Observed): void {
    const seen = this.#seen.get(observer, owner.name)
    const life = seen && this.#bench.chronicle.life(owner.name, seen.incarnation)
    if (seen === undefined || life === undefined || life.isBeliever) return
    for (const key of observer.keys(owner.name)) {
      const reading = observer.read(owner.name, key)
      if (reading === undefined) continue
      const last = seen.orders.get(key) ?? -1
      const print = fingerprint(reading.value)
      const write = life.keys.get(key)?.find((candidate) => candidate.order >= last && candidate.print === print)
      if (write === undefined) {
        this.#report('deleted stays deleted', observer, owner.name, `${key} as after write ${last}`, `print ${print}`)
      } else if (write.deadlineMs + lateExpiryMs < this.#bench.nowMs()) {
        const expected = `${key} to be gone at ${write.deadlineMs} ms`
        this.#report('deleted stays deleted', observer, owner.name, expected, 'it can be read')
      }
    }
  }

  #forget(observer: Observed, peer: string, incarnation: number): void {
    this.#seen.set(observer, peer, { incarnation, orders: new Map(), version: 0 })
  }

  #lifeOf(observer: Observed, peer: string, seen: Seen): Life | undefined {
    const life = this.#bench.chronicle.life(peer, seen.incarnation)
    if (life === undefined) {
      this.#report('nothing made up', observer, peer, 'an incarnation that was', `incarnation ${seen.incarnation}`)
    }
    return life
  }

  #report(invariant: string, observer: Observed, peer: string, expected: string, found: string): void {
    this.#bench.report(invariant, [observer.name, peer], expected, found)
  }
}
