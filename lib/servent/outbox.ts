/** Events that may wait for a peer, in bytes. */
const waitingBytesMax = 64 << 20
/** So much goes together; a larger event goes by itself. */
const batchBytesMax = 1 << 20
/** What an event takes besides its bytes. */
const eventOverheadBytes = 32

/** What an outbox needs. */
export interface OutboxParts {
  /** Sends events; resolves when they were taken in. */
  send(batch: readonly Uint8Array[]): Promise<unknown>
  /** Events did not get through. */
  failed(error: unknown): void
}

/**
 * Events on their way to one peer, in their order: what is emitted while some are on their way goes together when those
 * were taken in. Bounded in bytes.
 */
export class Outbox {
  readonly #parts: OutboxParts
  #waiting: Uint8Array[] = []
  #waitingBytes = 0
  #isSending = false

  constructor(parts: OutboxParts) {
    this.#parts = parts
  }

  /** Puts an event in; false when there is no room for it. */
  post(event: Uint8Array): boolean {
    const bytes = event.length + eventOverheadBytes
    if (this.#waitingBytes + bytes > waitingBytesMax) return false
    this.#waiting.push(event)
    this.#waitingBytes += bytes
    if (!this.#isSending) void this.#send()
    return true
  }

  async #send(): Promise<void> {
    this.#isSending = true
    // what is emitted in one go goes together
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      try {
        await this.#parts.send(this.#takeBatch())
      } catch (error) {
        this.#parts.failed(error)
      }
    }
    this.#isSending = false
  }

  #takeBatch(): readonly Uint8Array[] {
    let count = 0
    let bytes = 0
    for (const event of this.#waiting) {
      bytes += event.length + eventOverheadBytes
      if (count > 0 && bytes > batchBytesMax) break
      count++
      this.#waitingBytes -= event.length + eventOverheadBytes
    }
    return this.#waiting.splice(0, count)
  }
}
