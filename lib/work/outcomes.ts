import { Distribution } from '../distribution.js'
import { isSystems } from '../names.js'

/** Services that are counted apart; those beyond are counted together, as {@link otherService}. */
const servicesMax = 64
export const otherService = '_other'

/** How long calls take, in seconds. */
const secondsBounds = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
]

/** What became of the calls of one service. */
export interface ServiceOutcomes {
  /** How many ended well. */
  ok: number
  /** How many ended otherwise, by a code from a closed table. */
  readonly failed: Map<string, number>
  /** How long they took, in seconds. */
  readonly seconds: Distribution
}

/** Counts what becomes of calls, by service. Bounded, whatever the services are called. */
export class Outcomes {
  readonly services = new Map<string, ServiceOutcomes>()

  /** A call ended, for the reason that a code says, or well. `tookMs` undefined: nobody knows how long it took. */
  add(service: string, code: string | undefined, tookMs?: number): void {
    if (isSystems(service)) return
    const outcomes = this.#of(service)
    if (code === undefined) outcomes.ok++
    else outcomes.failed.set(code, (outcomes.failed.get(code) ?? 0) + 1)
    if (tookMs !== undefined) outcomes.seconds.add(tookMs / 1_000)
  }

  #of(service: string): ServiceOutcomes {
    const known = this.services.get(service)
    if (known !== undefined) return known
    const name = this.services.size < servicesMax ? service : otherService
    const made = this.services.get(name) ?? { ok: 0, failed: new Map(), seconds: new Distribution(secondsBounds) }
    this.services.set(name, made)
    return made
  }
}
