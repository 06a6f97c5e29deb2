/** How a service has fared lately, as its worker tells all. Rates are a second. */
export interface Figures {
  /** Calls that run. */
  readonly running: number
  /** Calls that wait for their turn. */
  readonly waiting: number
  /** Calls that were done. */
  readonly calls: number
  /** Of these, calls whose handler threw. */
  readonly errors: number
  /** Calls turned away for want of room. */
  readonly refused: number
  /** Half of the calls took no longer, 99 in a hundred, milliseconds; undefined when there were none. */
  readonly p50: number | undefined
  readonly p99: number | undefined
}

/** Steps of durations: each is a quarter of a doubling longer than the one before, from 50 µs to an hour. */
const stepsMax = 105
const leastMs = 0.05
const stepsInDoubling = 4

/** Counts what becomes of the calls of one service, from one telling to the next. */
export class Tally {
  #calls = 0
  #errors = 0
  #refused = 0
  readonly #took = new Uint32Array(stepsMax)

  /** Whether there is anything to tell. */
  get isEmpty(): boolean {
    return this.#calls + this.#refused === 0
  }

  /** A call is done. */
  done(tookMs: number, hasFailed: boolean): void {
    this.#calls++
    if (hasFailed) this.#errors++
    const step = tookMs <= leastMs ? 0 : Math.ceil(Math.log2(tookMs / leastMs) * stepsInDoubling)
    ;(this.#took[Math.min(step, stepsMax - 1)] as number)++
  }

  /** A call was turned away. */
  refuse(): void {
    this.#refused++
  }

  /** What was counted in the last `ms`; counting begins anew. */
  take(ms: number, { running, waiting }: { readonly running: number; readonly waiting: number }): Figures {
    const perSecond = (count: number): number => Math.round((count * 1e5) / Math.max(ms, 1)) / 100
    const figures: Figures = {
      running,
      waiting,
      calls: perSecond(this.#calls),
      errors: perSecond(this.#errors),
      refused: perSecond(this.#refused),
      p50: this.#quantile(0.5),
      p99: this.#quantile(0.99),
    }
    this.#calls = this.#errors = this.#refused = 0
    this.#took.fill(0)
    return figures
  }

  /** A duration that this share of the calls did not exceed, at most 19 % too long. */
  #quantile(share: number): number | undefined {
    let left = Math.ceil(this.#calls * share)
    if (left === 0) return undefined
    const step = this.#took.findIndex((count) => (left -= count) <= 0)
    return Number((leastMs * 2 ** (step / stepsInDoubling)).toPrecision(3))
  }
}

/** A service's name and its {@link Figures}, as they are advertised: the fields in their order. */
export type ToldFigures = readonly (readonly [name: string, ...numbers: (number | null)[]])[]

/** Services whose figures are told; beyond, the advert would grow too large. */
const toldMax = 32
const toldNameLengthMax = 8_192

/** Figures to be advertised. */
export function tellFigures(figures: ReadonlyMap<string, Figures>): ToldFigures {
  let length = 0
  return [...figures].slice(0, toldMax).flatMap(([name, { running, waiting, calls, errors, refused, p50, p99 }]) => {
    length += name.length
    if (length > toldNameLengthMax) return []
    return [[name, running, waiting, calls, errors, refused, p50 ?? null, p99 ?? null] as const]
  })
}

/** What some peer advertised, whatever it is, by service. */
export function readFigures(told: unknown): ReadonlyMap<string, Figures> {
  const figures = new Map<string, Figures>()
  for (const each of Array.isArray(told) ? told.slice(0, toldMax) : []) {
    if (!Array.isArray(each) || typeof each[0] !== 'string') continue
    const [running = 0, waiting = 0, calls = 0, errors = 0, refused = 0, p50, p99] = each.slice(1).map(amount)
    figures.set(each[0], { running, waiting, calls, errors, refused, p50, p99 })
  }
  return figures
}

function amount(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 && value < Infinity ? value : undefined
}
