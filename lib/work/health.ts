/** So many failures in a row, and a worker is left alone for a while. */
const failuresMax = 5
/** For so long the first time, doubled with each up to the longest. */
const ejectedMs = 10_000
const ejectedMsMax = 300_000

/**
 * Whether a worker is worth asking for a service: one that fails time and again is not, for a while. A judgement of
 * this caller alone, never told to others. Failures are errors, timeouts and losses; being busy is none.
 */
export class Health {
  #failures = 0
  #ejections = 0
  #untilMs = -Infinity

  isEjected(now: number): boolean {
    return now < this.#untilMs
  }

  succeeded(): void {
    this.#failures = 0
    this.#ejections = 0
  }

  /** True when it has failed so often that it should be left alone; {@link eject} does that. */
  failed(): boolean {
    return ++this.#failures >= failuresMax
  }

  /** Leaves it alone; returns until when. */
  eject(now: number): number {
    this.#untilMs = now + Math.min(ejectedMs * 2 ** this.#ejections, ejectedMsMax)
    this.#ejections++
    this.#failures = 0
    return this.#untilMs
  }
}

/** Those that are not ejected; but all, when more than half are: then it is not them. */
export function healthy<P extends { readonly health: Health }>(places: readonly P[], now: number): readonly P[] {
  const kept = places.filter(({ health }) => !health.isEjected(now))
  return kept.length * 2 < places.length ? places : kept
}

/** Whether one more of them may be ejected: never more than half. */
export function mayEject(places: readonly { readonly health: Health }[], now: number): boolean {
  const ejected = places.filter(({ health }) => health.isEjected(now)).length
  return (ejected + 1) * 2 <= places.length
}
