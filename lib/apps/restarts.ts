/** Pauses before a crashed app is started again: 0.5 s, doubled with each crash, 30 s at most. */
const pauseMinMs = 500
const pauseMaxMs = 30_000
/** More crashes than this within a minute, and it is given up. */
const crashesMax = 5
const windowMs = 60_000

/** Decides when an app that has crashed is started again. */
export class Restarts {
  readonly #crashes: number[] = []

  /** It crashed: milliseconds to wait, or undefined to give it up. */
  crashed(now: number): number | undefined {
    while (this.#crashes[0] !== undefined && this.#crashes[0] <= now - windowMs) this.#crashes.shift()
    this.#crashes.push(now)
    if (this.#crashes.length > crashesMax) return undefined
    return Math.min(pauseMaxMs, pauseMinMs * 2 ** (this.#crashes.length - 1))
  }

  /** How often it crashed within the last minute, as far as is known. */
  get count(): number {
    return this.#crashes.length
  }
}
