import { copyBytes } from './bytes.js'
import type { Entry } from './entry.js'

/**
 * Where encoded values lie: end to end in chunks, as in a log. A million small values would cost more in array objects
 * than in bytes; this way an entry holds a place and a length. A chunk that is more than half empty is emptied into the
 * newest one and let go, so memory stays within twice of what is alive, at a bounded cost for each value.
 */
export interface Chunk {
  readonly bytes: Uint8Array
  used: number
  live: number
  /** Whether its values have a tail, which proves whose they are. */
  readonly signed: boolean
  /** All that was put here; those with another chunk have moved or gone. */
  readonly entries: Entry[]
}

/** A tail ends with its length. */
export const tailLengthBytes = 2

const chunkBytesMin = 128
const chunkBytesMax = 64 << 10

/** The values of one peer's entries. */
export class ValueHeap {
  readonly #signed: boolean
  #current: Chunk | undefined
  /** Bytes of all values held. */
  #live = 0

  /** `signed`: all values have a tail; see `testimony.ts`. */
  constructor(signed = false) {
    this.#signed = signed
  }

  /** Copies a value in, and has the entry point to it. */
  put(entry: Entry, source: Uint8Array, start: number, end: number): void {
    const length = end - start
    if (length === 0) return
    const before = this.#current
    const chunk = this.#room(length)
    copyBytes(source, start, end, chunk.bytes, chunk.used)
    entry.chunk = chunk
    entry.offset = chunk.used
    entry.length = length
    chunk.used += length
    chunk.live += length
    this.#live += length
    chunk.entries.push(entry)
    // as long as it was the current one, nobody looked how empty it has become
    if (before !== undefined && before !== this.#current) this.#tidy(before)
  }

  /** Gives up an entry's value. */
  release(entry: Entry): void {
    const chunk = entry.chunk
    if (chunk === undefined) return
    entry.chunk = undefined
    chunk.live -= entry.length
    this.#live -= entry.length
    entry.length = 0
    if (chunk === this.#current) {
      if (chunk.live === 0) this.#current = undefined
    } else this.#tidy(chunk)
  }

  /** Empties a chunk into the current one if less than half of it is alive. */
  #tidy(chunk: Chunk): void {
    if (chunk.live > 0 && chunk.live * 2 < chunk.bytes.length) this.#empty(chunk)
  }

  #room(length: number): Chunk {
    const current = this.#current
    if (current !== undefined && current.bytes.length - current.used >= length) return current
    // as much room as is in use: a log of one small key, however often it changes, takes no more than it needs
    const size = Math.min(chunkBytesMax, Math.max(chunkBytesMin, this.#live))
    const bytes = new Uint8Array(Math.max(size, length))
    const chunk: Chunk = { bytes, used: 0, live: 0, signed: this.#signed, entries: [] }
    // a value that fills a chunk of its own leaves the current one open for smaller ones
    if (length < size || current === undefined) this.#current = chunk
    return chunk
  }

  #empty(chunk: Chunk): void {
    for (const entry of chunk.entries) {
      if (entry.chunk !== chunk) continue
      const { offset, length } = entry
      chunk.live -= length
      this.#live -= length
      this.put(entry, chunk.bytes, offset, offset + length)
    }
  }
}

/** A view of an entry's value; valid until the entry is replaced. */
export function valueOf(entry: Entry): Uint8Array {
  return entry.chunk === undefined ? nothing : entry.chunk.bytes.subarray(entry.offset, valueEnd(entry, entry.chunk))
}

/** An entry's value as bytes of its own. */
export function copyOfValue(entry: Entry): Uint8Array {
  return entry.chunk === undefined ? nothing : entry.chunk.bytes.slice(entry.offset, valueEnd(entry, entry.chunk))
}

function valueEnd(entry: Entry, chunk: Chunk): number {
  const end = entry.offset + entry.length
  return chunk.signed ? end - tailLength(chunk.bytes, end) : end
}

/** How many of the bytes kept for an entry are its tail, in a heap of signed values. */
export function tailLength(bytes: Uint8Array, end: number): number {
  return ((bytes[end - 2] as number) << 8) | (bytes[end - 1] as number)
}

const nothing = new Uint8Array(0)
