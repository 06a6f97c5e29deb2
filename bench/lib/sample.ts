/** What repetitions of one measurement came to. */
export interface Sample { median: number; min: number; max: number; count: number }

/** Median, extremes and number of some measurements; undefined for none. */
export function sample(values: readonly number[]): Sample | undefined {
  if (values.length === 0) return undefined
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? NaN
  const median = sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? NaN)) / 2
  return { median, min: sorted[0] ?? NaN, max: sorted.at(-1) ?? NaN, count: sorted.length }
}
