import { randomBytes } from 'node:crypto'

/** An id that nobody else has: 24 digits, upper-case hex, of which 8 tell the time in seconds, 4 the process. */
export function uid(): string {
  const seconds = Math.floor(Date.now() / 1_000).toString(16).padStart(8, '0')
  const pid = (process.pid & 0xffff).toString(16).padStart(4, '0')
  return `${seconds}${pid}${randomBytes(6).toString('hex')}`.toUpperCase()
}

/** Whether that is what {@link uid} gives. */
export function isUid(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9A-F]{24}$/.test(value)
}
