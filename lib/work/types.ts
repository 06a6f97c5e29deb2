import type { Queue } from '../queue/queue.js'
import type { Policy } from './selection.js'

/** What a handler knows about the call it serves. */
export interface Call {
  /** Name of the peer that calls. */
  readonly from: string
  /** Unix time in milliseconds by which the caller wants it done; undefined: whenever. */
  readonly deadline: number | undefined
  /** Aborts when the caller gave up, its time is over, or it is gone. */
  readonly signal: AbortSignal
  /** 1 for the first attempt; higher when it was tried before, here or elsewhere. */
  readonly attempt: number
  /** The idempotency key; undefined when the caller gave none. */
  readonly key: string | undefined
  /** Whether the caller takes several values. */
  readonly streams: boolean
  /**
   * Sends one of several values to a caller that streams. Resolves when there is room for the next; not waiting for it
   * is legal up to a bound.
   *
   * @throws TelepathineError `ERR_VALUE`, `ERR_TOO_LARGE`; `ERR_OVERLOAD` when too much waits for a slow caller;
   * `ERR_ABORTED` when the call is over
   */
  emit(chunk: unknown): Promise<void>
}

/**
 * Serves a call. What it returns, or what its promise resolves to, is the result; what it throws is the caller's
 * error. An async generator's values are sent one by one to a caller that streams; a returned value other than
 * undefined is then the last. A caller that does not stream gets the last. A `TelepathineError` that it throws with
 * `ERR_DENIED` refuses the caller; with `ERR_DRAINING` it says that it has not begun, and another worker is tried; with
 * `ERR_PEER_LOST` the call counts as lost with its worker.
 */
export type Handler<I = never> = (input: I, call: Call) => unknown

/** How {@link Dispatcher.serve} serves. */
export interface ServeOptions {
  /** How many calls run at a time; 1 to 1,000,000, default 256. */
  concurrency?: number
  /** How many more may wait; 0 to 1,000,000, default 1,024. Beyond, callers are sent elsewhere. */
  queue?: number
  /** What callers may choose by. */
  tags?: readonly string[]
  /** Shown to callers. */
  version?: string
  /** What becomes of a call whose caller is gone: `cancel`, the default, aborts its signal. Pushes are finished. */
  onCallerLost?: 'cancel' | 'finish'
  /**
   * Whether to take jobs from the queue as well, those of {@link Dispatcher.enqueue}; default false. `concurrency`
   * counts for both together.
   */
  durable?: boolean
}

/** What takes a service back: no new calls, and resolves when those that were taken in are done. */
export type Withdraw = (options?: WithdrawOptions) => Promise<void>

/** How to withdraw, or to stop. */
export interface WithdrawOptions {
  /** Milliseconds after which calls that still run are aborted and given up; default 30,000. */
  grace?: number
}

/** Someone who serves. */
export interface WorkerInfo {
  /** Name of the peer. */
  readonly peer: string
  /** What it says its load is; see {@link Dispatcher.status}. */
  readonly load: unknown
  /** As given to {@link Dispatcher.serve}. */
  readonly tags: readonly string[]
  /** As given to {@link Dispatcher.serve}; undefined when nothing was. */
  readonly version: string | undefined
}

/**
 * Chooses among those who serve: one, several in order of preference, or nobody; as they were given, or by name.
 */
export type Selector = (
  candidates: readonly WorkerInfo[],
) => WorkerInfo | string | readonly (WorkerInfo | string)[] | null | undefined

/**
 * Who is to do it. `p2c`, the default: the less busy of two chosen at random. `least-loaded`: whoever says that its
 * load is least. `random`, `round-robin`. `{ key }`: always the same one for the same key, as long as it is there.
 * `all`: everyone, for {@link Dispatcher.gather} and {@link Dispatcher.push}. Or a function.
 */
export type Select = Policy | 'all' | ByKey | Selector

/** The same worker for the same key, as long as it is there (rendezvous hashing). */
export interface ByKey {
  /** Any text. */
  readonly key: string
}

/** Which tags are asked for; an empty list asks for nothing. */
export interface TagChoice {
  /** One of these. */
  readonly any?: readonly string[]
  /** All of these. */
  readonly all?: readonly string[]
}

