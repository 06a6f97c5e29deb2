/** What the first bytes of a connection say that it speaks. */
export type Protocol = 'peer' | 'tls' | 'http' | 'unknown'

/**
 * The first bytes that a peer sends. The first is no letter and no TLS record type; the last shows a connection that
 * rewrites line ends.
 */
export const preamble: Uint8Array = Uint8Array.of(0x89, ...Buffer.from('TELEPA\n'))

const methods = ['GET ', 'HEAD ', 'POST ', 'PUT ', 'DELETE ', 'CONNECT ', 'OPTIONS ', 'TRACE ', 'PATCH ', 'PRI ']

/** Tells a connection's protocol from its first bytes; undefined while they are too few. Eight are always enough. */
export function sniff(bytes: Uint8Array): Protocol | undefined {
  const first = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, preamble.length))
  if (first.length === 0) return undefined
  if (first.equals(preamble.subarray(0, first.length))) return first.length === preamble.length ? 'peer' : undefined
  if (first[0] === 0x16) {
    if (first.length === 1) return undefined
    return first[1] === 3 ? 'tls' : 'unknown'
  }
  const text = first.toString('latin1')
  if (methods.some((method) => text.startsWith(method))) return 'http'
  return methods.some((method) => method.startsWith(text)) ? undefined : 'unknown'
}
