import { TelepathineError } from '../gossip/errors.js'

/** From so many bytes on it is better to wait. */
const highWaterBytes = 1024 * 1024

/**
 * Messages of an agent that have not got through: those that wait, after those in flight, which were written to the
 * server and not confirmed. Bounded by `bytesMax`.
 */
export class Unsent {
  readonly #bytesMax: number
  readonly #highWaterBytes: number
  #frames: Uint8Array[] = []
  /** Index of the first frame in flight; those before it are gone. */
  #head = 0
  /** Index of the first frame that waits. */
  #next = 0
  #bytes = 0
  #bytesInFlight = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
    this.#highWaterBytes = Math.min(highWaterBytes, bytesMax / 2)
  }

  /** Whether there is room, as `add` said last. */
  get hasRoom(): boolean {
    return this.#bytes <= this.#highWaterBytes
  }

  get isEmpty(): boolean {
    return this.#head === this.#frames.length
  }

  /**
   * Adds a copy of a frame. Says whether there is room for more without waiting.
   * @throws TelepathineError `ERR_OVERLOAD`
   */
  add(frame: Uint8Array): boolean {
    if (this.#bytes + frame.length > this.#bytesMax) {
      const wait = `${this.#frames.length - this.#head} messages of ${this.#bytes} bytes wait for the server`
      throw new TelepathineError('ERR_OVERLOAD', `${wait}, with ${frame.length} more allowed are ${this.#bytesMax}`)
    }
    this.#frames.push(Buffer.from(frame))
    this.#bytes += frame.length
    return this.hasRoom
  }

  /**
   * Those that wait, as far as no more than `bytesMax` are in flight; one at least if none is. They are in flight then.
   */
  take(bytesMax: number): readonly Uint8Array[] {
    const from = this.#next
    while (this.#next < this.#frames.length) {
      const bytes = this.#frames[this.#next]!.length
      if (this.#bytesInFlight > 0 && this.#bytesInFlight + bytes > bytesMax) break
      this.#bytesInFlight += bytes
      this.#next++
    }
    return this.#frames.slice(from, this.#next)
  }

  /** The first of those in flight got through. */
  settle(count: number): void {
    for (const end = Math.min(this.#head + count, this.#next); this.#head < end; this.#head++) {
      const bytes = this.#frames[this.#head]!.length
      this.#bytes -= bytes
      this.#bytesInFlight -= bytes
    }
    if (this.#head < 1_024 && this.#head < this.#frames.length) return
    if (this.#head * 2 < this.#frames.length) return
    this.#frames.splice(0, this.#head)
    this.#next -= this.#head
    this.#head = 0
  }

  /** Takes out those in flight. */
  dropInFlight(): readonly Uint8Array[] {
    const dropped = this.#frames.slice(this.#head, this.#next)
    this.settle(dropped.length)
    return dropped
  }

  /** Takes out all. */
  dropAll(): readonly Uint8Array[] {
    this.#next = this.#frames.length
    this.#bytesInFlight = this.#bytes
    return this.dropInFlight()
  }
}
