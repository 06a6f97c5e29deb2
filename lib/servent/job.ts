import { EventEmitter } from 'node:events'
import createDebug from 'debug'
import { describe } from '../describe.js'
import { TelepathineError } from '../gossip/errors.js'
import { CallError, type GatherOutcome, type Missing } from '../work/index.js'
import { tell, toError } from './tell.js'
import { uid } from './uid.js'
import type { Worker } from './worker.js'

const log = createDebug('telepathine:servent')

/** What a {@link Job} emits. */
export interface JobEvents<T = unknown> {
  /** It was run. */
  start: []
  /** A node has done it: once for each that answers. */
  data: [data: T]
  /**
   * A node called back with an error, or threw: its own name, message, code and `data`, and which `peer`. Or the
   * parameters cannot be sent. Without a listener it is only logged (`DEBUG=telepathine:servent`).
   */
  error: [error: Error]
  /** Nobody is waited for any more. Exactly once, whatever happens. */
  end: []
}

/** What came of it at one node: the data, or an empty array where there is no such worker. */
export type Outcome = GatherOutcome<readonly unknown[]>

/** Has a worker's work done by all nodes. Resolves, when all is over, to who did not answer. */
export type Ask = (
  worker: Worker, params: readonly unknown[], ttlMs: number, told: (outcome: Outcome) => void,
) => Promise<readonly Missing[]>

/** What a job needs of its worker. */
export interface JobParts {
  ask(params: readonly unknown[], ttlMs: number, told: (outcome: Outcome) => void): Promise<readonly Missing[]>
  /** Something went wrong in a listener. */
  failed(error: unknown): void
}

/** Work under way at all nodes, this one included. Made by {@link Worker.distribute}. */
export class Job<A extends readonly unknown[] = unknown[], T = unknown> extends EventEmitter<JobEvents<T>> {
  /** No other job has it: 24 digits, upper-case hex. */
  readonly id: string = uid()
  readonly #parts: JobParts
  #ttlMs = Infinity
  #isRun = false
  #missing: readonly Missing[] = []

  /** @internal */
  constructor(parts: JobParts) {
    super()
    this.#parts = parts
  }

  /** Nodes that were asked and did not answer, once it is over: by name, each with a code that says why. */
  get missing(): readonly Missing[] {
    return this.#missing
  }

  /**
   * Sets after how long it ends with what data it has. Milliseconds from {@link Job.run}; 0 or Infinity, the default,
   * waits for all: that still ends when each node has answered or is known to be dead.
   *
   * @throws TelepathineError `ERR_OPTION` for what is no time, and when it was run already
   */
  setTTL(ms: number): this {
    if (typeof ms !== 'number' || !(ms >= 0)) {
      throw new TelepathineError('ERR_OPTION', `ms: ${describe(ms)} given, allowed: milliseconds from 0`)
    }
    this.#checkNotRun('setTTL')
    this.#ttlMs = ms === 0 ? Infinity : ms
    return this
  }

  /**
   * Has it done, with these parameters, by all nodes that are known now. What it emits after `start` comes later, so
   * that there is time to listen.
   *
   * @throws TelepathineError `ERR_OPTION` when it was run already
   */
  run(...params: A): this {
    this.#checkNotRun('run')
    this.#isRun = true
    this.#tell('start')
    void this.#run(params)
    return this
  }

  /** `[Job: 68E6…]` */
  override toString(): string {
    return `[Job: ${this.id}]`
  }

  async #run(params: readonly unknown[]): Promise<void> {
    try {
      this.#missing = await this.#parts.ask(params, this.#ttlMs, ({ error, value }) => {
        if (error !== undefined) this.#fail(error)
        else if (value.length > 0) this.#tell('data', value[0])
      })
    } catch (error) {
      this.#fail(toError(error))
    }
    this.#tell('end')
  }

  #fail(error: Error): void {
    const isFromWorker = error instanceof CallError && error.code === 'ERR_HANDLER'
    const own = isFromWorker ? toError(error.cause) : error
    if (!this.#tell('error', own)) log('%s: %O', this.id, own)
  }

  #tell(event: keyof JobEvents, ...values: readonly unknown[]): boolean {
    return tell(this, event, values, (error) => this.#parts.failed(error))
  }

  #checkNotRun(what: string): void {
    if (this.#isRun) throw new TelepathineError('ERR_OPTION', `${what}: this job was run already; distribute another`)
  }
}
