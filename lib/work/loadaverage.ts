import { loadavg } from 'node:os'

/** The mean of the machine's load averages over 1, 5 and 15 minutes. */
export function loadAverage(): number {
  const averages = loadavg()
  return averages.reduce((sum, average) => sum + average, 0) / averages.length
}