/** Options of every kind of call. */
export interface CallOptions {
  /** Who is to do it; see {@link Select}. Default: by `key` if there is one, or else `p2c`. */
  select?: Select
  /** Name of the peer that is to do it, and nobody else. */
  target?: string
  /** Only workers that have one of these tags; or see {@link TagChoice}. */
  tags?: readonly string[] | TagChoice
  /**
   * Milliseconds until it fails with `ERR_TIMEOUT`; 0 or Infinity: never. Default 30,000, and never for a stream.
   * Inside a handler no more than is left of the call that is being served.
   */
  timeout?: number
  /** Gives up when it aborts, here and at the worker. */
  signal?: AbortSignal
  /**
   * Whether doing it twice is as good as once: then it is tried again elsewhere, up to three times in all, when a
   * worker is lost. Default false.
   */
  idempotent?: boolean
  /**
   * Idempotency key, of 1 to 200 bytes. A worker that gets the same call again under it joins the one that runs, or
   * gives its result once more; with another input it refuses (`ERR_KEY_REUSED`). Workers do not share what they
   * remember, so calls with a key go to the same worker as long as it is there.
   */
  key?: string
  /**
   * So many workers chosen at random, 2 to 8, are asked how busy they are, and the least busy gets the call. Worth its
   * round trip when calls take ten times as long. Only where nothing else says who is to do it. Default: nobody is
   * asked.
   */
  probe?: number
  /**
   * With `maxPending` calls under way, whether to wait in a line until there is room, as part of `timeout`, instead of
   * failing with `ERR_OVERLOAD`; the line has `maxPending` places. For requests and pushes to one. Default false.
   */
  wait?: boolean
}

/** Options of {@link Dispatcher.gather}. */
export interface GatherOptions extends Omit<CallOptions, 'timeout' | 'idempotent' | 'key' | 'probe' | 'wait'> {
  /** Milliseconds until those who have not answered count as missing; 0 or Infinity: never. Default 30,000. */
  ttl?: number
  /** Enough: after so many results the others are cancelled. Default: all. */
  need?: number
  /** Whether it is legal that nobody serves it. Default false: `ERR_NO_WORKER`. */
  allowEmpty?: boolean
}

/** One peer's answer: its result, or what its handler threw. */
export type GatherOutcome<T = unknown> = Answer<T> | ErrorAnswer

/** A peer's result. */
export interface Answer<T = unknown> {
  /** Name of the peer. */
  readonly peer: string
  /** What it returned. */
  readonly value: T
  /** None. */
  readonly error?: undefined
}

/** What a peer's handler threw. */
export interface ErrorAnswer {
  /** Name of the peer. */
  readonly peer: string
  /** A {@link CallError} with `ERR_HANDLER`. */
  readonly error: Error
  /** None. */
  readonly value?: undefined
}

/**
 * The values of a streamed call, in order, as an async iterator: it ends when the worker says so, and fails, after what
 * had come, when anything is amiss. Leaving the loop cancels the call.
 */
export interface ValueStream<T = unknown> extends AsyncIterableIterator<T>, AsyncDisposable {
  /** Cancels the call and drops what is waiting. */
  return(): Promise<IteratorResult<T>>
  /** Itself. */
  [Symbol.asyncIterator](): this
}

/**
 * What many peers answer to one question: the outcomes as they come, as an async iterator, and all of them in the end.
 * Leaving the loop cancels what is still under way.
 */
export interface Gathered<T = unknown> extends AsyncIterableIterator<GatherOutcome<T>>, AsyncDisposable {
  /** All that came of it, once it is over. Rejects with `ERR_NO_WORKER` when nobody serves it. */
  result(): Promise<GatherResult<T>>
  /** Cancels what is under way. */
  return(): Promise<IteratorResult<GatherOutcome<T>>>
  /** Itself. */
  [Symbol.asyncIterator](): this
}

/** Who did not answer, and why: a code such as `ERR_TIMEOUT`, `ERR_PEER_LOST`, `ERR_BUSY`, `ERR_ABORTED`. */
export interface Missing {
  /** Name of the peer. */
  readonly peer: string
  /** Code of the error. */
  readonly reason: string
}

/** All that came of a {@link Dispatcher.gather}. */
export interface GatherResult<T = unknown> {
  /** By peer. */
  readonly results: ReadonlyMap<string, T>
  /** What handlers threw, by peer. */
  readonly errors: ReadonlyMap<string, Error>
  /** Who did not answer. */
  readonly missing: readonly Missing[]
  /** Whether nobody is missing; an error is an answer, too. */
  readonly complete: boolean
}

/** Options of {@link Dispatcher.waitFor}. */
export interface WaitOptions {
  /** How many are to serve it; default 1. */
  count?: number
  /** Milliseconds until it fails with `ERR_TIMEOUT`; 0 or Infinity: never. Default 30,000. */
  timeout?: number
  /** Gives up when it aborts. */
  signal?: AbortSignal
}

