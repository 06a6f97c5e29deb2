import { TelepathineError } from '../gossip/errors.js'
import type { Delivery } from '../queue/engine.js'
import type { Served } from './context.js'
import type { Letter } from './envelope.js'
import type { Call } from './types.js'

/** A job from the queue, in the hands of a handler here. */
export class Duty implements Call, Served {
  readonly delivery: Delivery
  readonly from: string
  readonly key: string | undefined
  readonly deadline = undefined
  readonly dueAt = Infinity
  readonly streams = false
  nested: Set<{ abort(reason: unknown): void }> | undefined
  /** What was emitted last. */
  lastChunk: unknown
  /** Whether it is another's by now, whatever comes of it here. */
  isOver = false
  /** Whether its handler is done: what it left behind is its own from then on. */
  isServed = false
  /** What is done about what came of it. */
  settling: Promise<void> | undefined
  readonly #controller = new AbortController()

  constructor(delivery: Delivery, { from, key }: Letter) {
    this.delivery = delivery
    this.from = from
    this.key = key
  }

  get attempt(): number {
    return this.delivery.attempt
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  async emit(chunk: unknown): Promise<void> {
    if (this.isOver) throw this.signal.reason as Error
    this.lastChunk = chunk
  }

  /** It is done elsewhere from now on. */
  abort(why: string): void {
    if (this.isOver) return
    this.isOver = this.isServed = true
    const reason = new TelepathineError('ERR_STOPPED', why)
    this.#controller.abort(reason)
    for (const call of this.nested ?? []) call.abort(reason)
  }
}
