import { now, sleep } from './time.js'

/** Makes one call; what it resolves to does not matter. */
export type MakeCall = (n: number) => Promise<unknown>

/** What a run of calls came to. Latencies in milliseconds, sorted. */
export interface Run { perSecond: number; latencies: number[]; failures: Record<string, number> }

/** Calls for so long, so many at a time. */
export async function flood(call: MakeCall, inflight: number, ms: number): Promise<Run> {
  const latencies: number[] = []
  const failures: Record<string, number> = {}
  let count = 0
  const begun = now()
  const end = performance.now() + ms
  await Promise.all(Array.from({ length: inflight }, async () => {
    for (let at = performance.now(); at < end;) {
      await call(count++).catch(error => count1(failures, error))
      const done = performance.now()
      if (inflight === 1) latencies.push(done - at)
      at = done
    }
  }))
  return { perSecond: (count / (now() - begun)) * 1_000, latencies: latencies.sort((a, b) => a - b), failures }
}

/** Calls at a steady rate, whether those before are answered or not: what waits shows in the latency. */
export async function steady(call: MakeCall, perSecond: number, seconds: number): Promise<Run> {
  const latencies: number[] = []
  const failures: Record<string, number> = {}
  const waiting: Promise<unknown>[] = []
  const begun = now()
  for (let n = 0; n < perSecond * seconds;) {
    const due = Math.min(perSecond * seconds, Math.floor(((now() - begun) / 1_000) * perSecond))
    for (; n < due; n++) {
      const at = begun + (n / perSecond) * 1_000
      waiting.push(call(n).then(() => latencies.push(now() - at), error => count1(failures, error)))
    }
    await sleep(1)
  }
  await Promise.all(waiting)
  return { perSecond, latencies: latencies.sort((a, b) => a - b), failures }
}

/** The value below which that share of sorted values lies. */
export const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN

function count1(failures: Record<string, number>, error: unknown): void {
  const code = String((error as { code?: unknown }).code ?? error)
  failures[code] = (failures[code] ?? 0) + 1
}
