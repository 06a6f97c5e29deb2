import type { Random } from '../gossip/random.js'
import { choose, type Policy } from '../work/selection.js'
import type { KnownAgent } from './census.js'
import type { Candidate, Selector } from './types.js'

/** How agents are chosen, by name. */
export type SelectorName = 'least_loaded' | 'all' | 'random' | 'rr'

const policies: Readonly<Record<Exclude<SelectorName, 'all'>, Policy>> = {
  least_loaded: 'least-loaded', random: 'random', rr: 'round-robin',
}

/** Routes whose turns are remembered. */
const turnsMax = 1_024

/** Whether it is the name of a selector. */
export function isSelectorName(name: unknown): name is SelectorName {
  return typeof name === 'string' && (name === 'all' || Object.hasOwn(policies, name))
}

/** Chooses agents. */
export class Chooser {
  readonly #random: Random
  /** Choices in turns so far, by route. */
  readonly #turns = new Map<string, number>()

  constructor(random: Random) {
    this.#random = random
  }

  /** Whom a selector chooses; none when there is none. */
  choose(selector: SelectorName | Selector, type: string, among: readonly KnownAgent[]): readonly KnownAgent[] {
    if (selector === 'all') return among
    if (typeof selector === 'function') return ask(selector, type, among)
    const chosen = choose(policies[selector], among, this.#random, () => this.#turn(type))
    return chosen === undefined ? [] : [chosen]
  }

  #turn(type: string): number {
    const turn = this.#turns.get(type) ?? 0
    if (this.#turns.size >= turnsMax) this.#turns.clear()
    this.#turns.set(type, turn + 1)
    return turn
  }
}

/** Asks a user's function, which may keep or sort what it is given, and give back what was not there. */
function ask(selector: Selector, type: string, among: readonly KnownAgent[]): readonly KnownAgent[] {
  const given = selector([...among], type) ?? []
  const chosen: readonly unknown[] = Array.isArray(given) ? given : [given]
  const names = new Set(chosen.map((each) => (typeof each === 'string' ? each : (each as Candidate | null)?.identity)))
  return among.filter(({ identity }) => names.has(identity))
}
