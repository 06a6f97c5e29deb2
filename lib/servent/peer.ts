import { EventEmitter } from 'node:events'
import type { Invoke, InvokeCallback } from './invoking.js'
import { type Method, Methods, type MethodTable } from './methods.js'
import type { Reply } from './reply.js'

/** What a peer needs of its servent. */
export interface PeerParts {
  /** Sends an event to its servent. */
  emit(peer: Peer, event: string, args: readonly unknown[]): boolean
  invoke: Invoke
  remove(peer: Peer): void
}

/**
 * Another servent, as it is known here; see {@link Servent.peers}. What is emitted on it goes there. Here it emits
 * `end` when it has left, died or was removed, and `error` with an Error when events for it were lost: too many wait
 * for it (`ERR_OVERLOAD`), or the connection broke (`ERR_PEER_LOST`). Without a listener that is the servent's `error`.
 */
export class Peer extends EventEmitter {
  /** As {@link Servent.id} there; another one after each of its starts. */
  readonly id: string
  /** What it is known by in the cluster: `127.0.0.1:8888`. */
  readonly name: string
  /** Where it listens. */
  readonly host: string
  /** Where it listens. */
  readonly port: number
  /** @internal Exposed to this peer only. */
  readonly methods = new Methods()
  readonly #parts: PeerParts

  /** @internal */
  constructor(id: string, name: string, { host, port }: { host: string; port: number }, parts: PeerParts) {
    super()
    this.id = id
    this.name = name
    this.host = host
    this.port = port
    this.#parts = parts
  }

  /**
   * Emits an event there: `servent.on(event, (peer, ...args) => …)`, with this servent as `peer`. Events arrive in
   * their order, each at most once. Unlike other emitters it does not emit anything here.
   *
   * @returns false when it will not be sent, because the peer is gone or too much waits for it
   * @throws TelepathineError `ERR_KEY` for a name that is none or is one of {@link ServentEvents}, `ERR_VALUE` and
   * `ERR_TOO_LARGE` for arguments that cannot be sent
   */
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (event === 'newListener' || event === 'removeListener') return super.emit(event, ...args)
    return this.#parts.emit(this, event as string, args)
  }

  /**
   * Has it call a method that it has exposed (to see which, invoke `list`). The callback is called once with `(error,
   * result, id)`; the promise says the same, and rejects only without a callback.
   *
   * Errors: {@link MethodError}, with `code` 32601 when there is none of that name; `CallError` with
   * `ERR_PEER_LOST`, `ERR_NO_WORKER` when it is gone, `ERR_TIMEOUT` when there was no answer within 30 s, `ERR_VALUE`
   * for parameters that cannot be sent.
   */
  invoke<R = Record<string, unknown>>(
    method: string, params: readonly unknown[] = [], callback?: InvokeCallback<R>,
  ): Promise<R> {
    return this.#parts.invoke(this, method, params, callback as InvokeCallback | undefined) as Promise<R>
  }

  /**
   * Exposes a method, or a table of them, to this peer only; as {@link Servent.expose}.
   *
   * @throws TelepathineError `ERR_KEY`, `ERR_OPTION`
   */
  expose(name: string, what: Method | (MethodTable & ThisType<Reply>)): this {
    this.methods.expose(name, what)
    return this
  }

  /** The same as {@link Servent.removePeer}. */
  destroy(): void {
    this.#parts.remove(this)
  }
}
