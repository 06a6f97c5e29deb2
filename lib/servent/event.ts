import { describe } from '../describe.js'
import { TelepathineError } from '../gossip/errors.js'
import { decodeValue, encodeValue, ownBytes } from '../values.js'

/** Largest event, encoded, in bytes. */
const eventBytesMax = 16 << 20

/** What a servent emits itself, {@link ServentEvents}, and every emitter. */
const ownEvents = new Set(['listening', 'peer', 'close', 'error', 'newListener', 'removeListener'])

/** Whether an event has a meaning of its own, so that others cannot emit it. */
export function isOwnEvent(event: string): boolean {
  return ownEvents.has(event)
}

/**
 * An event as it crosses the wire.
 *
 * @throws TelepathineError `ERR_KEY` for a name that cannot be emitted, `ERR_VALUE`, `ERR_TOO_LARGE`
 */
export function encodeEvent(event: unknown, args: readonly unknown[]): Uint8Array {
  if (typeof event !== 'string' || event === '' || isOwnEvent(event)) {
    const allowed = `a string that is neither empty nor ${[...ownEvents].join(', ')}`
    throw new TelepathineError('ERR_KEY', `event: ${describe(event)} given, allowed: ${allowed}`)
  }
  return ownBytes(encodeValue([event, args], eventBytesMax))
}

/** The event that came in; undefined when it is none. */
export function readEvent(bytes: unknown): [event: string, args: readonly unknown[]] | undefined {
  try {
    const told = bytes instanceof Uint8Array ? decodeValue(bytes) : undefined
    const [event, args] = Array.isArray(told) ? (told as unknown[]) : []
    return typeof event === 'string' && !isOwnEvent(event) && Array.isArray(args) ? [event, args] : undefined
  } catch {
    return undefined
  }
}
