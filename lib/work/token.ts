import { createHash, randomFillSync } from 'node:crypto'

/** In the order of their codes, so that what is written with them sorts as the number does. */
const digits = '-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz'
const timeDigits = 8
/** Of each token: 96 bits, which nobody guesses. */
const diceBytes = 12
/** Drawn from the system for many tokens at a time, as each draw costs. */
const pool = Buffer.alloc(diceBytes * 256)
let left = 0
let lastMs = -1
let lastPrefix = ''

/**
 * Names a job: 24 letters, digits, `-` and `_`. It cannot be guessed, and it begins with the time `nowMs`, in
 * milliseconds since 1970, in a way that sorts: what is enqueued together is kept together, so that a store which is
 * sorted by tokens changes a few pages at its end, rather than one page anywhere for each job.
 */
export function newToken(nowMs: number): string {
  if (left === 0) left = randomFillSync(pool).length
  left -= diceBytes
  return prefixOf(nowMs) + pool.toString('base64url', left, left + diceBytes)
}

/** For a key it is always the same one. */
export function tokenOf(service: string, key: string): string {
  return createHash('sha256').update(`${service}\0${key}`).digest('base64url').slice(0, 24)
}

function prefixOf(nowMs: number): string {
  if (nowMs === lastMs) return lastPrefix
  let [prefix, rest] = ['', Math.max(0, Math.floor(nowMs))]
  for (let at = 0; at < timeDigits; at++) {
    prefix = digits.charAt(rest % 64) + prefix
    rest = Math.floor(rest / 64)
  }
  lastMs = nowMs
  return (lastPrefix = prefix)
}
