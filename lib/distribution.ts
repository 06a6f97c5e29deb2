/**
 * Counts how often a measured value falls into each of a few ranges: what a histogram of Prometheus shows. Bounded by
 * its ranges, however much is measured.
 */
export class Distribution {
  /** Upper ends of the ranges, inclusive and rising; one more range takes what is beyond. */
  readonly bounds: readonly number[]
  /** How many fell into each range, the one beyond the last. */
  readonly counts: number[]
  /** Sum of all that was measured. */
  sum = 0

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0)
  }

  /** How much was measured. */
  get count(): number {
    return this.counts.reduce((sum, count) => sum + count, 0)
  }

  /** Takes a measurement. */
  add(value: number): void {
    let range = 0
    while (value > (this.bounds[range] ?? Infinity)) range++
    this.counts[range] = (this.counts[range] ?? 0) + 1
    this.sum += value
  }
}
