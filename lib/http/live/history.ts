import type { TrafficClass } from '../../gossip/outbox.js'
import type { FaceView } from '../view.js'
import { samplesMax, type Sample } from './protocol.js'

/** Delays that are kept between two samples; of more, a sample of them. */
const delaysMax = 1_024

const classes = ['news', 'repair', 'liveness'] as const satisfies readonly TrafficClass[]

/** What a history is taken from. */
export interface HistoryParts {
  readonly view: FaceView
  /** What calls and their answers have taken so far. */
  readonly work: () => { readonly messages: number; readonly bytes: number }
  /** When a peer was first seen, unix ms. */
  readonly firstSeen: (peer: string) => number
}

/** Figures of the last minutes, one sample at a time. Bounded by `samplesMax`. */
export class History {
  readonly samples: Sample[] = []
  readonly #parts: HistoryParts
  /** Delays since the last sample, milliseconds. Bounded by `delaysMax`. */
  #delays: number[] = []
  #arrivals = 0
  #before: readonly number[]
  #at: number

  constructor(parts: HistoryParts) {
    this.#parts = parts
    this.#before = this.#sent()
    this.#at = parts.view.clock.now()
  }

  /**
   * A key came that was set at that time. What was set before its peer was known here says nothing about how fast news
   * travels.
   */
  arrived(peer: string, setAt: number): void {
    const { view, firstSeen } = this.#parts
    if (setAt < firstSeen(peer)) return
    const delay = Math.max(0, view.now() - setAt)
    this.#arrivals++
    // the first ones, then every so manieth: enough for two quantiles
    if (this.#delays.length < delaysMax) this.#delays.push(delay)
    else this.#delays[this.#arrivals % delaysMax] = delay
  }

  /** Takes the next sample. */
  take(): Sample {
    const { view } = this.#parts
    const now = view.clock.now()
    const seconds = Math.max(1, now - this.#at) / 1_000
    const sent = this.#sent()
    const rates = sent.map((value, i) => Math.round((value - (this.#before[i] ?? 0)) / seconds))
    const states = [view.name, ...view.allPeers()].map((peer) => view.standing(peer)?.state)
    const count = (state: string): number => states.filter((each) => each === state).length
    const delays = this.#delays.sort((a, b) => a - b)
    const sample = [
      view.now(), ...rates, count('alive'), count('suspect'), count('dead'), Math.round(this.#arrivals / seconds),
      quantile(delays, 0.5), quantile(delays, 0.99),
    ]
    this.#before = sent
    this.#at = now
    this.#arrivals = 0
    this.#delays = []
    this.samples.push(sample)
    if (this.samples.length > samplesMax) this.samples.shift()
    return sample
  }

  /** Bytes by class, then messages in all, since the beginning. */
  #sent(): readonly number[] {
    const { sent } = this.#parts.view.stats
    const work = this.#parts.work()
    const bytes = classes.map((name) => sent[name].bytes)
    const messages = classes.reduce((sum, name) => sum + sent[name].messages, work.messages)
    return [...bytes, work.bytes, messages]
  }
}

/** Of values in order; null when there are none. To a tenth. */
function quantile(sorted: readonly number[], share: number): number | null {
  const value = sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]
  return value === undefined ? null : Math.round(value * 10) / 10
}
