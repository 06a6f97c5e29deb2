import { bulkBit, type Chunk, chunkBytesMax, encodeChunks, moreBit } from '../net/frame.js'

/** Whoever takes messages: an agent's connection, the network. */
export interface Sink {
  /** Passes a delivery on; holds it while it has not. */
  deliver(delivery: Delivery): void
}

/**
 * Messages that came in together, on their way to all who should hear them, encoded once for all. It is settled when
 * nobody holds it any more: the source is told, which is how slow readers slow down whoever writes to them, and how an
 * agent knows what got through when its server dies.
 */
export class Delivery {
  /** The messages as frames, as they go on the wire. */
  readonly buffers: readonly Uint8Array[]
  readonly bytes: number
  readonly messages: number
  readonly #settled: () => void
  #holders = 1

  constructor(frames: readonly Uint8Array[], settled: () => void) {
    this.buffers = encodeFrames(frames)
    this.bytes = this.buffers.reduce((sum, buffer) => sum + buffer.length, 0)
    this.messages = frames.length
    this.#settled = settled
  }

  /** One more who has not passed it on yet. */
  hold(): this {
    this.#holders++
    return this
  }

  /** One less. The first who releases it is who made it, once it was handed to everyone. */
  release(): void {
    if (--this.#holders === 0) this.#settled()
  }
}

/** Frames as they go on the wire. */
export function encodeFrames(frames: readonly Uint8Array[]): Uint8Array[] {
  return encodeChunks(frames.flatMap(cut))
}

function cut(frame: Uint8Array): Chunk | Chunk[] {
  if (frame.length <= chunkBytesMax) return { word: frame.length, parts: [frame] }
  const chunks: Chunk[] = []
  for (let at = 0; at < frame.length; at += chunkBytesMax) {
    const part = frame.subarray(at, at + chunkBytesMax)
    const more = at + part.length < frame.length ? moreBit : 0
    chunks.push({ word: bulkBit + more + part.length, parts: [part] })
  }
  return chunks
}
