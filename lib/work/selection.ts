import { hash32 } from '../gossip/hash.js'
import type { Random } from '../gossip/random.js'

/** How one of several workers is chosen, by name; see {@link Select}. */
export type Policy = 'p2c' | 'least-loaded' | 'random' | 'round-robin'

/** What a choice is made by. */
export interface Choosable {
  readonly peer: string
  /** Calls that run and wait there, by what it can do at a time. */
  readonly pressure: number
  /** Calls under way there that came from here. */
  readonly outstanding: number
  /** What it says its load is. */
  readonly status: unknown
}

/** Chooses one; undefined only when there is none. `turn` rises with each choice that takes turns. */
export function choose<P extends Choosable>(
  policy: Policy | { readonly key: string },
  places: readonly P[],
  random: Random,
  turn: () => number,
): P | undefined {
  if (places.length <= 1) return places[0]
  if (typeof policy === 'object') return byKey(policy.key, places)
  if (policy === 'p2c') return betterOfTwo(places, random)
  if (policy === 'least-loaded') return leastLoaded(places, random)
  return places[policy === 'random' ? random.below(places.length) : turn() % places.length]
}

/**
 * Two at random, and of these the one with less to do: nearly as good as the least loaded of all when loads are fresh,
 * and far better when they are not (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing").
 */
function betterOfTwo<P extends Choosable>(places: readonly P[], random: Random): P {
  const i = random.below(places.length)
  const j = random.below(places.length - 1)
  const a = places[i] as P
  const b = places[j < i ? j : j + 1] as P
  return b.pressure < a.pressure ? b : a
}

/** So many of them, by chance; all when there are no more. */
export function sample<P>(places: readonly P[], count: number, random: Random): P[] {
  const rest = [...places]
  for (let i = 0; i < rest.length && i < count; i++) {
    const j = i + random.below(rest.length - i)
    ;[rest[i], rest[j]] = [rest[j] as P, rest[i] as P]
  }
  return rest.slice(0, count)
}

/** The one with the least to do; the first of equals. */
export function leastBusy<P extends Choosable>(places: readonly P[]): P | undefined {
  let best = places[0]
  for (const place of places) if (place.pressure < (best as P).pressure) best = place
  return best
}

/** The least by what they say of themselves, strictly; among equals the one with less from here, then by chance. */
function leastLoaded<P extends Choosable>(places: readonly P[], random: Random): P {
  let best = places[0] as P
  let equals = 1
  for (let i = 1; i < places.length; i++) {
    const place = places[i] as P
    const order = compareStatus(place.status, best.status) || place.outstanding - best.outstanding
    if (order < 0) equals = 0
    if (order > 0) continue
    equals++
    if (random.below(equals) === 0) best = place
  }
  return best
}

/**
 * The highest of the hashes of key and peer (rendezvous hashing, Thaler and Ravishankar): when one comes or goes, only
 * the keys that were or will be its own move.
 */
function byKey<P extends Choosable>(key: string, places: readonly P[]): P {
  let best = places[0] as P
  let highest = -1
  for (const place of places) {
    const hash = hash32(`${place.peer}\0${key}`, 29)
    if (hash <= highest) continue
    highest = hash
    best = place
  }
  return best
}

/** Numbers, and what stands for one as dates do, by size; then texts by order; what cannot be compared comes last. */
export function compareStatus(a: unknown, b: unknown): number {
  const order = rank(a) - rank(b)
  if (order !== 0) return order
  const [x, y] = [a as number, b as number]
  return x < y ? -1 : x > y ? 1 : 0
}

function rank(status: unknown): number {
  if (typeof status === 'bigint') return 0
  if (typeof status === 'string') return 1
  return status === null || typeof status === 'boolean' || Number.isNaN(Number(status)) ? 2 : 0
}

/** Which tags are asked for: one of some, or all of them. */
export interface TagFilter {
  readonly any: readonly string[]
  readonly all: readonly string[]
}

/** Whether a worker with these tags is one of those asked for. */
export function matches(tags: ReadonlySet<string>, { any, all }: TagFilter): boolean {
  return (any.length === 0 || any.some((tag) => tags.has(tag))) && all.every((tag) => tags.has(tag))
}
