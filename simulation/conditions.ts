/** How one direction of a link between two machines behaves. */
export interface Conditions {
  /** Chance that a datagram gets lost, 0 .. 1. A stream sends again what is lost, and is late instead. */
  readonly loss: number
  /** Time on the way, milliseconds: any in `[least, most]`, each as likely. */
  readonly latencyMs: readonly [number, number]
  /** Chance that a datagram comes twice. */
  readonly duplication: number
  /** Chance that a datagram is held up, for up to ten times the longest latency, and so overtaken by others. */
  readonly reordering: number
  /** Chance that a bit of a datagram is turned over. (Streams have checksums worth the name.) */
  readonly corruption: number
  /** Whether datagrams get through at all. */
  readonly datagrams: boolean
  /** Whether streams get through at all. */
  readonly streams: boolean
}

/** A good local network. */
export const localNetwork: Conditions = {
  loss: 0,
  latencyMs: [0.5, 1.5],
  duplication: 0,
  reordering: 0,
  corruption: 0,
  datagrams: true,
  streams: true,
}

/** Throws a `RangeError` that names what is wrong; gives the conditions back. */
export function checkConditions(conditions: Conditions): Conditions {
  for (const chance of ['loss', 'duplication', 'reordering', 'corruption'] as const) {
    const value = conditions[chance]
    if (!(value >= 0 && value <= 1)) throw new RangeError(`${chance} must be 0 .. 1, got ${value}`)
  }
  const [least, most] = conditions.latencyMs
  if (!(least >= 0 && most >= least && most < Infinity)) {
    throw new RangeError(`latencyMs must be [least, most] with 0 <= least <= most, got [${least}, ${most}]`)
  }
  return conditions
}