/** Options of {@link Dispatcher.enqueue}. */
export interface EnqueueOptions {
  /**
   * Of 1 to 200 bytes: a job with a key that is known, waiting, running, dead or done and not forgotten yet, is not
   * stored again, whatever its input; the token is the same. So it is safe to enqueue again after an error.
   */
  key?: string
  /** Milliseconds before it is given to anybody; default 0, a year at most. */
  delay?: number
  /** How often it is tried in all, before it goes to the dead letters; 1 to 1,000, default 5. */
  attempts?: number
  /**
   * Milliseconds until it is tried again after a failure, default 1,000: half of it to all of it, at random, and twice
   * as long after each further failure, five minutes at most.
   */
  backoff?: number
  /** 0, the default, to 10: higher ones go first. Not with engines that have no priorities: `ERR_OPTION`. */
  priority?: number
  /** Unix time in milliseconds after which it is not begun any more; its outcome is `ERR_TIMEOUT` then. */
  expiresAt?: number
}

/** Options of {@link Dispatcher.outcome}. */
export interface OutcomeOptions {
  /** Milliseconds until it is not waited for any more, and fails with `ERR_TIMEOUT`; default, and 0: never. */
  timeout?: number
  /** Waits no more when it aborts; the job goes on. */
  signal?: AbortSignal
}

/** What came of a job: its result, or the error that {@link Dispatcher.outcome} rejects with. */
export type Settled<T = unknown> = Done<T> | GivenUp

/** A job that was done. */
export interface Done<T = unknown> {
  /** Its result. */
  readonly value: T
  /** There is none. */
  readonly error?: undefined
}

/** A job that was given up. */
export interface GivenUp {
  /** Why. */
  readonly error: Error
  /** There is none. */
  readonly value?: undefined
}

/** How many jobs of a name the queue holds; undefined where the engine does not say. */
export interface QueueInfo {
  /** As given to {@link Dispatcher.enqueue}. */
  readonly name: string
  /** May be taken now. */
  readonly waiting: number
  /** Wait for their time: enqueued with a delay, or failed and to be tried again. */
  readonly delayed: number | undefined
  /** In the hands of workers. */
  readonly running: number | undefined
  /** Given up. */
  readonly dead: number | undefined
}

/** Which dead letters {@link Dispatcher.dead} gives. */
export interface DeadOptions {
  /** How many at most, 1 to 10,000; default 100. */
  limit?: number
  /** Whether inputs above 256 KiB are read, too; default true. */
  large?: boolean
}

/** A job that failed as often as it may. */
export interface DeadJob {
  /** As {@link Dispatcher.enqueue} resolved to. */
  readonly token: string
  /** What was to be done. */
  readonly name: string
  /** What with; undefined when it is large, and {@link DeadOptions.large} false. */
  readonly input: unknown
  /** Whether the input takes more than 256 KiB. */
  readonly isLarge: boolean
  /** Its key; undefined when it had none. */
  readonly key: string | undefined
  /** Name of the peer that enqueued it. */
  readonly from: string
  /** When it was enqueued, Unix time in milliseconds. */
  readonly enqueuedAt: number
  /** How often it was tried. */
  readonly attempts: number
  /** What became of it the last time: what {@link Dispatcher.outcome} rejects with. */
  readonly error: Error
}

/** Counters since the first dispatcher of the peer was made, and what is so at the moment. */
export interface WorkStats {
  /** Calls made from here. */
  readonly called: number
  /** Times that a call tried elsewhere because a worker was busy. */
  readonly bounced: number
  /** Times that a call tried elsewhere, or again, because a worker was lost or about to go. */
  readonly retried: number
  /** Calls begun here. */
  readonly served: number
  /** Calls turned away here for want of room. */
  readonly busy: number
  /** What came in for calls that were settled already, or unknown. */
  readonly late: number
  /** Calls from here that are under way. */
  readonly pending: number
  /** Calls of this dispatcher that wait in line, as their `wait` allows. */
  readonly waiting: number
  /** Calls that run or wait here. */
  readonly inflight: number
  /** Bytes of inputs that wait or are coming in here. */
  readonly heldBytes: number
}

/** What may be given to `new Dispatcher(peer, options)`. An unknown option or a wrong value throws `ERR_OPTION`. */
export interface DispatcherOptions {
  /** Most calls under way from here; 1 to 10,000,000, default 10,000. Beyond, `ERR_OVERLOAD`. */
  maxPending?: number
  /** Largest input or output, encoded, in bytes; 1,024 to 1 GiB, default 64 MiB. */
  maxPayloadBytes?: number
  /** Most bytes of inputs held for calls that run or wait here; default 256 MiB. Beyond, callers are sent elsewhere. */
  maxHeldBytes?: number
  /** Whether errors of handlers cross the wire with their stack. Default false: it tells of the inside. */
  stacks?: boolean
  /**
   * What {@link openQueue} opened: for {@link Dispatcher.enqueue}, and for those who serve with `durable`. One for each
   * peer (`ERR_BUSY`): all its dispatchers use it, until those that were given it have stopped.
   */
  queue?: Queue
}
