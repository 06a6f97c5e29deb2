import type { Bench, Check } from '../referee.js'

/** No datagram is above the limit, and nobody sends more per second than a peer may, over a window of ten seconds. */
export class Limits implements Check {
  readonly #bench: Bench
  readonly #datagramBytesMax: number
  readonly #bytesPerSecondMax: number
  readonly #windows = new Map<number, { beganMs: number; bytes: number }>()

  constructor(bench: Bench, datagramBytesMax = 1_400, bytesPerSecondMax = Infinity) {
    this.#bench = bench
    this.#datagramBytesMax = datagramBytesMax
    this.#bytesPerSecondMax = bytesPerSecondMax
  }

  sent(from: number, via: 'datagram' | 'stream', bytes: number): void {
    if (via === 'datagram' && bytes > this.#datagramBytesMax) {
      this.#bench.report('datagrams fit', [String(from)], `at most ${this.#datagramBytesMax} bytes`, `${bytes}`)
    }
    if (this.#bytesPerSecondMax < Infinity) this.#count(from, bytes)
  }

  #count(from: number, bytes: number): void {
    const nowMs = this.#bench.nowMs()
    const window = this.#windows.get(from)
    if (window === undefined || nowMs - window.beganMs >= windowMs) {
      this.#windows.set(from, { beganMs: nowMs, bytes })
      return
    }
    const limit = (this.#bytesPerSecondMax * windowMs) / 1_000
    if (window.bytes <= limit && window.bytes + bytes > limit) {
      const found = `${window.bytes + bytes} within ${nowMs - window.beganMs} ms`
      this.#bench.report('traffic within its budget', [String(from)], `${limit} bytes in ${windowMs} ms`, found)
    }
    window.bytes += bytes
  }
}

const windowMs = 10_000
