import { collectDefaultMetrics, Counter, Gauge, type Metric, Registry } from 'prom-client'
import type { Families, Family, HistogramFamily, SummaryFamily } from './families.js'

/** A text in the exposition format of Prometheus. */
export interface Exposition {
  readonly mediaType: string
  readonly text: string
}

/** The process is the same for all peers in it, and its garbage collector is observed only once. */
let processMetrics: Registry | undefined

/** Reads all metrics of a peer; with `withProcess` also what prom-client measures of any Node.js process. */
export async function expose(families: Families, withProcess: boolean): Promise<Exposition> {
  // its own: the global one is the application's
  const registry = new Registry()
  // all are looked at in one go, but for what some wait for
  await Promise.all(families.all.map((family) => register(registry, family)))
  const texts = [await registry.metrics()]
  if (withProcess) {
    if (processMetrics === undefined) collectDefaultMetrics({ register: (processMetrics = new Registry()) })
    texts.push(await processMetrics.metrics())
  }
  return { mediaType: registry.contentType, text: texts.join('\n') }
}

async function register(registry: Registry, family: Family): Promise<void> {
  const { name, help, labels } = family
  const config = { name, help, labelNames: labels, registers: [registry] }
  switch (family.type) {
    case 'counter': {
      const counter = new Counter(config)
      for (const [of, value] of family.read()) counter.inc(of, value)
      return
    }
    case 'gauge': {
      const gauge = new Gauge(config)
      // the registry's begin at 0 where there are no labels
      if (labels.length === 0) gauge.remove()
      for (const [of, value] of await family.read()) gauge.set(of, value)
      return
    }
    default:
      registry.registerMetric(new Counted(family) as unknown as Metric)
  }
}

interface Value {
  readonly metricName: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

/**
 * A histogram or summary that has been counted elsewhere, in the shape that a registry reads: prom-client's own take
 * measurements one by one, which would cost each call a microsecond.
 */
class Counted {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly aggregator = 'sum'
  readonly #values: readonly Value[]

  constructor(family: HistogramFamily | SummaryFamily) {
    this.name = family.name
    this.help = family.help
    this.type = family.type
    this.#values = family.type === 'histogram' ? ranges(family) : quantiles(family)
  }

  get(): Promise<object> {
    const { name, help, type, aggregator } = this
    return Promise.resolve({ name, help, type, aggregator, values: this.#values })
  }
}

function ranges({ name, read }: HistogramFamily): Value[] {
  return Array.from(read(), ([labels, { bounds, counts, sum }]) => {
    let count = 0
    const buckets = counts.map((inRange, i) => {
      count += inRange
      return { metricName: `${name}_bucket`, labels: { ...labels, le: bounds[i] ?? '+Inf' }, value: count }
    })
    return [...buckets, ...totals(name, labels, sum, count)]
  }).flat()
}

function quantiles({ name, read }: SummaryFamily): Value[] {
  return Array.from(read(), ([labels, { quantiles: shares, sum, count }]) => {
    const values = Array.from(shares, ([quantile, value]) => {
      return { metricName: name, labels: { ...labels, quantile }, value }
    })
    return [...values, ...totals(name, labels, sum, count)]
  }).flat()
}

function totals(name: string, labels: Value['labels'], sum: number, count: number): Value[] {
  return [{ metricName: `${name}_sum`, labels, value: sum }, { metricName: `${name}_count`, labels, value: count }]
}
