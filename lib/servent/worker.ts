import { describe } from '../describe.js'
import { TelepathineError } from '../gossip/errors.js'
import { Job } from './job.js'
import type { Ask } from './job.js'
import { attempt } from './tell.js'

/** What a worker's function calls with its outcome, once: an error, or none and the data. */
export type WorkerCallback<T = unknown> = (error?: unknown, data?: T) => void

/** What a worker does at each node: it gets the job's parameters, and last a callback. `this` is the worker. */
export type WorkerFunction<A extends readonly unknown[] = unknown[], T = unknown> = (
  this: Worker<A, T>,
  ...params: [...A, callback: WorkerCallback<T>]
) => unknown

/** What a worker needs of its servent. */
export interface WorkerParts {
  ask: Ask
  /** Something went wrong in code of the user's. */
  failed(error: unknown): void
}

/**
 * A template of work that all nodes can do: every servent that is to take part makes one of the same name. Made by
 * {@link Servent.createWorker}.
 */
export class Worker<A extends readonly unknown[] = unknown[], T = unknown> {
  /** What it goes by at all nodes. */
  readonly name: string
  readonly #work: WorkerFunction<A, T> | undefined
  readonly #parts: WorkerParts

  /** @internal */
  constructor(name: string, work: WorkerFunction<A, T> | undefined, parts: WorkerParts) {
    if (typeof name !== 'string' || name === '') {
      throw new TelepathineError('ERR_KEY', `name: ${describe(name)} given, allowed: a string that is not empty`)
    }
    if (work !== undefined && typeof work !== 'function') {
      throw new TelepathineError('ERR_OPTION', `work: ${describe(work)} given, allowed: a function`)
    }
    this.name = name
    this.#work = work
    this.#parts = parts
  }

  /**
   * Makes a job, for the work to be done by all nodes, and gives it to `prepare`, which may listen to it and
   * {@link Job.run} it. Returns it, too.
   */
  distribute(prepare?: (job: Job<A, T>) => unknown): Job<A, T> {
    const job = new Job<A, T>({
      ask: (params, ttlMs, told) => this.#parts.ask(this as unknown as Worker, params, ttlMs, told),
      failed: (error) => this.#parts.failed(error),
    })
    prepare?.(job)
    return job
  }

  /** `[Worker: random]` */
  toString(): string {
    return `[Worker: ${this.name}]`
  }

  /**
   * @internal Does the work here. Resolves to the data in an array, which is empty when there is nothing to be done
   * here; rejects with the error. Of several answers the first counts.
   */
  async perform(params: readonly unknown[]): Promise<[] | [data: T | undefined]> {
    const work = this.#work
    if (work === undefined) return []
    return new Promise((resolve, reject) => {
      let isAnswered = false
      const callback: WorkerCallback<T> = (error, data) => {
        isAnswered = true
        if (error) reject(error)
        else resolve([data])
      }
      // who has answered has nobody to tell of what goes wrong later
      const failed = (error: unknown): void => (isAnswered ? this.#parts.failed(error) : reject(error))
      attempt(() => Reflect.apply(work, this, [...params, callback]), failed)
    })
  }
}
