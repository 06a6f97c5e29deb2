/** Two runs of bytes as one, with the length of the first in front. */
export function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const head = Buffer.alloc(4)
  head.writeUInt32BE(first.length)
  return Buffer.concat([head, first, second])
}

/** The two again; undefined when the bytes are no such pair. */
export function parted(bytes: Uint8Array): readonly [first: Uint8Array, second: Uint8Array] | undefined {
  if (bytes.length < 4) return undefined
  const end = 4 + Buffer.from(bytes.buffer, bytes.byteOffset, 4).readUInt32BE()
  return end > bytes.length ? undefined : [bytes.subarray(4, end), bytes.subarray(end)]
}
