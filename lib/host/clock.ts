/**
 * Time, as the host needs it. The protocol itself never reads a clock: it is told `now`.
 */
export interface Clock {
  /** Milliseconds, never going back, with an origin of their own. */
  now(): number
  /** Unix time in milliseconds: what `expiresAt` refers to. May jump. */
  wall(): number
  /**
   * Calls `run` once, `ms` from now, in a macrotask; returns what takes it back. Does not keep the process alive by
   * itself.
   */
  after(ms: number, run: () => void): () => void
  /** Calls `run` once, after input that is already waiting has been read. Returns what takes it back. */
  soon(run: () => void): () => void
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
  soon(run) {
    const immediate = setImmediate(run)
    return () => clearImmediate(immediate)
  },
}
