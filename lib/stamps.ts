/**
 * Every value that is set carries, in front, when that was: a hybrid logical time, which follows the wall clock and is
 * later than everything its writer had seen. Of two encoded values the one that compares greater, byte by byte, is the
 * later; whoever compares the same two decides the same. That is all that peers need to settle on one value (see
 * `believe`), and whoever adopts a value takes its bytes as they are, time included.
 */

/** How many bytes a stamp takes: 53 bits, big-endian. */
export const stampBytes = 7

/** One millisecond in steps of a stamp: so many can be made in it without running ahead. */
const stepsPerMs = 1_024
/** A stamp further ahead of the wall clock than this moves no clock: 24 hours. */
const aheadMax = 24 * 3_600_000 * stepsPerMs

/** One peer's hybrid logical clock. */
export class Stamps {
  readonly #wall: () => number
  #last = 0

  /** @param wall Unix time in milliseconds; may jump */
  constructor(wall: () => number) {
    this.#wall = wall
  }

  /** Writes a new stamp to the beginning of `bytes`: later than all written or seen before. */
  write(bytes: Uint8Array): void {
    this.#last = Math.max(this.#last + 1, Math.floor(this.#wall() * stepsPerMs))
    const high = Math.floor(this.#last / 2 ** 32)
    const low = this.#last >>> 0
    bytes[0] = high >>> 16
    bytes[1] = high >>> 8
    bytes[2] = high
    bytes[3] = low >>> 24
    bytes[4] = low >>> 16
    bytes[5] = low >>> 8
    bytes[6] = low
  }

  /** Takes note of another's stamp. */
  see(bytes: Uint8Array): void {
    const stamp = (setAt(bytes) ?? 0) * stepsPerMs
    if (stamp > this.#last && stamp < this.#wall() * stepsPerMs + aheadMax) this.#last = stamp
  }
}

/** When a value was set, by the clock of who set it: unix time in milliseconds; undefined when it does not say. */
export function setAt(value: Uint8Array): number | undefined {
  if (value.length < stampBytes) return undefined
  let stamp = 0
  for (let i = 0; i < stampBytes; i++) stamp = stamp * 256 + (value[i] as number)
  return stamp / stepsPerMs
}

/**
 * Whether the first value was set later than the second; of two set at the same time one and the same wins
 * everywhere.
 */
export function isLater(value: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(value, other) > 0
}

/** Whether two values are the same but for when they were set. */
export function isSameValue(value: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(value.subarray(stampBytes), other.subarray(stampBytes)) === 0
}
