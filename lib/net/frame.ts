/**
 * Frames on a byte stream.
 *
 *     u32, big endian:  bulk (1 bit) | more (1 bit) | length (30 bits), then `length` bytes
 *
 * A frame of up to 64 KiB is one chunk. A larger one, bulk, is cut: all its chunks but the last are of exactly 64 KiB
 * and have `more` set. Frames that fit in one chunk may stand between the chunks of a bulk frame, so bulk never holds
 * them up by more than one chunk; bulk frames go one after the other. A bulk frame does not announce its length: there
 * is nothing to be believed, only what has arrived is held.
 *
 * A word with `more` alone, and no length, is a farewell: nothing comes after it. Over TLS it stands for the end of the
 * stream, which Node.js cannot send there without losing what is still coming in.
 */

/** Most bytes in one chunk, without its length word. */
export const chunkBytesMax = 64 * 1024

/** Bytes of the length word. */
export const wordBytes = 4

/** Set in the length word of every chunk of a frame that was cut. */
export const bulkBit = 0x8000_0000

/** Set in the length word of a bulk chunk that is not the frame's last. */
export const moreBit = 0x4000_0000

/** The length word that is a farewell. */
export const farewellWord = moreBit

const lengthMask = 0x3fff_ffff

/** Parts smaller than this are copied together; larger ones are handed to the system where they are. */
const copyBytesMax = 4 * 1024

/** A piece of a frame, ready for the stream. `word` is the length word, `parts` hold as many bytes as it says. */
export interface Chunk {
  readonly word: number
  readonly parts: readonly Uint8Array[]
}

/** The length that a chunk's word tells. */
export function chunkBytes(chunk: Chunk): number {
  return chunk.word & lengthMask
}

/**
 * Puts chunks on the wire, in order. Small parts and length words are copied into one new block, large parts are not
 * copied: they must not be changed until they are written.
 */
export function encodeChunks(chunks: readonly Chunk[]): Uint8Array[] {
  let copied = 0
  for (const { parts } of chunks) {
    copied += wordBytes
    for (const part of parts) if (part.length < copyBytesMax) copied += part.length
  }
  const block = Buffer.allocUnsafeSlow(copied)
  const buffers: Uint8Array[] = []
  let from = 0
  let at = 0
  for (const { word, parts } of chunks) {
    at = block.writeUInt32BE(word, at)
    for (const part of parts) {
      if (part.length < copyBytesMax) {
        block.set(part, at)
        at += part.length
      } else {
        buffers.push(block.subarray(from, at), part)
        from = at
      }
    }
  }
  if (at > from) buffers.push(block.subarray(from, at))
  return buffers
}

/**
 * Cuts a stream back into frames, however it arrives. Never holds more than `limitBytes` and a chunk, nor more than
 * about twice what has arrived of a frame.
 *
 * A frame that lies within the bytes of one `push` is handed out as a view of them, without a copy. So those bytes must
 * not be used again (Node.js gives fresh memory for every read), and who keeps a small frame for long should copy it,
 * or it keeps the whole read alive.
 */
export class FrameSplitter {
  /** Largest frame taken. May be changed between pushes. */
  limitBytes: number
  /** Whole chunks taken so far. */
  chunks = 0
  readonly #frame: (bytes: Uint8Array) => void
  readonly #farewell: () => void
  /** The length word of the chunk under way, or as much of it as has arrived. */
  #word = 0
  #wordBytes = 0
  /** The chunk under way when it is spread over several pushes; grows up to its length. */
  #chunk: Uint8Array | undefined
  #filled = 0
  /** Whole chunks of the bulk frame under way. */
  #bulk: Uint8Array[] = []
  #bulkBytes = 0

  constructor(limitBytes: number, frame: (bytes: Uint8Array) => void, farewell: () => void = () => undefined) {
    this.limitBytes = limitBytes
    this.#frame = frame
    this.#farewell = farewell
  }

  /** Whether a frame has begun that is not complete. */
  get pending(): boolean {
    return this.#wordBytes > 0 || this.#chunk !== undefined || this.#bulk.length > 0
  }

  /** Memory held for what is not complete, in bytes. */
  get heldBytes(): number {
    return this.#bulkBytes + (this.#chunk?.length ?? 0)
  }

  /** Takes the next bytes of the stream. Returns why they cannot be ours: then the stream is beyond repair. */
  push(bytes: Uint8Array): string | undefined {
    const end = bytes.length
    let at = 0
    while (at < end) {
      if (this.#chunk === undefined) {
        if (this.#wordBytes === 0 && end - at >= wordBytes) {
          this.#word = ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
          at += wordBytes
        } else {
          this.#word = ((this.#word << 8) | bytes[at++]!) >>> 0
          if (++this.#wordBytes < wordBytes) continue
          this.#wordBytes = 0
        }
        if (this.#word === farewellWord) {
          this.#word = 0
          this.#farewell()
          continue
        }
        const length = this.#word & lengthMask
        const refusal = this.#refusal(length)
        if (refusal !== undefined) return refusal
        if (end - at >= length) {
          this.#take(bytes.subarray(at, at + length))
          at += length
          continue
        }
        this.#chunk = new Uint8Array(0)
        this.#filled = 0
      }
      at += this.#fill(this.#chunk, at === 0 ? bytes : bytes.subarray(at))
    }
    return undefined
  }

  #refusal(length: number): string | undefined {
    if (length > chunkBytesMax) return `chunk of ${length} bytes, more than ${chunkBytesMax}`
    const bulk = this.#word >= bulkBit
    const more = (this.#word & moreBit) !== 0
    if (more && !(bulk && length === chunkBytesMax)) return 'chunk that is neither whole nor the last'
    if (bulk && length === 0) return 'empty chunk'
    const total = bulk ? this.#bulkBytes + length : length
    return total > this.limitBytes ? `frame of more than ${this.limitBytes} bytes` : undefined
  }

  /** Copies what there is of the chunk under way; returns how many bytes that was. */
  #fill(chunk: Uint8Array, bytes: Uint8Array): number {
    const length = this.#word & lengthMask
    const count = Math.min(length - this.#filled, bytes.length)
    const filled = this.#filled + count
    if (filled > chunk.length) {
      const grown = Buffer.allocUnsafeSlow(Math.min(length, Math.max(1_024, 2 * filled)))
      grown.set(chunk.subarray(0, this.#filled))
      chunk = this.#chunk = grown
    }
    chunk.set(count === bytes.length ? bytes : bytes.subarray(0, count), this.#filled)
    this.#filled = filled
    if (filled === length) {
      this.#chunk = undefined
      this.#take(chunk)
    }
    return count
  }

  #take(chunk: Uint8Array): void {
    const word = this.#word
    this.#word = 0
    this.chunks++
    if (word < bulkBit) return this.#frame(chunk)
    this.#bulk.push(chunk)
    this.#bulkBytes += chunk.length
    if ((word & moreBit) !== 0) return
    const frame = this.#bulk.length === 1 ? chunk : Buffer.concat(this.#bulk, this.#bulkBytes)
    this.#bulk = []
    this.#bulkBytes = 0
    this.#frame(frame)
  }
}
