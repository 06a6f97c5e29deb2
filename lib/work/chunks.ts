import type { TelepathineError } from '../gossip/errors.js'
import type { Sink } from './outgoing.js'
import type { ValueStream } from './types.js'

/** What chunks need of the call that they come from. */
export interface ChunkSource {
  /** There is room for so much more. */
  consumed(cost: number): void
  /** Nobody wants more. */
  cancel(): void
}

interface Chunk<T> {
  readonly value: T
  readonly cost: number
}

interface Reader<T> {
  resolve(result: IteratorResult<T>): void
  reject(error: unknown): void
}

/**
 * The values of a streamed call, in order, as an async iterator: it ends when the worker says so, and fails, after what
 * had come, when anything is amiss. Leaving the loop cancels the call. What waits here is bounded by the credit.
 */
export class Chunks<T> implements ValueStream<T>, Sink {
  readonly #items: Chunk<T>[] = []
  readonly #readers: Reader<T>[] = []
  #source: ChunkSource | undefined
  #isOver = false
  #error: unknown

  /** The call that it comes from is under way. */
  begin(source: ChunkSource): void {
    this.#source = source
  }

  next(): Promise<IteratorResult<T>> {
    const item = this.#items.shift()
    if (item !== undefined) {
      this.#source?.consumed(item.cost)
      return Promise.resolve({ done: false, value: item.value })
    }
    if (!this.#isOver) return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }))
    const error = this.#error
    this.#error = undefined
    return error === undefined ? Promise.resolve(end) : Promise.reject(error)
  }

  return(): Promise<IteratorResult<T>> {
    this.#items.length = 0
    this.#error = undefined
    if (!this.#isOver) {
      this.#over()
      this.#source?.cancel()
    }
    return Promise.resolve(end)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  chunk(value: unknown, cost: number): void {
    const reader = this.#readers.shift()
    if (reader === undefined) {
      this.#items.push({ value: value as T, cost })
      return
    }
    this.#source?.consumed(cost)
    reader.resolve({ done: false, value: value as T })
  }

  done(value: unknown): void {
    if (this.#isOver) return
    if (value !== undefined) this.chunk(value, 0)
    this.#over()
  }

  failed(error: TelepathineError): void {
    if (this.#isOver) return
    this.#error = error
    const [reader] = this.#readers.splice(0, 1)
    this.#over()
    if (reader === undefined) return
    this.#error = undefined
    reader.reject(error)
  }

  #over(): void {
    this.#isOver = true
    for (const reader of this.#readers.splice(0)) reader.resolve(end)
  }
}

const end = { done: true, value: undefined } as const
