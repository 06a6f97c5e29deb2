import type { Rejection } from './types.js'

const intervalMs = 10_000
/** Most told in one interval, so that no flood becomes one of events. */
const toldMax = 16

/** Counts what is turned away, and tells of it: once in 10 s for each host and reason, and 16 times in all. */
export class Rejections {
  /** All that was turned away. */
  total = 0
  readonly #now: () => number
  readonly #tell: (rejection: Rejection) => void
  /** Hosts and reasons told of in this interval. */
  #told = new Set<string>()
  #until = -Infinity
  #untold = 0

  constructor(now: () => number, tell: (rejection: Rejection) => void) {
    this.#now = now
    this.#tell = tell
  }

  /** Takes note of one. */
  add(address: string, reason: string): void {
    this.total++
    this.#untold++
    const now = this.#now()
    if (now >= this.#until) {
      this.#until = now + intervalMs
      this.#told.clear()
    }
    const kind = `${address.replace(/:\d+$/, '')} ${reason}`
    if (this.#told.size >= toldMax || this.#told.has(kind)) return
    this.#told.add(kind)
    const count = this.#untold
    this.#untold = 0
    this.#tell({ address, reason, count })
  }
}
