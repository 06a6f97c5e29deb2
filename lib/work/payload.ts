import { TelepathineError } from '../gossip/errors.js'
import { decodeValue, encodeValue } from '../values.js'
import { pieceBytesMax } from './frame.js'

/** How a value is written; the numbers stand on the wire. Large runs of bytes go as they are, without a copy. */
export const Form = { encoded: 0, buffer: 1, bytes: 2 } as const

export type Form = (typeof Form)[keyof typeof Form]

/** How a value is to be written. */
export function formOf(value: unknown): Form {
  if (!(value instanceof Uint8Array) || value.length <= pieceBytesMax) return Form.encoded
  const { constructor } = value
  return constructor === Buffer ? Form.buffer : constructor === Uint8Array ? Form.bytes : Form.encoded
}

/**
 * A value as bytes, which may lie in scratch memory, or be the value itself.
 *
 * @throws TelepathineError `ERR_VALUE`, `ERR_TOO_LARGE`
 */
export function encodePayload(value: unknown, form: Form, bytesMax: number): Uint8Array {
  if (form === Form.encoded) return encodeValue(value, bytesMax)
  const bytes = value as Uint8Array
  if (bytes.length <= bytesMax) return bytes
  throw new TelepathineError('ERR_TOO_LARGE', `value takes ${bytes.length} bytes, allowed are ${bytesMax}`)
}

/** The value again. @throws TelepathineError `ERR_VALUE` */
export function decodePayload(bytes: Uint8Array, form: number, at: number, end: number): unknown {
  if (form === Form.encoded) return decodeValue(bytes, at, end)
  const offset = bytes.byteOffset + at
  return form === Form.buffer
    ? Buffer.from(bytes.buffer, offset, end - at)
    : new Uint8Array(bytes.buffer, offset, end - at)
}
