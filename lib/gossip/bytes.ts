/**
 * Reading and writing the wire's primitives. The reader distrusts every byte: it never reads past the end, never
 * believes a length that the message cannot hold, and says so by throwing {@link Malformed}, which does not leave the
 * gossip ring.
 *
 * Text is WTF-8 (UTF-8 that also carries lone surrogates), so that every JavaScript string survives the way unchanged.
 */

/** Thrown by {@link Reader} on bytes that no peer would write. */
export class Malformed extends Error {
  override readonly name = 'Malformed'
}

/** Largest number of bytes that {@link Writer.varint} needs for a safe integer. */
export const varintBytesMax = 8

/** Largest version, heartbeat or incarnation that is believed: 2^48 - 1. */
export const counterMax = 2 ** 48 - 1

/** How many bytes {@link Writer.varint} writes for `n`. */
export function varintLength(n: number): number {
  let length = 1
  while (n >= 0x80) {
    n = Math.floor(n / 0x80)
    length++
  }
  return length
}

/** How many bytes `text` takes as WTF-8. */
export function textLength(text: string): number {
  let length = text.length
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x80) continue
    if (code < 0x800) length += 1
    else if (isPair(text, i, code)) {
      length += 2
      i++
    } else length += 2
  }
  return length
}

function isPair(text: string, i: number, code: number): boolean {
  if (code < 0xd800 || code > 0xdbff || i + 1 >= text.length) return false
  const low = text.charCodeAt(i + 1)
  return low >= 0xdc00 && low <= 0xdfff
}

/** A writer that lends what was written keeps so much memory at the most. */
const lentBytesMax = 1 << 16

/** A growing run of bytes. `take` hands them out and starts over. */
export class Writer {
  #bytes: Uint8Array
  #length = 0

  constructor(initialBytes = 256) {
    this.#bytes = new Uint8Array(initialBytes)
  }

  get length(): number {
    return this.#length
  }

  /** Forgets what was written after `length`. */
  truncate(length: number): void {
    this.#length = length
  }

