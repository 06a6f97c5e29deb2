import { isSystems } from '../names.js'
import { boardOf } from './switchboard.js'
import type { Figures } from './tally.js'

/** A service at a live peer, as known here. */
export interface Survey {
  readonly service: string
  readonly peer: string
  readonly version: string | undefined
  readonly tags: readonly string[]
  readonly concurrency: number
  /** What the peer says its load is. */
  readonly status: unknown
  /** Calls that run or wait there, of all its services, about. */
  readonly inflight: number
  /** Undefined when the peer tells none. */
  readonly figures: Figures | undefined
}

const idle: Figures = {
  running: 0, waiting: 0, calls: 0, errors: 0, refused: 0, p50: undefined, p99: undefined,
}

/** Who serves what, and how it fares, by what all tell; for a look at the whole. Empty without a dispatcher. */
export function surveyOf(peer: object): Survey[] {
  const surveys: Survey[] = []
  for (const [service, places] of boardOf(peer)?.roster.all ?? []) {
    if (isSystems(service)) continue
    for (const { peer: name, offer, view } of places) {
      const { version, tags, concurrency } = offer
      const { status, inflight, figures } = view
      const told = figures && (figures.get(service) ?? idle)
      surveys.push({ service, peer: name, version, tags, concurrency, status, inflight, figures: told })
    }
  }
  return surveys
}
