import type { Bench, Check } from '../referee.js'
import type { TrafficClass } from '../traffic.js'

/** What a peer may send. */
export interface Budgets {
  /** Bytes in one datagram. */
  readonly datagramBytes: number
  /** Bytes per second and class, on average over {@link windowMs}; a class that is not named has no budget. */
  readonly bytesPerSecond: Readonly<Partial<Record<TrafficClass, number>>>
}

/** Over how long traffic is averaged, milliseconds. */
export const windowMs = 10_000

/**
 * What holds in every run: a peer has eight observers and sends each of them two heartbeats a second, neither of which
 * may be more than a datagram, however large the cluster and whatever befalls it.
 */
const always: Budgets = { datagramBytes: 1_400, bytesPerSecond: { liveness: 8 * 2 * 1_400 } }

/** No datagram is above the limit, and nobody sends more of a class of traffic than its budget allows. */
export class Limits implements Check {
  readonly #bench: Bench
  readonly #budgets: Budgets
  #windowEndsMs = 0
  /** Bytes that each peer sent in the present window, by class. */
  #sent: Record<TrafficClass, number[]> = { news: [], repair: [], liveness: [] }

  constructor(bench: Bench, budgets: Partial<Budgets> = {}) {
    this.#bench = bench
    this.#budgets = { ...always, ...budgets }
  }

  sent(from: number, via: 'datagram' | 'stream', kind: TrafficClass, bytes: number): void {
    const { datagramBytes, bytesPerSecond } = this.#budgets
    if (via === 'datagram' && bytes > datagramBytes) {
      this.#bench.report('datagrams fit', [String(from)], `at most ${datagramBytes} bytes`, `${bytes}`)
    }
    const budget = bytesPerSecond[kind]
    if (budget !== undefined) this.#count(from, kind, bytes, (budget * windowMs) / 1_000)
  }

  #count(from: number, kind: TrafficClass, bytes: number, most: number): void {
    const nowMs = this.#bench.nowMs()
    if (nowMs >= this.#windowEndsMs) {
      this.#windowEndsMs = nowMs + windowMs
      this.#sent = { news: [], repair: [], liveness: [] }
    }
    const sent = this.#sent[kind]
    const before = sent[from] ?? 0
    sent[from] = before + bytes
    if (before > most || before + bytes <= most) return
    const expected = `at most ${most} bytes of ${kind} in ${windowMs} ms`
    this.#bench.report('traffic within its budget', [String(from)], expected, `${before + bytes}`)
  }
}
