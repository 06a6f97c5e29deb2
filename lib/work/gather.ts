import type { Sink } from './outgoing.js'
import type { Gathered, GatherOutcome, GatherResult, Missing } from './types.js'

/** A call to one of the peers that are asked. */
interface Part {
  cancel(why: string): void
}

interface Waiting<T> {
  resolve(result: IteratorResult<GatherOutcome<T>>): void
  reject(error: unknown): void
}

/**
 * What many peers answer to one question: the outcomes as they come, and all of them in the end. What waits here is
 * bounded by the peers asked.
 */
export class Gathering<T = unknown> implements Gathered<T> {
  readonly #results = new Map<string, T>()
  readonly #errors = new Map<string, Error>()
  readonly #missing: Missing[] = []
  readonly #need: number
  /** Bounded by the peers asked. */
  readonly #parts = new Map<string, Part>()
  readonly #outcomes: GatherOutcome<T>[] = []
  readonly #readers: Waiting<T>[] = []
  readonly #whenOver: (() => void)[] = []
  #isOver = false
  #isAsked = false
  #error: unknown

  constructor(need: number) {
    this.#need = need
  }

  async result(): Promise<GatherResult<T>> {
    if (!this.#isOver) await new Promise<void>((resolve) => this.#whenOver.push(resolve))
    if (this.#error !== undefined) throw this.#error as Error
    const complete = this.#missing.length === 0
    return { results: this.#results, errors: this.#errors, missing: this.#missing, complete }
  }

  next(): Promise<IteratorResult<GatherOutcome<T>>> {
    const outcome = this.#outcomes.shift()
    if (outcome !== undefined) return Promise.resolve({ done: false, value: outcome })
    if (this.#error !== undefined) return Promise.reject(this.#error)
    if (this.#isOver) return Promise.resolve(end)
    return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }))
  }

  return(): Promise<IteratorResult<GatherOutcome<T>>> {
    this.#outcomes.length = 0
    this.#cancel('nobody wants more of it')
    return Promise.resolve(end)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  /** Begins to ask: `ask` makes the call to each peer. */
  ask(peers: readonly string[], ask: (peer: string, sink: Sink) => Part): void {
    const waiting = new Set(peers)
    const answered = (peer: string): void => {
      waiting.delete(peer)
      this.#parts.delete(peer)
      if (this.#isAsked && waiting.size === 0) this.#end()
    }
    for (const peer of peers) {
      const part = ask(peer, {
        done: (value) => {
          this.#results.set(peer, value as T)
          this.#tell({ peer, value: value as T })
          answered(peer)
          if (this.#results.size >= this.#need) this.#cancel(`${this.#need} results are enough`)
        },
        failed: (error) => {
          if (error.code === 'ERR_HANDLER') {
            this.#errors.set(peer, error)
            this.#tell({ peer, error })
          } else {
            this.#missing.push({ peer, reason: error.code })
          }
          answered(peer)
        },
      })
      if (waiting.has(peer)) this.#parts.set(peer, part)
    }
    this.#isAsked = true
    if (waiting.size === 0) this.#end()
  }

  /** It cannot even begin. */
  fail(error: unknown): void {
    this.#error = error
    for (const { reject } of this.#readers.splice(0)) reject(error)
    this.#end()
  }

  #cancel(why: string): void {
    for (const part of this.#parts.values()) part.cancel(why)
  }

  #tell(outcome: GatherOutcome<T>): void {
    const reader = this.#readers.shift()
    if (reader === undefined) this.#outcomes.push(outcome)
    else reader.resolve({ done: false, value: outcome })
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    for (const { resolve } of this.#readers.splice(0)) resolve(end)
    for (const over of this.#whenOver.splice(0)) over()
  }
}

const end = { done: true, value: undefined } as const
