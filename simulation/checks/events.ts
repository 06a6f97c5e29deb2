import type { Notice } from '../../lib/gossip/effects.js'
import type { Bench, Check, Observed } from '../referee.js'
import { fingerprint } from '../trace.js'
import { Pairs } from './pairs.js'

interface Heard {
  incarnation: number
  /** How many sayings of the origin are behind: heard, or left out. */
  next: number
  /** Left out although they were still to be had, and not reported. */
  owed: number
}

/** Each event is heard at most once by each peer, in its origin's order, and who misses some is told how many. */
export class Events implements Check {
  readonly #bench: Bench
  readonly #heard = new Pairs<Heard>()

  constructor(bench: Bench) {
    this.#bench = bench
  }

  noticed(observer: Observed, notice: Notice, batch: readonly Notice[], at: number): void {
    if (notice.kind === 'event') this.#event(observer, notice)
    else if (notice.kind === 'missed') this.#of(observer, notice.peer).owed -= notice.count
    else if (notice.kind === 'peer:forgotten') this.#heard.delete(observer, notice.peer)
    else if (notice.kind === 'peer:new') this.#of(observer, notice.peer, notice.incarnation)
    if (at === batch.length - 1) this.#settle(observer, batch)
  }

  #event(observer: Observed, { peer, event, value }: Extract<Notice, { kind: 'event' }>): void {
    const heard = this.#of(observer, peer)
    const sayings = this.#bench.chronicle.life(peer, heard.incarnation)?.sayings ?? []
    const print = fingerprint(value)
    const is = (index: number): boolean => sayings[index]?.event === event && sayings[index]?.print === print
    let index = heard.next
    while (index < sayings.length && !is(index)) index++
    if (index === sayings.length) {
      const wasHeard = sayings.some((_, earlier) => is(earlier))
      const found = wasHeard ? `"${event}" again or too late` : `"${event}", which was never said`
      this.#report(wasHeard ? 'events once and in order' : 'nothing made up', observer, peer, heard.next, found)
      return
    }
    const nowMs = this.#bench.nowMs()
    for (let i = heard.next; i < index; i++) if ((sayings[i]?.untilMs ?? 0) > nowMs) heard.owed++
    heard.next = index + 1
  }

  /** What was left out must have been reported by the time the observer has nothing more to hear. */
  #settle(observer: Observed, batch: readonly Notice[]): void {
    for (const notice of batch) {
      if (notice.kind !== 'event') continue
      const heard = this.#of(observer, notice.peer)
      const { owed, next } = heard
      if (owed > 0) this.#report('missed events are reported', observer, notice.peer, next, `${owed} not`)
      heard.owed = 0
    }
  }

  #of(observer: Observed, peer: string, now?: number): Heard {
    const incarnation = now ?? this.#bench.known(observer, peer)
    const heard = this.#heard.ensure(observer, peer, () => ({ incarnation: incarnation ?? 0, next: 0, owed: 0 }))
    if (incarnation === undefined || heard.incarnation === incarnation) return heard
    const fresh = { incarnation, next: 0, owed: 0 }
    this.#heard.set(observer, peer, fresh)
    return fresh
  }

  #report(invariant: string, observer: Observed, peer: string, next: number, found: string): void {
    this.#bench.report(invariant, [observer.name, peer], `saying ${next} or later`, found)
  }
}
