import type { Distribution } from '../distribution.js'

/** Values of labels, by name. They are from short closed lists, or bounded by whoever counts. */
export type Labels = Readonly<Record<string, string>>

interface Named {
  /** By the conventions of Prometheus: with its base unit, counters with `_total`. */
  readonly name: string
  /** One line for people. */
  readonly help: string
  /** Names of the labels that each of its values has. */
  readonly labels: readonly string[]
}

/** A metric that is counted. */
export interface CounterFamily extends Named {
  readonly type: 'counter'
  /** Looks, when somebody wants to know. */
  readonly read: () => Iterable<readonly [Labels, number]>
}

/** A metric of what is so at the moment. */
export interface GaugeFamily extends Named {
  readonly type: 'gauge'
  /** Looks; what has to be asked elsewhere first may take a moment, and must not fail. */
  readonly read: () => Iterable<readonly [Labels, number]> | Promise<Iterable<readonly [Labels, number]>>
}

/** A metric of how often values fell into ranges. */
export interface HistogramFamily extends Named {
  readonly type: 'histogram'
  readonly read: () => Iterable<readonly [Labels, Distribution]>
}

/** What lies below which share of all values of late; and of all there were, how many and their sum. */
export interface Quantiles {
  readonly quantiles: ReadonlyMap<number, number>
  readonly count: number
  readonly sum: number
}

/** A metric of quantiles. */
export interface SummaryFamily extends Named {
  readonly type: 'summary'
  readonly read: () => Iterable<readonly [Labels, Quantiles]>
}

/** Some metrics of one name. */
export type Family = CounterFamily | GaugeFamily | HistogramFamily | SummaryFamily

/** The metrics of one peer. Whoever has something to measure adds some. */
export class Families {
  readonly #all = new Set<Family>()

  /** Adds some; returns what takes them off again. */
  add(families: readonly Family[]): () => void {
    for (const family of families) this.#all.add(family)
    return () => {
      for (const family of families) this.#all.delete(family)
    }
  }

  /** All of them, in the order they came. */
  get all(): readonly Family[] {
    return [...this.#all]
  }
}

const tables = new WeakMap<object, Families>()

/** The metrics of a peer, whether anybody reads them or not: so its parts may add theirs in any order. */
export function familiesOf(peer: object): Families {
  let families = tables.get(peer)
  if (!families) tables.set(peer, (families = new Families()))
  return families
}

/** Something that is counted. */
export function counter(
  name: string, help: string, labels: readonly string[], read: CounterFamily['read'],
): CounterFamily {
  return { name: `telepathine_${name}`, help, type: 'counter', labels, read }
}

/** Something that is so at the moment. */
export function gauge(name: string, help: string, labels: readonly string[], read: GaugeFamily['read']): GaugeFamily {
  return { name: `telepathine_${name}`, help, type: 'gauge', labels, read }
}

/** How often values fell into ranges. */
export function histogram(
  name: string, help: string, labels: readonly string[], read: HistogramFamily['read'],
): HistogramFamily {
  return { name: `telepathine_${name}`, help, type: 'histogram', labels, read }
}

/** The one value of a metric without labels. */
export function only<T>(value: T): readonly (readonly [Labels, T])[] {
  return [[{}, value]]
}

/** A value for each name of a record, as values of a label. */
export function each(label: string, record: Readonly<Record<string, number>>): (readonly [Labels, number])[] {
  return Object.entries(record).map(([name, value]) => [{ [label]: name }, value] as const)
}
