/** Spreads the bits of a 32-bit number (the finalizer of MurmurHash3, Austin Appleby). */
export function mix32(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** Goes on with the checksum of a message over another part of it (FNV-1a: any one changed byte changes the sum). */
export function sumBytes(sum: number, bytes: Uint8Array, start = 0, end = bytes.length): number {
  for (let i = start; i < end; i++) sum = Math.imul(sum ^ (bytes[i] as number), 0x01000193)
  return sum >>> 0
}

/** Where a checksum begins. */
export const sumStart = 0x811c9dc5

/** 32 bits of a text (FNV-1a, then spread), different for each `seed`. Not for secrets. */
export function hash32(text: string, seed: number): number {
  let h = 0x811c9dc5 ^ mix32(seed + 1)
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return mix32(h)
}
