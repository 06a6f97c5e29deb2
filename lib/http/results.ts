import { randomBytes } from 'node:crypto'
import { Refusal } from './errors.js'

/** How long a result is kept for its client to ask for it. */
const keptMs = 10 * 60_000
/** Tasks whose result nobody waits for with a connection of their own. */
const resultsMax = 1_000
/** Bytes of results kept; the oldest go first. */
const bytesMax = 64 << 20

/** A task that a client will ask about. */
export interface Result {
  readonly token: string
  /** Who can end it before it is done. */
  readonly cancel: () => void
  /** Undefined while it is under way: the answer, as JSON, and its status. */
  outcome: { readonly status: number; readonly text: string } | undefined
}

/** Results that are asked for later. Tokens cannot be guessed: whoever has one may ask. */
export class Results {
  readonly #results = new Map<string, Result & { expires?: NodeJS.Timeout }>()
  #bytes = 0

  /** Begins one. Throws a {@link Refusal} when there are too many. */
  add(cancel: () => void): Result {
    if (this.#results.size >= resultsMax && !this.#dropOldest()) {
      const message = `${resultsMax} tasks are under way already`
      throw new Refusal(503, 'ERR_OVERLOAD', message, { 'retry-after': '1' })
    }
    const token = randomBytes(18).toString('base64url')
    const result: Result = { token, cancel, outcome: undefined }
    this.#results.set(token, result)
    return result
  }

  /** What came of it: kept for a while. */
  settle(result: Result, status: number, text: string): void {
    const kept = this.#results.get(result.token)
    if (!kept) return
    kept.outcome = { status, text }
    this.#bytes += text.length
    kept.expires = setTimeout(() => this.remove(result), keptMs).unref()
    // those that are done stand in the order in which they were
    this.#results.delete(result.token)
    this.#results.set(result.token, kept)
    while (this.#bytes > bytesMax && this.#dropOldest()) continue
  }

  has(token: string): boolean {
    return this.#results.has(token)
  }

  find(token: string): Result {
    const result = this.#results.get(token)
    if (result) return result
    throw new Refusal(404, 'ERR_KEY', 'there is no such task, or its result has been dropped')
  }

  remove(result: Result): void {
    const kept = this.#results.get(result.token)
    if (!kept) return
    this.#results.delete(result.token)
    this.#bytes -= kept.outcome?.text.length ?? 0
    clearTimeout(kept.expires)
  }

  /** Cancels what is under way and forgets all. */
  close(): void {
    for (const result of this.#results.values()) {
      this.remove(result)
      if (!result.outcome) result.cancel()
    }
  }

  #dropOldest(): boolean {
    for (const result of this.#results.values()) {
      if (!result.outcome) continue
      this.remove(result)
      return true
    }
    return false
  }
}
