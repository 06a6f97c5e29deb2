/**
 * Milliseconds of the machine's monotonic clock. Node reads it from the system without an origin of its own, so times
 * taken in two processes of one machine can be subtracted, whatever happens to the wall clock between their starts.
 */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6

/** Milliseconds that this process has computed since it began: what a busy machine does not falsify. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

/** How long something took: on the clock, and of CPU in the process that tells. */
export interface Taken { ms: number; cpuMs: number }

/** Begins to measure; the function returned tells what it took until then. */
export function stopwatch(): () => Taken {
  const begun = { ms: now(), cpuMs: cpuMs() }
  return () => ({ ms: now() - begun.ms, cpuMs: cpuMs() - begun.cpuMs })
}

/** Waits. */
export const sleep = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** Asks again and again until the answer is true; throws after `timeoutMs`. */
export async function until(
  what: string,
  ask: () => boolean | Promise<boolean>,
  timeoutMs: number,
  pauseMs = 20,
): Promise<void> {
  const deadline = now() + timeoutMs
  while (!(await ask())) {
    if (now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms`)
    await sleep(pauseMs)
  }
}
