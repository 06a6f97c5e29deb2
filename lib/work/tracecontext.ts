import type { TraceContext } from '../diagnostics.js'

/**
 * How a call's place in its trace goes over the wire: what W3C Trace Context says, version 00, in less.
 *
 *     trace id 16 | span id 8 | flags 1 | trace state, as text
 */
const fixedBytes = 25

/** Longest trace state that is passed on: what the recommendation asks for at least. A longer one is left out whole. */
export const stateBytesMax = 512

/** Most that a trace context takes. */
export const traceBytesMax = fixedBytes + stateBytesMax

const parentFormat = /^00-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})$/
/** Printable ASCII, as header values are. */
const stateFormat = /^[\x20-\x7e]*$/

/** The bytes of a trace context; undefined when its parent is none. */
export function encodeTrace({ traceparent, tracestate }: TraceContext): Buffer | undefined {
  const [, traceId, spanId, flags] = parentFormat.exec(traceparent) ?? []
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined
  const isTold = tracestate.length <= stateBytesMax && stateFormat.test(tracestate)
  const state = isTold ? tracestate : ''
  const bytes = Buffer.allocUnsafe(fixedBytes + state.length)
  bytes.write(traceId + spanId + flags, 'hex')
  bytes.write(state, fixedBytes, 'latin1')
  return bytes
}

/** The trace context again; undefined when the bytes are none. */
export function decodeTrace(bytes: Uint8Array): TraceContext | undefined {
  if (bytes.length < fixedBytes || bytes.length > traceBytesMax) return undefined
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const traceId = buffer.toString('hex', 0, 16)
  const spanId = buffer.toString('hex', 16, 24)
  const traceparent = `00-${traceId}-${spanId}-${buffer.toString('hex', 24, 25)}`
  const tracestate = buffer.toString('latin1', fixedBytes)
  return parentFormat.test(traceparent) && stateFormat.test(tracestate) ? { traceparent, tracestate } : undefined
}
