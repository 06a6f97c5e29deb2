/** Where `share` (0 .. 1) of the values are at or below; 0 when there are none. Sorts the values. */
export function quantile(values: number[] | Float64Array, share: number): number {
  if (values.length === 0) return 0
  values.sort((a: number, b: number) => a - b)
  return values[Math.min(values.length - 1, Math.ceil(values.length * share) - 1)] ?? 0
}

/** Rounded to three places behind the point: virtual time is exact to the microsecond, and more digits are noise. */
export function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000
}

/** How the share of values that are at or below a time grows: at most `points` points. Expects them sorted. */
export function growth(values: ArrayLike<number>, total: number, points = 100): [number, number][] {
  const curve: [number, number][] = [[0, 0]]
  const step = Math.max(1, Math.floor(values.length / points))
  for (let i = step - 1; i < values.length; i += step) curve.push([rounded(values[i] as number), (i + 1) / total])
  if (values.length > 0) curve.push([rounded(values[values.length - 1] as number), values.length / total])
  return curve
}
