/** What repetitions of one measurement came to. */
export interface Sample {
  median: number
  min: number
  max: number
  count: number
  /** In the order they were taken. */
  values: readonly number[]
}

/** Median, extremes and number of some measurements; undefined for none. */
export function sample(values: readonly number[]): Sample | undefined {
  if (values.length === 0) return undefined
  const sorted = values.toSorted((a, b) => a - b)
  return {
    median: middle(sorted), min: sorted[0] ?? NaN, max: sorted.at(-1) ?? NaN, count: sorted.length,
    values: values.map(value => Number(value.toPrecision(5))),
  }
}

/** The one in the middle of sorted values, or the mean of the two that are. */
function middle(sorted: readonly number[]): number {
  const half = sorted.length >> 1
  const upper = sorted[half] ?? NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[half - 1] ?? NaN)) / 2
}
