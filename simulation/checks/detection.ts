import type { Notice } from '../../lib/gossip/effects.js'
import type { Bench, Check, Observed } from '../referee.js'

interface Death {
  readonly peer: string
  readonly incarnation: number
  readonly atMs: number
  /** Who still takes it to be alive, and for how long each had stood still when it died, milliseconds. */
  readonly waiting: Map<number, number>
  /** How long each took to notice, milliseconds, in the order they did; while it stood still itself does not count. */
  readonly tookMs: number[]
  /** How long the last took, its own stalls included. */
  tookWithStallsMs: number
  isLate: boolean
}

/**
 * Every crash is noticed by every peer that took the crashed one to be alive, within a bounded time. Also keeps the
 * figures: how long it took, and how often a peer that was well was declared dead.
 */
export class Detection implements Check {
  readonly #bench: Bench
  readonly #boundMs: number
  readonly #open: Death[] = []
  readonly deaths: Death[] = []
  /** Verdicts on peers that were running, one for each observer that came to it. */
  falseVerdicts = 0
  /** The same, counted once for each peer until it is alive again to all who had come to it. */
  falseDeaths = 0
  readonly #wronged = new Map<string, Set<number>>()
  readonly #stoodStillMs: (observer: Observed) => number

  /** `stoodStillMs`: for how long a peer's event loop has stood still so far. Who sleeps can notice nothing. */
  constructor(bench: Bench, boundMs = Infinity, stoodStillMs: (observer: Observed) => number = () => 0) {
    this.#bench = bench
    this.#boundMs = boundMs
    this.#stoodStillMs = stoodStillMs
  }

  /** A peer crashes; of the survivors `up`, all that know this life of it and take it to be alive must notice. */
  crashed(peer: Observed, up: readonly Observed[]): void {
    const incarnation = this.#bench.chronicle.current(peer.name)?.incarnations.at(-1) ?? 0
    const waiting = new Map<number, number>()
    for (const observer of up) {
      if (observer === peer) continue
      const view = observer.view(peer.name)
      const isTakenForAlive = view?.state === 'alive' || view?.state === 'suspect'
      if (isTakenForAlive && view.incarnation === incarnation) waiting.set(observer.index, this.#stoodStillMs(observer))
    }
    const death: Death = {
      peer: peer.name,
      incarnation,
      atMs: this.#bench.nowMs(),
      waiting,
      tookMs: [],
      tookWithStallsMs: 0,
      isLate: false,
    }
    this.#open.push(death)
    this.deaths.push(death)
  }

  ended(peer: Observed): void {
    for (const death of this.#open) death.waiting.delete(peer.index)
    this.#wronged.delete(peer.name)
    for (const wronged of this.#wronged.values()) wronged.delete(peer.index)
  }

  noticed(observer: Observed, notice: Notice): void {
    if (notice.kind === 'peer:start') this.#wronged.get(notice.peer)?.delete(observer.index)
    if (notice.kind === 'peer:new') this.#noticed(observer, notice.peer, notice.incarnation - 1)
    if (notice.kind !== 'peer:stop' || notice.reason !== 'failed') return
    const life = this.#bench.chronicle.current(notice.peer)
    const incarnation = this.#bench.known(observer, notice.peer) ?? 0
    this.#noticed(observer, notice.peer, incarnation)
    if (life?.ended !== undefined || life?.incarnations.at(-1) !== incarnation) return
    this.falseVerdicts++
    const wronged = this.#wronged.get(notice.peer)
    if (wronged === undefined) this.#wronged.set(notice.peer, new Set([observer.index]))
    if (wronged === undefined || wronged.size === 0) this.falseDeaths++
    wronged?.add(observer.index)
  }

  swept(): void {
    for (let i = this.#open.length - 1; i >= 0; i--) {
      const death = this.#open[i] as Death
      if (death.waiting.size === 0) this.#open.splice(i, 1)
      else if (!death.isLate && this.#bench.nowMs() > death.atMs + this.#boundMs) {
        death.isLate = true
        const expected = `all to notice within ${this.#boundMs} ms`
        this.#bench.report('crashes are detected', [death.peer], expected, `${death.waiting.size} did not`)
      }
    }
  }

  #noticed(observer: Observed, peer: string, incarnationMax: number): void {
    for (const death of this.#open) {
      const stoodStillMs = death.waiting.get(observer.index)
      if (death.peer !== peer || death.incarnation > incarnationMax || stoodStillMs === undefined) continue
      death.waiting.delete(observer.index)
      death.tookWithStallsMs = this.#bench.nowMs() - death.atMs
      death.tookMs.push(death.tookWithStallsMs - (this.#stoodStillMs(observer) - stoodStillMs))
    }
  }
}
