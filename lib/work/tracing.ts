import { AsyncResource } from 'node:async_hooks'
import { channels, traces, type CallKind, type CallMessage, type ServeMessage } from '../diagnostics.js'
import { isSystems } from '../names.js'
import { isTraced, spanOfCall, spanOfServing, type CallSpan } from '../opentelemetry.js'
import { Flag, Refusal } from './frame.js'
import { decodeTrace, encodeTrace } from './tracecontext.js'

const { 'telepathine:call': calls, 'telepathine:serve': servings } = traces
const { 'telepathine:call:attempt': attempts, 'telepathine:serve:refused': refusals } = channels

/** What kind of call flags stand for. */
export function kindOf(flags: number): CallKind {
  if ((flags & Flag.push) !== 0) return 'push'
  return (flags & Flag.stream) !== 0 ? 'stream' : 'request'
}

/** Tells of a call that goes to a worker. */
export function tellAttempt(self: string, service: string, worker: string, attempt: number): void {
  if (attempts.hasSubscribers) attempts.publish({ self, service, worker, attempt })
}

/** Tells of a call that was turned away. */
export function tellRefused(self: string, from: string, service: string, why: Refusal): void {
  if (!refusals.hasSubscribers) return
  const reason = Object.entries(Refusal).find(([, number]) => number === why)?.[0] ?? 'unknown'
  refusals.publish({ self, from, service, reason })
}

/** A call that is watched: it has a span of OpenTelemetry, or there are subscribers to its channel, or both. */
export class CallTrace {
  readonly #message: CallMessage
  readonly #span: CallSpan | undefined

  /** Begins to watch a call; undefined when nobody would see it. */
  static of(self: string, service: string, kind: CallKind): CallTrace | undefined {
    if ((!calls.hasSubscribers && !isTraced()) || isSystems(service)) return undefined
    const message: CallMessage = {
      self, service, kind, trace: undefined, worker: undefined, attempts: 0,
    }
    const span = spanOfCall(message)
    return span === undefined && !calls.hasSubscribers ? undefined : new CallTrace(message, span)
  }

  private constructor(message: CallMessage, span: CallSpan | undefined) {
    this.#message = message
    this.#span = span
    message.trace = span?.context
  }

  /** What travels with the call. */
  get bytes(): Buffer | undefined {
    const { trace } = this.#message
    return trace === undefined ? undefined : encodeTrace(trace)
  }

  /** Begins the call. If that throws, it has failed. */
  run<R>(begin: () => R): R {
    try {
      return calls.start.runStores(this.#message, begin)
    } catch (error) {
      this.settled({ error }, () => undefined)
      throw error
    } finally {
      calls.end.publish(this.#message)
    }
  }

  /** The same for a call that is one promise: settled with it. */
  async follow<R>(begin: () => Promise<R>): Promise<R> {
    try {
      const result = await this.run(begin)
      this.settled({ result }, () => undefined)
      return result
    } catch (error) {
      this.settled({ error }, () => undefined)
      throw error
    }
  }

  /** It goes to a worker. */
  attempted(worker: string): void {
    this.#message.worker = worker
    this.#message.attempts++
    this.#span?.attempted(worker, this.#message.attempts)
  }

  /** It is settled; `tell` says so to whoever waits for it. */
  settled(outcome: Pick<CallMessage, 'result' | 'error'>, tell: () => void): void {
    this.#span?.ended(outcome.error)
    publishOutcome(calls, Object.assign(this.#message, outcome), tell)
  }
}

/** A handler that is watched. */
export class ServeTrace {
  readonly #message: ServeMessage
  readonly #span: CallSpan | undefined
  /** The context that the handler was begun in, where others than OpenTelemetry have a part in it. */
  #context: AsyncResource | undefined

  /** Begins to watch a handler; undefined when nobody would see it. */
  static of(
    self: string, service: string, from: string,
    kind: CallKind, attempt: number, bytes: Uint8Array | undefined,
  ): ServeTrace | undefined {
    if ((!servings.hasSubscribers && !isTraced()) || isSystems(service)) return undefined
    const trace = bytes === undefined ? undefined : decodeTrace(bytes)
    const message: ServeMessage = { self, service, from, kind, attempt, trace }
    const span = spanOfServing(message)
    return span === undefined && !servings.hasSubscribers ? undefined : new ServeTrace(message, span)
  }

  private constructor(message: ServeMessage, span: CallSpan | undefined) {
    this.#message = message
    this.#span = span
  }

  /** Begins the handler. */
  run<R>(begin: () => R): R {
    const span = this.#span
    if (!servings.hasSubscribers && span !== undefined) return span.run(begin)
    const keep = (): R => {
      this.#context = new AsyncResource('TelepathineServe')
      return begin()
    }
    try {
      return servings.start.runStores(this.#message, span === undefined ? keep : () => span.run(keep))
    } finally {
      servings.end.publish(this.#message)
    }
  }

  /** Goes on with the handler: it is a generator. */
  goOn<R>(work: () => R): R {
    if (this.#context !== undefined) return this.#context.runInAsyncScope(work)
    return this.#span === undefined ? work() : this.#span.run(work)
  }

  /** The handler is done. */
  ended(error: unknown): void {
    this.#span?.ended(error)
    if (error !== undefined) this.#message.error = error
    publishOutcome(servings, this.#message, () => undefined)
  }
}

function publishOutcome<M extends { error?: unknown }>(
  channel: { readonly [K in 'asyncStart' | 'asyncEnd' | 'error']: { publish(message: M): void } } & {
    readonly asyncStart: { runStores(message: M, run: () => void): void }
  },
  message: M,
  tell: () => void,
): void {
  if (message.error !== undefined) channel.error.publish(message)
  channel.asyncStart.runStores(message, tell)
  channel.asyncEnd.publish(message)
}
