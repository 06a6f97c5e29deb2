import { TelepathineError } from '../gossip/errors.js'
import { decodeValue } from '../values.js'
import { eventBytesMax } from './names.js'

/**
 * What listeners get: one packet for each message.
 */
export interface NCPacket<T = unknown> {
  /** The channel that it was emitted on. */
  readonly channel: string
  /** The third argument of `emit`; routing does not depend on it. */
  readonly broadcast: boolean
  /** The name it was emitted under. */
  readonly event: string
  /** What was emitted with it. */
  readonly data: T
}

/**
 * Messages on the sockets, each in a frame of its own:
 *
 *     kind (u8) = message | broadcast (u8) | channel: length (u8), UTF-8 | event: length (u16), UTF-8 | data
 *
 * Between two servers they are the same bytes. Whoever passes them on looks at the channel only; event and data are
 * decoded by those who listen.
 */
export const kinds = { hello: 1, welcome: 2, message: 3, settled: 4, missed: 5 } as const

/** Largest data of a message, encoded: 8 MiB. */
export const dataBytesMax = 8 * 1024 * 1024
/** Largest frame on a socket. */
export const frameBytesMax = dataBytesMax + eventBytesMax + 1_024

/** Encodes all of a message but its data. */
export function encodeHead(channel: string, event: string, broadcast: boolean): Buffer {
  const channelBytes = Buffer.from(channel)
  const eventBytes = Buffer.from(event)
  const head = Buffer.allocUnsafeSlow(5 + channelBytes.length + eventBytes.length)
  head[0] = kinds.message
  head[1] = broadcast ? 1 : 0
  head[2] = channelBytes.length
  head.set(channelBytes, 3)
  const at = head.writeUInt16BE(eventBytes.length, 3 + channelBytes.length)
  head.set(eventBytes, at)
  return head
}

/** Where the parts of a message lie. Undefined when the bytes are no message. */
export function messageParts(frame: Uint8Array): { channelEnd: number; eventEnd: number } | undefined {
  const channelEnd = 3 + (frame[2] ?? 0)
  const eventEnd = channelEnd + 2 + ((frame[channelEnd] ?? 0) << 8) + (frame[channelEnd + 1] ?? 0)
  const fits = frame[0] === kinds.message && frame[1]! <= 1 && channelEnd > 3
  return fits && eventEnd > channelEnd + 2 && eventEnd < frame.length ? { channelEnd, eventEnd } : undefined
}

/** The name of the channel in a message that {@link messageParts} accepted. */
export function channelOf(frame: Uint8Array, channelEnd: number): string {
  return text(frame, 3, channelEnd)
}

/** The name of the event in a message that {@link messageParts} accepted. */
export function eventOf(frame: Uint8Array, channelEnd: number, eventEnd: number): string {
  return text(frame, channelEnd + 2, eventEnd)
}

/**
 * Decodes a message.
 * @throws TelepathineError `ERR_VALUE` when the bytes are none
 */
export function decodePacket(frame: Uint8Array): NCPacket {
  const parts = messageParts(frame)
  if (parts === undefined) throw new TelepathineError('ERR_VALUE', `not a message: ${frame.length} bytes`)
  const { channelEnd, eventEnd } = parts
  return {
    channel: channelOf(frame, channelEnd),
    broadcast: frame[1] === 1,
    event: eventOf(frame, channelEnd, eventEnd),
    data: decodeValue(frame, eventEnd),
  }
}

/** A frame of another kind, with JSON: `hello` and `welcome`. */
export function encodeNote(kind: number, note: object): Buffer {
  return Buffer.concat([Buffer.of(kind), Buffer.from(JSON.stringify(note))])
}

/** Decodes what {@link encodeNote} wrote; undefined when it is not of that kind, or no object. */
export function decodeNote(kind: number, frame: Uint8Array): Record<string, unknown> | undefined {
  if (frame[0] !== kind || frame.length > 4_096) return undefined
  try {
    const note: unknown = JSON.parse(text(frame, 1, frame.length))
    return typeof note === 'object' && note !== null ? (note as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** A frame of another kind, with a number: `settled` and `missed`. */
export function encodeCount(kind: number, count: number): Buffer {
  const frame = Buffer.allocUnsafe(5)
  frame[0] = kind
  frame.writeUInt32BE(count, 1)
  return frame
}

/** Decodes what {@link encodeCount} wrote; 0 when it is no such thing. */
export function decodeCount(frame: Uint8Array): number {
  return frame.length === 5 ? new DataView(frame.buffer, frame.byteOffset).getUint32(1) : 0
}

function text(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString()
}