  #reserve(count: number): Uint8Array {
    const needed = this.#length + count
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2))
      grown.set(this.#bytes.subarray(0, this.#length))
      this.#bytes = grown
    }
    return this.#bytes
  }

  u8(n: number): void {
    const bytes = this.#reserve(1)
    bytes[this.#length++] = n
  }

  u32(n: number): void {
    const bytes = this.#reserve(4)
    const at = this.#length
    bytes[at] = n >>> 24
    bytes[at + 1] = n >>> 16
    bytes[at + 2] = n >>> 8
    bytes[at + 3] = n
    this.#length = at + 4
  }

  /** Six bytes, for 0 .. 2^48 - 1. */
  u48(n: number): void {
    const bytes = this.#reserve(6)
    const at = this.#length
    const high = Math.floor(n / 0x1_0000_0000)
    bytes[at] = high >>> 8
    bytes[at + 1] = high
    bytes[at + 2] = n >>> 24
    bytes[at + 3] = n >>> 16
    bytes[at + 4] = n >>> 8
    bytes[at + 5] = n
    this.#length = at + 6
  }

  /** Seven bits a byte, least significant first, for 0 .. 2^53 - 1. */
  varint(n: number): void {
    const bytes = this.#reserve(varintBytesMax)
    let at = this.#length
    while (n >= 0x8000_0000) {
      bytes[at++] = (n % 0x80) | 0x80
      n = Math.floor(n / 0x80)
    }
    while (n >= 0x80) {
      bytes[at++] = (n & 0x7f) | 0x80
      n >>>= 7
    }
    bytes[at++] = n
    this.#length = at
  }

  /** Length, then the bytes. */
  bytes(source: Uint8Array, start = 0, end = source.length): void {
    this.varint(end - start)
    this.raw(source, start, end)
  }

  /** The bytes alone. */
  raw(source: Uint8Array, start = 0, end = source.length): void {
    const count = end - start
    const bytes = this.#reserve(count)
    copyBytes(source, start, end, bytes, this.#length)
    this.#length += count
  }

  /** Length in bytes, then the text. */
  text(text: string): void {
    const count = text.length
    // most texts are short and plain: write the length as if so, and start over when the guess fails
    if (count < 0x80) {
      const bytes = this.#reserve(count + 1)
      const start = this.#length
      bytes[start] = count
      let at = start + 1
      let i = 0
      for (; i < count; i++) {
        const code = text.charCodeAt(i)
        if (code >= 0x80) break
        bytes[at++] = code
      }
      if (i === count) {
        this.#length = at
        return
      }
    }
    const length = textLength(text)
    this.varint(length)
    const bytes = this.#reserve(length)
    this.#length = writeText(text, bytes, this.#length)
  }

  /** A copy of what was written; the writer is empty after it. */
  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.#length)
    this.#length = 0
    return taken
  }

  /** What was written, without a copy; the writer is empty after it, and these bytes last until it is used again. */
  lend(): Uint8Array {
    const lent = this.#bytes.subarray(0, this.#length)
    if (this.#bytes.length > lentBytesMax) this.#bytes = new Uint8Array(lentBytesMax)
    this.#length = 0
    return lent
  }

  /** What was written, without a copy; the writer is empty after it and will use other memory. */
  give(): Uint8Array {
    const given = this.#bytes.subarray(0, this.#length)
    this.#bytes = new Uint8Array(Math.min(this.#bytes.length, 1024))
    this.#length = 0
    return given
  }
}

/** Copies a range; a plain loop beats `set` and its view for the short runs that most values are. */
export function copyBytes(source: Uint8Array, start: number, end: number, target: Uint8Array, at: number): void {
  if (end - start > 48) {
    target.set(start === 0 && end === source.length ? source : source.subarray(start, end), at)
    return
  }
  for (let i = start; i < end; i++) target[at++] = source[i] as number
}

function writeText(text: string, bytes: Uint8Array, at: number): number {
  for (let i = 0; i < text.length; i++) {
    let code = text.charCodeAt(i)
    if (code < 0x80) {
      bytes[at++] = code
      continue
    }
    if (code < 0x800) {
      bytes[at++] = 0xc0 | (code >> 6)
      bytes[at++] = 0x80 | (code & 0x3f)
      continue
    }
    if (isPair(text, i, code)) {
      code = 0x10000 + ((code - 0xd800) << 10) + (text.charCodeAt(++i) - 0xdc00)
      bytes[at++] = 0xf0 | (code >> 18)
      bytes[at++] = 0x80 | ((code >> 12) & 0x3f)
    } else {
      bytes[at++] = 0xe0 | (code >> 12)
    }
    bytes[at++] = 0x80 | ((code >> 6) & 0x3f)
    bytes[at++] = 0x80 | (code & 0x3f)
  }
  return at
}

/** Reads a message from front to back. */
export class Reader {
  readonly source: Uint8Array
  at: number
  readonly end: number

  constructor(source: Uint8Array, at = 0, end = source.length) {
    this.source = source
    this.at = at
    this.end = end
  }

  get left(): number {
    return this.end - this.at
  }

  /** Moves on by `count` and returns where that began. */
  skip(count: number): number {
    const start = this.at
    if (count > this.end - start) throw new Malformed('ends too early')
    this.at = start + count
    return start
  }

  u8(): number {
    return this.source[this.skip(1)] as number
  }

  u32(): number {
    const at = this.skip(4)
    const bytes = this.source
    return (
      (bytes[at] as number) * 0x100_0000 +
      (((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number))
    )
  }

  u48(): number {
    const at = this.skip(2)
    const high = ((this.source[at] as number) << 8) | (this.source[at + 1] as number)
    return high * 0x1_0000_0000 + this.u32()
  }

  varint(): number {
    const bytes = this.source
    let at = this.at
    let n = 0
    let scale = 1
    for (let i = 0; i < varintBytesMax; i++) {
      if (at >= this.end) throw new Malformed('ends too early')
      const byte = bytes[at++] as number
      n += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (n > Number.MAX_SAFE_INTEGER) break
        this.at = at
        return n
      }
      scale *= 0x80
    }
    throw new Malformed('number too large')
  }

  /** A version, heartbeat or incarnation: bounded well below what a number can hold, so that adding to it is safe. */
  counter(): number {
    const n = this.varint()
    if (n > counterMax) throw new Malformed('number too large')
    return n
  }

  /** A length, checked against what is left and against `max`. */
  length(max: number): number {
    const length = this.varint()
    if (length > max) throw new Malformed('over the limit')
    if (length > this.end - this.at) throw new Malformed('ends too early')
    return length
  }

  /** A view of a counted run of bytes; it shares memory with the message. */
  bytes(max: number): Uint8Array {
    const length = this.length(max)
    const start = this.skip(length)
    return this.source.subarray(start, start + length)
  }

  /** A text that is likely to come again, such as the name of a peer or an event. */
  text(maxBytes: number): string {
    const length = this.length(maxBytes)
    const start = this.skip(length)
    return readText(this.source, start, start + length)
  }

  /** A text that is likely to come once, such as a key. */
  rareText(maxBytes: number): string {
    const length = this.length(maxBytes)
    const start = this.skip(length)
    return decodeText(this.source, start, start + length)
  }
}

/** A power of two. */
const recentSlots = 4_096
const recentTexts = Array.from({ length: recentSlots }, () => '')
const codes: number[] = []

/**
 * The text in a range of bytes. Names of peers and events come again and again, so short texts are looked up among
 * recent ones first, if they are plain (one byte a character); strings made once are shared.
 */
function readText(source: Uint8Array, start: number, end: number): string {
  const length = end - start
  if (length === 0) return ''
  if (length > 32) return decodeText(source, start, end)
  let hash = length
  for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + (source[i] as number)) | 0
  const slot = (hash ^ (hash >>> 15)) & (recentSlots - 1)
  const recent = recentTexts[slot] as string
  if (recent.length === length) {
    let i = 0
    while (i < length && recent.charCodeAt(i) === source[start + i]) i++
    if (i === length) return recent
  }
  const text = decodeText(source, start, end)
  if (text.length === length) recentTexts[slot] = text
  return text
}

function decodeText(source: Uint8Array, start: number, end: number): string {
  let text = ''
  let count = 0
  for (let at = start; at < end; ) {
    const lead = source[at++] as number
    if (lead < 0x80) {
      codes[count++] = lead
    } else {
      const extra = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1
      if (lead < 0xc2 || lead > 0xf4 || at + extra > end) throw new Malformed('not text')
      let code = lead & (0x3f >> extra)
      for (let i = 0; i < extra; i++) {
        const byte = source[at++] as number
        if ((byte & 0xc0) !== 0x80) throw new Malformed('not text')
        code = (code << 6) | (byte & 0x3f)
      }
      const least = extra === 1 ? 0x80 : extra === 2 ? 0x800 : 0x10000
      if (code < least || code > 0x10ffff) throw new Malformed('not text')
      if (code >= 0x10000) {
        code -= 0x10000
        codes[count++] = 0xd800 + (code >> 10)
        code = 0xdc00 + (code & 0x3ff)
      }
      codes[count++] = code
    }
    if (count >= 1024) {
      codes.length = count
      text += String.fromCharCode.apply(null, codes)
      count = 0
    }
  }
  codes.length = count
  return text + String.fromCharCode.apply(null, codes)
}
