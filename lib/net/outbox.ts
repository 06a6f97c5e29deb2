import { bulkBit, type Chunk, chunkBytes, chunkBytesMax, encodeChunks, moreBit, wordBytes } from './frame.js'

/** Most bytes of small frames that go out in one write. */
const batchBytesMax = 256 * 1024

/** What goes out in one write. `bytes` are all of it, `frames` the number of frames that end in it. */
export interface Batch {
  readonly buffers: readonly Uint8Array[]
  readonly bytes: number
  readonly frames: number
}

interface BulkFrame {
  readonly parts: readonly Uint8Array[]
  readonly bytes: number
}

/**
 * Frames that wait for one peer. Small ones in one queue, bulk in another: each batch has the small frames that wait
 * and one chunk of bulk. Bounded by whoever adds: see `bytes`.
 */
export class Outbox {
  /** Bytes that wait, length words included. */
  bytes = 0
  #small: Chunk[] = []
  /** Index of the first small frame that is still to go; those before it are gone. */
  #head = 0
  #bulk: BulkFrame[] = []
  /** How far the first bulk frame is: bytes sent, the part to go on with, and where in it. */
  #cursor = { sent: 0, part: 0, at: 0 }

  /** Adds a frame, at the end. The parts are not copied and must not be changed. */
  add(parts: readonly Uint8Array[]): void {
    let bytes = 0
    for (const part of parts) bytes += part.length
    if (bytes <= chunkBytesMax) this.#small.push({ word: bytes, parts })
    else this.#bulk.push({ parts, bytes })
    this.bytes += wireBytes(bytes)
  }

  /** Frames that wait. */
  get frames(): number {
    return this.#small.length - this.#head + this.#bulk.length
  }

  /** Takes out what goes next; undefined when there is nothing. */
  take(): Batch | undefined {
    const chunks: Chunk[] = []
    let bytes = 0
    let frames = 0
    while (this.#head < this.#small.length && bytes < batchBytesMax) {
      const chunk = this.#small[this.#head++]!
      bytes += wordBytes + chunkBytes(chunk)
      frames++
      chunks.push(chunk)
    }
    this.#compact()
    const first = this.#bulk[0]
    if (first !== undefined) {
      const chunk = this.#cut(first)
      bytes += wordBytes + chunkBytes(chunk)
      chunks.push(chunk)
      if (this.#cursor.sent === first.bytes) {
        frames++
        this.#bulk.shift()
        this.#cursor = { sent: 0, part: 0, at: 0 }
      }
    }
    if (chunks.length === 0) return undefined
    this.bytes -= bytes
    return { buffers: encodeChunks(chunks), bytes, frames }
  }

  /** The connection is another one from here on: a bulk frame that was under way starts anew. */
  rewind(): void {
    const sent = this.#cursor.sent
    this.bytes += sent + wordBytes * (sent / chunkBytesMax)
    this.#cursor = { sent: 0, part: 0, at: 0 }
  }

  /** Moves everything to the end of another outbox. */
  moveTo(other: Outbox): void {
    this.rewind()
    for (let i = this.#head; i < this.#small.length; i++) other.#small.push(this.#small[i]!)
    for (const frame of this.#bulk) other.#bulk.push(frame)
    other.bytes += this.bytes
    this.clear()
  }

  /** Throws everything away; returns how many frames that was. */
  clear(): number {
    const frames = this.frames
    this.#small = []
    this.#head = 0
    this.#bulk = []
    this.#cursor = { sent: 0, part: 0, at: 0 }
    this.bytes = 0
    return frames
  }

  /** Forgets what is gone, in steps, so that taking stays cheap however many wait. */
  #compact(): void {
    if (this.#head === this.#small.length) this.#small = []
    else if (this.#head < 1_024 || this.#head * 2 < this.#small.length) return
    else this.#small.splice(0, this.#head)
    this.#head = 0
  }

  #cut(frame: BulkFrame): Chunk {
    const cursor = this.#cursor
    const length = Math.min(chunkBytesMax, frame.bytes - cursor.sent)
    const parts: Uint8Array[] = []
    for (let missing = length; missing > 0; ) {
      const part = frame.parts[cursor.part]!
      const piece = part.subarray(cursor.at, cursor.at + missing)
      parts.push(piece)
      missing -= piece.length
      cursor.at += piece.length
      if (cursor.at === part.length) {
        cursor.part++
        cursor.at = 0
      }
    }
    cursor.sent += length
    const more = cursor.sent < frame.bytes ? moreBit : 0
    return { word: bulkBit + more + length, parts }
  }
}

function wireBytes(frameBytes: number): number {
  return frameBytes + wordBytes * Math.max(1, Math.ceil(frameBytes / chunkBytesMax))
}
