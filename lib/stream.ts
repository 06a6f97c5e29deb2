import { TelepathineError } from './gossip/errors.js'

/** How {@link Stream}s are asked for. */
export interface StreamOptions {
  /** Ends the stream, without an error, when it aborts. */
  signal?: AbortSignal
  /** How many items wait for a slow reader; the oldest make room for new ones. 1 to 1,000,000, default 1,024. */
  buffer?: number
}

const bufferDefault = 1_024

/**
 * What comes in, as an async iterator. It collects from the moment it is made, ends when its signal aborts, when the
 * loop over it is left, or when the peer stops (after what was still waiting).
 */
export class Stream<T> implements AsyncIterableIterator<T> {
  /** How many items were dropped because the reader was slower than they came. */
  missed = 0
  readonly #bufferMax: number
  readonly #items: T[] = []
  readonly #readers: ((result: IteratorResult<T>) => void)[] = []
  #ended = false
  readonly #close: () => void

  /**
   * @param subscribe begins the flow into `push` and returns what ends it
   * @throws TelepathineError `ERR_OPTION` for a buffer or signal that is none
   */
  constructor({ signal, buffer = bufferDefault }: StreamOptions, subscribe: (push: (item: T) => void) => () => void) {
    if (!Number.isInteger(buffer) || buffer < 1 || buffer > 1_000_000) {
      throw new TelepathineError('ERR_OPTION', `buffer: ${String(buffer)} given, allowed: a whole number in 1..1000000`)
    }
    if (signal !== undefined && !(signal instanceof AbortSignal)) {
      throw new TelepathineError('ERR_OPTION', 'signal: allowed is an AbortSignal')
    }
    this.#bufferMax = buffer
    const abort = (): void => void this.return()
    const unsubscribe = subscribe((item) => this.#push(item))
    this.#close = () => {
      signal?.removeEventListener('abort', abort)
      unsubscribe()
    }
    if (signal?.aborted) abort()
    else signal?.addEventListener('abort', abort)
  }

  /** The next item, as soon as there is one. */
  next(): Promise<IteratorResult<T>> {
    if (this.#items.length > 0) return Promise.resolve({ done: false, value: this.#items.shift() as T })
    if (this.#ended) return Promise.resolve(done)
    return new Promise((resolve) => this.#readers.push(resolve))
  }

  /** Ends the stream and drops what is waiting. */
  return(): Promise<IteratorResult<T>> {
    this.#items.length = 0
    this.end()
    return Promise.resolve(done)
  }

  /** Ends the stream after what is waiting. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#close()
    for (const reader of this.#readers.splice(0)) reader(done)
  }

  /** Itself. */
  [Symbol.asyncIterator](): this {
    return this
  }

  /** The same as {@link Stream.return}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  #push(item: T): void {
    const reader = this.#readers.shift()
    if (reader) {
      reader({ done: false, value: item })
      return
    }
    if (this.#items.length === this.#bufferMax) {
      this.#items.shift()
      this.missed++
    }
    this.#items.push(item)
  }
}

const done = { done: true, value: undefined } as const
