import { type InvokeCallback } from './invoking.js'
import { methodCodes } from './methods.js'
import type { Peer } from './peer.js'

/** What a reply needs. */
export interface ReplyParts {
  readonly id: string
  readonly method: string
  readonly params: readonly unknown[]
  readonly peer: Peer | undefined
  broadcast(method: string, params: readonly unknown[], callback?: InvokeCallback): number
  sent(result: Record<string, unknown>): void
  refused(error: Error): void
}

/** What a method that was invoked answers through: its `this`. */
export class Reply {
  /** Of this invocation; the callback of the caller gets it, too. */
  readonly id: string
  /** Name of the method. */
  readonly method: string
  /** What it was given. */
  readonly params: readonly unknown[]
  /** Who invoked it; undefined for one that is not known here yet. */
  readonly peer: Peer | undefined
  readonly #parts: ReplyParts
  readonly #result = new Map<string, unknown>()
  #isSent = false

  /** @internal */
  constructor(parts: ReplyParts) {
    this.id = parts.id
    this.method = parts.method
    this.params = parts.params
    this.peer = parts.peer
    this.#parts = parts
  }

  /** Sets a key of the result. */
  set(key: string, value: unknown): this {
    this.#result.set(key, value)
    return this
  }

  /** The same as {@link Reply.set}. */
  add(key: string, value: unknown): this {
    return this.set(key, value)
  }

  /** What was set. */
  get(key: string): unknown {
    return this.#result.get(key)
  }

  /**
   * Sends the result: an object with what was set.
   *
   * @throws Error when an answer was sent already
   */
  send(key?: string, value?: unknown): this {
    if (key !== undefined) this.set(key, value)
    this.#once()
    this.#parts.sent(Object.fromEntries(this.#result))
    return this
  }

  /** The same as {@link Reply.send}. */
  end(key?: string, value?: unknown): this {
    return this.send(key, value)
  }

  /**
   * Sends an error instead.
   *
   * @throws Error when an answer was sent already
   */
  error(message: string, code: string | number = 1_000): this {
    this.#once()
    this.#parts.refused(Object.assign(new Error(message), { code }))
    return this
  }

  /** Invokes a method at all peers of this servent; as {@link Servent.broadcastInvoke}. */
  broadcast(method: string, params: readonly unknown[] = [], callback?: InvokeCallback): this {
    this.#parts.broadcast(method, params, callback)
    return this
  }

  /** @internal The method threw: that is the answer, if there was none. Says whether it is. */
  threw(thrown: unknown): boolean {
    if (this.#isSent) return false
    const code = (thrown as { code?: unknown } | null)?.code
    const known = typeof code === 'string' || typeof code === 'number' ? code : methodCodes.internal
    this.error(thrown instanceof Error ? thrown.message : String(thrown), known)
    return true
  }

  #once(): void {
    if (this.#isSent) throw new Error('should not sent twice.')
    this.#isSent = true
  }
}
