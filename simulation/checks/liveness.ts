import type { Notice } from '../../lib/gossip/effects.js'
import type { Bench, Check, Observed } from '../referee.js'
import { Pairs } from './pairs.js'

/** How long after a peer's end news that it lives may still be under way, milliseconds. */
const newsUnderWayMs = 60_000

interface Standing {
  incarnation: number
  state: 'alive' | 'left' | 'failed'
  /** The heartbeat that was known when it stopped. */
  beat?: number | undefined
}

/**
 * A peer that left stays left until it starts anew; one that was held for dead rises only by a newer heartbeat or a new
 * incarnation, and not at all when it had crashed (once the last news of its life have died down); and starts and stops
 * alternate.
 */
export class Liveness implements Check {
  readonly #bench: Bench
  readonly #standing = new Pairs<Standing>()

  constructor(bench: Bench) {
    this.#bench = bench
  }

  noticed(observer: Observed, notice: Notice, batch: readonly Notice[], at: number): void {
    switch (notice.kind) {
      case 'peer:new':
        this.#incarnation(observer, notice.peer, notice.incarnation)
        break
      case 'peer:start':
        this.#start(observer, notice.peer)
        break
      case 'peer:stop':
        this.#stop(observer, notice, batch.slice(at + 1))
        break
      case 'peer:forgotten':
        this.#standing.delete(observer, notice.peer)
    }
  }

  #incarnation(observer: Observed, peer: string, incarnation: number): void {
    const standing = this.#standing.get(observer, peer)
    if (standing === undefined) this.#standing.set(observer, peer, { incarnation, state: 'failed' })
    else if (standing.incarnation !== incarnation) {
      this.#standing.set(observer, peer, { incarnation, state: standing.state === 'alive' ? 'alive' : 'failed' })
    }
  }

  #start(observer: Observed, peer: string): void {
    const known = this.#standing.get(observer, peer)
    const incarnation = known?.incarnation ?? 0
    if (known !== undefined && known.incarnation === incarnation) {
      if (known.state === 'left') this.#report('left stays left', observer, peer, 'a newer incarnation', 'it rose')
      if (known.state === 'alive') this.#report('starts and stops alternate', observer, peer, 'a stop', 'a start')
      this.#beat(observer, peer, known)
    }
    const life = this.#bench.chronicle.life(peer, incarnation)
    if (life?.ended === 'crashed' && this.#bench.nowMs() > life.endedAtMs + newsUnderWayMs) {
      const found = `it rose ${this.#bench.nowMs() - life.endedAtMs} ms after its end`
      this.#report('the dead stay dead', observer, peer, 'a newer incarnation', found)
    }
    this.#standing.set(observer, peer, { incarnation, state: 'alive' })
  }

  #beat(observer: Observed, peer: string, { incarnation, beat }: Standing): void {
    const view = observer.view(peer)
    if (beat === undefined || view === undefined || view.incarnation !== incarnation || view.beat > beat) return
    this.#report('the dead stay dead', observer, peer, `a heartbeat after ${beat}`, `it rose at ${view.beat}`)
  }

  #stop(observer: Observed, { peer, reason }: Extract<Notice, { kind: 'peer:stop' }>, rest: readonly Notice[]): void {
    const known = this.#standing.get(observer, peer)
    if (known?.state !== 'alive') {
      this.#report('starts and stops alternate', observer, peer, 'a start', `a stop (${reason})`)
    }
    const incarnation = known?.incarnation ?? 0
    const view = observer.view(peer)
    // what can be seen is later than this notice if it has come back since, and perhaps stopped again
    const isBack = rest.some((notice) => notice.kind === 'peer:start' && notice.peer === peer)
    const beat = view?.state === 'dead' && !isBack ? view.beat : undefined
    this.#standing.set(observer, peer, { incarnation, state: reason, beat })
    const life = this.#bench.chronicle.life(peer, incarnation)
    if (reason === 'left' && life !== undefined && life.ended !== 'left') {
      this.#report('nothing made up', observer, peer, 'a peer that left', `one that ${life.ended ?? 'is running'}`)
    }
  }

  #report(invariant: string, observer: Observed, peer: string, expected: string, found: string): void {
    this.#bench.report(invariant, [observer.name, peer], expected, found)
  }
}
