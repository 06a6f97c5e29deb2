/**
 * The phi accrual failure detector (Hayashibara, Défago, Yared, Katayama: "The phi accrual failure detector", SRDS
 * 2004).
 *
 * It does not say dead or alive; it says how surprising the present silence is. Heartbeat intervals are taken as
 * normally distributed, with the mean and deviation of a sliding window; phi is the negative decimal logarithm of the
 * chance that a heartbeat comes later than now: 1 means a mistake in ten, 8 a mistake in a hundred million, if the
 * model holds. Whoever uses the detector picks the threshold.
 */

/** How a {@link PhiAccrualDetector} sees the world. All times are milliseconds. */
export interface PhiAccrualOptions {
  /** What the first intervals are taken to be, until there are samples. Default 1,000. */
  readonly firstIntervalMs?: number
  /**
   * Least standard deviation assumed; keeps regular heartbeats from making tiny delays alarming. Default a quarter of
   * `firstIntervalMs`.
   */
  readonly minDeviationMs?: number
  /** Silence beyond the usual interval that raises no suspicion: lost heartbeats, garbage collection. Default 0. */
  readonly acceptablePauseMs?: number
  /**
   * Longer intervals count as this: one long outage must not make the detector blind for the next. Default Infinity.
   */
  readonly maxIntervalMs?: number
  /** Number of intervals remembered. Default 100. */
  readonly windowSize?: number
}

/**
 * Says how surprising a peer's silence is. Pure: time is always an argument, in milliseconds of any one monotonic
 * clock.
 *
 * ```ts
 * const detector = new PhiAccrualDetector({ firstIntervalMs: 500 })
 * detector.heartbeat(now)
 * if (detector.phi(later) > 8) suspect()
 * ```
 */
export class PhiAccrualDetector {
  /** When the last heartbeat came; NaN: none has yet. */
  #last = NaN
  #next = 0
  readonly #intervals: number[] = []
  readonly #windowSize: number
  readonly #maxIntervalMs: number
  readonly #minDeviationMs: number
  readonly #acceptablePauseMs: number
  readonly #firstIntervalMs: number

  constructor(options: PhiAccrualOptions = {}) {
    this.#firstIntervalMs = options.firstIntervalMs ?? 1_000
    this.#minDeviationMs = options.minDeviationMs ?? this.#firstIntervalMs / 4
    this.#acceptablePauseMs = options.acceptablePauseMs ?? 0
    this.#maxIntervalMs = options.maxIntervalMs ?? Infinity
    this.#windowSize = options.windowSize ?? 100
  }

  /** When the last heartbeat came; undefined before the first. */
  get lastHeartbeat(): number | undefined {
    return Number.isNaN(this.#last) ? undefined : this.#last
  }

  /** Starts the watch as if a heartbeat had come `now`, without counting an interval. */
  expect(now: number): void {
    this.#last = now
  }

  /** A heartbeat came. */
  heartbeat(now: number): void {
    if (now > this.#last) {
      this.#intervals[this.#next] = Math.min(now - this.#last, this.#maxIntervalMs)
      this.#next = (this.#next + 1) % this.#windowSize
    }
    this.#last = now
  }

  /** Takes `ms` out of the present silence: the observer itself was stalled and could not have heard anything. */
  forgive(ms: number, now: number): void {
    this.#last = Math.min(now, this.#last + ms)
  }

  /**
   * Suspicion at the time `now`: 0 when all is usual, rising without bound with the silence. 0 before any heartbeat.
   */
  phi(now: number): number {
    if (Number.isNaN(this.#last)) return 0
    const { mean, deviation } = this.#distribution()
    return phiOfNormal((now - this.#last - mean - this.#acceptablePauseMs) / deviation)
  }

  /** When phi will reach `threshold` if nothing is heard. */
  deadline(threshold: number): number {
    if (Number.isNaN(this.#last)) return Infinity
    const { mean, deviation } = this.#distribution()
    return this.#last + mean + this.#acceptablePauseMs + deviation * normalOfPhi(threshold)
  }

  /** The first interval counts as two samples, so that one early heartbeat does not decide everything. */
  #distribution(): { mean: number; deviation: number } {
    const prior = 2
    let sum = this.#firstIntervalMs * prior
    let squares = this.#firstIntervalMs * this.#firstIntervalMs * prior
    for (const interval of this.#intervals) {
      sum += interval
      squares += interval * interval
    }
    const count = this.#intervals.length + prior
    const mean = sum / count
    const variance = Math.max(0, squares / count - mean * mean)
    return { mean, deviation: Math.max(this.#minDeviationMs, Math.sqrt(variance)) }
  }
}

/**
 * -log10 of the upper tail of the normal distribution at `z` deviations. Computed from a Chebyshev fit of erfc
 * (Numerical Recipes, 6.2: relative error below 1.2e-7 everywhere) whose logarithm is taken before the exponential, so
 * that it neither underflows nor cancels far out.
 */
export function phiOfNormal(z: number): number {
  const x = Math.abs(z) / Math.SQRT2
  const t = 1 / (1 + x / 2)
  let poly = 0.17087277
  for (const c of erfcCoefficients) poly = poly * t + c
  const logErfc = Math.log(t) - x * x + poly
  if (z >= 0) return (Math.LN2 - logErfc) / Math.LN10
  return -Math.log1p(-Math.exp(logErfc) / 2) / Math.LN10
}

const erfcCoefficients = [
  -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196, 1.00002368, -1.26551223,
]

let lastPhi = NaN
let lastNormal = NaN

/** The inverse of {@link phiOfNormal}, by bisection; remembers the last answer, as thresholds rarely differ. */
function normalOfPhi(phi: number): number {
  if (phi === lastPhi) return lastNormal
  let low = -10
  let high = 10
  while (phiOfNormal(high) < phi) high *= 2
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2
    if (phiOfNormal(middle) < phi) low = middle
    else high = middle
  }
  lastPhi = phi
  lastNormal = (low + high) / 2
  return lastNormal
}
