import { TelepathineError } from '../gossip/errors.js'
import { describe } from '../describe.js'
import type { Queue } from '../queue/queue.js'
import type { Telepathine } from '../telepathine.js'
import { ownBytes } from '../values.js'
import { Chunks } from './chunks.js'
import { infoOf } from './client.js'
import { servedNow } from './context.js'
import { Durable, holdersName } from './durable.js'
import { CallError, noWorker } from './errors.js'
import { callFormShift, Flag } from './frame.js'
import { Gathering } from './gather.js'
import {
  callSettings, dispatcherSettings, gatherSettings, graceMs, nameBytes, serviceSettings, timeoutMsDefault,
  waitSettings, type CallSettings, type DispatcherSettings,
} from './options.js'
import type { Order, Outgoing, Plan, Sink } from './outgoing.js'
import { encodePayload, formOf, type Form } from './payload.js'
import { Service } from './service.js'
import { Switchboard } from './switchboard.js'
import { CallTrace, kindOf } from './tracing.js'
import { Turnstile } from './turnstile.js'
import type {
  CallOptions, DeadJob, DeadOptions, DispatcherOptions, EnqueueOptions, Gathered, GatherOptions, Handler,
  OutcomeOptions, QueueInfo, ServeOptions, Settled, ValueStream, WaitOptions, Withdraw, WithdrawOptions, WorkerInfo,
  WorkStats,
} from './types.js'

/**
 * Work for peers: serve a function on any of them, call it from any other. There is no master: who serves what is told
 * by gossip, and calls go straight from peer to peer.
 *
 * ```ts
 * const work = new Dispatcher(peer)
 * work.serve('wordcount', (text: string) => text.split(/\s+/).length)
 * const count = await work.request<number>('wordcount', 'to be or not to be') // here or on any other peer
 * ```
 *
 * A call is begun at most once unless it is `idempotent`, and has exactly one outcome, in bounded time. A peer may have
 * several dispatchers, which share its connections and what it advertises (and the limits of the first of them); each
 * stops on its own. Bytes (`Buffer`, `Uint8Array`) of more than 48 KiB, given as an input or returned as a result, are
 * sent as they lie there: they must not be changed any more.
 */
export class Dispatcher {
  readonly #peer: Telepathine
  readonly #settings: DispatcherSettings
  readonly #board: Switchboard
  readonly #services = new Set<Service>()
  readonly #turnstile: Turnstile
  /** Set when the queue of the peer was given to this one. */
  #brought: Durable | undefined
  #stopped: Promise<void> | undefined
  #isOver = false

  /**
   * @throws TelepathineError `ERR_OPTION` for what is no peer, unknown options and values out of range, `ERR_BUSY` with
   * `queue` when the peer has another, or one that it is letting go of
   */
  constructor(peer: Telepathine, options: DispatcherOptions = {}) {
    this.#settings = dispatcherSettings(options)
    this.#peer = peer
    this.#board = Switchboard.of(peer, this.#settings)
    this.#turnstile = new Turnstile(this.#board.channel.clock, this.#settings.maxPending)
    this.#board.join(this.#turnstile)
    if (options.queue !== undefined) this.#bring(options.queue)
  }

  /**
   * Serves calls by a name, from now on and whenever the peer runs. Returns what takes it back: no new calls, and
   * resolves when those that were taken in are done.
   *
   * @throws TelepathineError `ERR_KEY` for a name that is none, `ERR_OPTION`, `ERR_STOPPED`, `ERR_BUSY` when it is
   * served here already, or with `durable` while the dispatcher that was given the queue is stopping
   */
  serve<I = unknown>(name: string, handler: Handler<I>, options: ServeOptions = {}): Withdraw {
    nameBytes('name', name, 'ERR_KEY')
    if (typeof handler !== 'function') {
      throw new TelepathineError('ERR_OPTION', `handler: ${describe(handler)} given, allowed: a function`)
    }
    const settings = serviceSettings(options)
    if (this.#stopped !== undefined) throw this.#gone()
    const known = this.#board.server.services.get(name)
    if (known?.isDraining === false) {
      throw new TelepathineError('ERR_BUSY', `${JSON.stringify(name)} is served here already; withdraw it first`)
    }
    if (settings.durable) this.#checkStays(this.#durable())
    const service = new Service(name, handler, settings)
    this.#services.add(service)
    this.#board.offer(service)
    let withdrawn: Promise<void> | undefined
    return (withdrawal) => (withdrawn ??= this.#withdraw(service, graceMs(withdrawal)))
  }

  /**
   * Has one peer do something; resolves to its result.
   *
   * @throws TelepathineError by rejection; {@link CallError} tells more. `ERR_NO_WORKER` at once when nobody serves it,
   * `ERR_HANDLER` for what the handler threw, `ERR_TIMEOUT`, `ERR_ABORTED`, `ERR_BUSY`, `ERR_DRAINING`, `ERR_DENIED`,
   * `ERR_PEER_LOST`, `ERR_KEY_REUSED`, `ERR_OVERLOAD` when too much is under way, `ERR_VALUE`, `ERR_TOO_LARGE`,
   * `ERR_KEY`, `ERR_OPTION`, `ERR_STOPPED`
   */
  request<T = unknown>(name: string, input?: unknown, options?: CallOptions): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const settings = callSettings(options)
      if (settings.select === 'all') {
        throw new TelepathineError('ERR_OPTION', 'select: a request goes to one; to ask all there is gather')
      }
      this.#callOne(name, input, 0, settings, { done: resolve, failed: reject })
    })
  }

  /**
   * Has one peer do something, or with `select: 'all'` all who serve it, and does not wait for it: resolves when it was
   * taken in. What the handler throws is nobody's concern. `timeout` bounds the wait for that.
   *
   * @throws TelepathineError as {@link Dispatcher.request}
   */
  async push(name: string, input?: unknown, options?: CallOptions): Promise<void> {
    const settings = callSettings(options)
    const one = (to: CallSettings, what: unknown): Promise<void> =>
      new Promise((resolve, reject) => {
        this.#callOne(name, what, Flag.push, to, { done: () => resolve(), failed: reject })
      })
    if (settings.select !== 'all') return one(settings, input)
    const peers = this.#targets(name, settings)
    if (peers.length === 0) throw noWorker(name, settings)
    const encoded = new Encoded(input, this.#settings.maxPayloadBytes)
    await Promise.all(peers.map((target) => one({ ...settings, select: undefined, target }, encoded)))
  }

  /**
   * Has one peer do something and gives its values as they come. Leaving the loop cancels it. Fails as
   * {@link Dispatcher.request} does, when the first value is asked for or on the way.
   */
  stream<T = unknown>(name: string, input?: unknown, options?: CallOptions): ValueStream<T> {
    const settings = callSettings(options)
    if (settings.select === 'all') {
      throw new TelepathineError('ERR_OPTION', 'select: a stream comes from one; to ask all there is gather')
    }
    if (settings.wait) throw new TelepathineError('ERR_OPTION', 'wait: a stream does not wait for room')
    const chunks = new Chunks<T>()
    const call = this.#call(name, input, Flag.stream, settings, Infinity, chunks)
    const { client } = this.#board
    chunks.begin({
      consumed: (cost) => call !== undefined && client.consumed(call, cost),
      cancel: () => call !== undefined && client.cancel(call, 'ERR_ABORTED', 'nobody wants more of it'),
    })
    return chunks
  }

  /**
   * Has all who serve it do something, as they are known now: an async iterator over the outcomes as they come;
   * `result()` resolves to all of them.
   */
  gather<T = unknown>(name: string, input?: unknown, options: GatherOptions = {}): Gathered<T> {
    const settings = gatherSettings(options)
    const gathering = new Gathering<T>(settings.need)
    try {
      const peers = this.#targets(name, settings)
      if (peers.length === 0 && !settings.allowEmpty) throw noWorker(name, settings)
      const each = { ...settings, select: undefined, tags: undefined }
      const encoded = new Encoded(input, this.#settings.maxPayloadBytes)
      gathering.ask(peers, (target, sink) => {
        const call = this.#call(name, encoded, 0, { ...each, target }, timeoutMsDefault, sink)
        return { cancel: (why) => call !== undefined && this.#board.client.cancel(call, 'ERR_ABORTED', why) }
      })
    } catch (error) {
      gathering.fail(error)
    }
    return gathering
  }

  /**
   * Has somebody do something, whatever happens meanwhile: resolves to a token once the job is stored in the queue, so
   * that it outlives this peer and all others. Whoever serves the name with `durable` takes it, now or at any time; at
   * least one of them does it to its end, in rare cases more than one: when a worker died at it, or was thought dead.
   * What the handler throws is tried again, `attempts` times in all; then the job is a dead letter.
   *
   * @throws TelepathineError by rejection: `ERR_QUEUE` when the engine failed, and then it may have been stored all the
   * same (with a `key` it is safe to try again); `ERR_KEY`, `ERR_OPTION` (also without a queue), `ERR_VALUE`,
   * `ERR_TOO_LARGE`, `ERR_STOPPED`
   */
  async enqueue(name: string, input?: unknown, options: EnqueueOptions = {}): Promise<string> {
    return this.#durable().enqueue(name, input, options)
  }

  /**
   * What came of a job, on any peer that has the queue: waits for it, and resolves to its result. Outcomes are kept for
   * a time, see {@link QueueOptions}; nothing is known of a job that was forgotten, so it is waited for.
   *
   * @throws TelepathineError by rejection: `ERR_HANDLER` for what the handler threw the last time, `ERR_DENIED` when it
   * refused, `ERR_PEER_LOST` when its workers died each time, `ERR_TIMEOUT` when it expired, or `timeout` is over,
   * `ERR_ABORTED` when it was discarded, or `signal` aborts, `ERR_QUEUE`, `ERR_OPTION`, `ERR_STOPPED`
   */
  async outcome<T = unknown>(token: string, options: OutcomeOptions = {}): Promise<T> {
    return (await this.#durable().outcome(token, options, this.#turnstile)) as T
  }

  /**
   * What came of a job, if anything has: undefined while it waits or runs, and for one that nothing is known of.
   *
   * @throws TelepathineError by rejection `ERR_QUEUE`, `ERR_OPTION`
   */
  async peek<T = unknown>(token: string): Promise<Settled<T> | undefined> {
    return (await this.#durable().peek(token)) as Settled<T> | undefined
  }

  /** How many jobs of which name the queue holds. @throws TelepathineError by rejection `ERR_QUEUE`, `ERR_OPTION` */
  async queues(): Promise<QueueInfo[]> {
    return this.#durable().queues()
  }

  /**
   * The jobs of a name that failed as often as they may, the oldest first.
   *
   * @throws TelepathineError by rejection `ERR_QUEUE`, `ERR_KEY`, `ERR_OPTION`
   */
  async dead(name: string, options: DeadOptions = {}): Promise<DeadJob[]> {
    return this.#durable().dead(name, options)
  }

  /**
   * Gives a dead job all its attempts again; false when there is none of that token. @throws as {@link Dispatcher.dead}
   */
  async retry(token: string): Promise<boolean> {
    return this.#durable().retry(token)
  }

  /**
   * Drops a dead job; its outcome is `ERR_ABORTED` from then on. False when there is none of that token.
   *
   * @throws as {@link Dispatcher.dead}
   */
  async discard(token: string): Promise<boolean> {
    return this.#durable().discard(token)
  }

  /** Whether this peer has a queue. */
  get hasQueue(): boolean {
    return this.#board.durable !== undefined
  }

  /** Whether somebody known here takes jobs of a name from the queue. */
  isDurable(name: string): boolean {
    return this.#board.roster.places(name).some(({ offer }) => offer.durable)
  }

  /** Who serves it, as known here: live peers, this one included. */
  workers(name: string): WorkerInfo[] {
    return this.#board.roster.places(name).map(infoOf)
  }

  /**
   * Whether somebody serves it or, though not alive now, is still remembered to: nobody to ask at the moment is then
   * another matter than a name that is unknown. With `peer`, whether that one does.
   */
  knows(name: string, peer?: string): boolean {
    return this.#board.roster.knows(name, peer)
  }

  /**
   * Resolves once somebody serves it, or `count` do: after a start it takes a moment until that is known.
   *
   * @throws TelepathineError (by rejection) `ERR_TIMEOUT`, `ERR_ABORTED`, `ERR_STOPPED`, `ERR_OPTION`
   */
  async waitFor(name: string, options: WaitOptions = {}): Promise<void> {
    const settings = waitSettings(options)
    nameBytes('name', name, 'ERR_KEY')
    if (this.#stopped !== undefined) throw this.#gone()
    return this.#board.waitFor(this.#turnstile, name, settings)
  }

  /**
   * What this peer says its load is: a function that gives anything that can be compared, numbers best, asked once a
   * second at most. Default: the machine's load average, the mean over 1, 5 and 15 minutes (0 in a simulation). It
   * counts for those who select `least-loaded`, and is shown by {@link Dispatcher.workers}.
   */
  get status(): (() => unknown) | undefined {
    return this.#board.status
  }

  /** As above; undefined for the default. */
  set status(status: (() => unknown) | undefined) {
    if (status !== undefined && typeof status !== 'function') {
      throw new TelepathineError('ERR_OPTION', `status: ${describe(status)} given, allowed: a function`)
    }
    this.#board.status = status
  }

  /** Counters and gauges of all work between this peer and others. */
  get stats(): WorkStats {
    const { client, server } = this.#board
    return { ...client.counts, ...server.counts, late: client.counts.late + server.counts.late, ...this.#gauges() }
  }

  /**
   * Stops: serves nothing any more, lets what was taken in finish for `grace` milliseconds, and fails one's own calls
   * with `ERR_STOPPED`. The peer goes on.
   */
  stop(options?: WithdrawOptions): Promise<void> {
    return (this.#stopped ??= this.#stop(graceMs(options)))
  }

  /** The same as {@link Dispatcher.stop}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #stop(grace: number): Promise<void> {
    const brought = this.#brought
    if (brought !== undefined) {
      brought.askers.delete(this.#askHolders)
      if (brought.askers.size === 0) await this.#takeAway(brought, grace)
    }
    await Promise.all([...this.#services].map((service) => this.#withdraw(service, grace)))
    this.#isOver = true
    this.#board.durable?.forsake(this.#turnstile, gone)
    this.#turnstile.stop(gone)
    this.#board.stop(this.#turnstile, gone)
    this.#board.leave(this.#turnstile, gone)
  }

  async #withdraw(service: Service, grace: number): Promise<void> {
    if (this.#services.delete(service)) this.#board.withdraw(service)
    await Promise.all([this.#board.durable?.withdraw(service, grace), this.#board.server.drain(service, grace)])
  }

  /** Has all dispatchers of the peer use a queue. */
  #bring(queue: Queue): void {
    const board = this.#board
    try {
      this.#checkQueue(queue)
    } catch (error) {
      board.leave(this.#turnstile, gone)
      throw error
    }
    if (board.durable === undefined) {
      const { channel, server } = board
      const { maxPayloadBytes, stacks } = this.#settings
      const durable = new Durable({ channel, server, queue, maxPayloadBytes, stacks })
      board.durable = durable
      board.offer(new Service(holdersName, (token: string) => durable.isAtWork(token), serviceSettings({})))
    }
    this.#brought = board.durable
    this.#brought.askers.add(this.#askHolders)
  }

  #checkQueue({ engine }: Queue): void {
    const { durable } = this.#board
    if (durable === undefined) return
    this.#checkStays(durable)
    if (durable.engine === engine) return
    throw new TelepathineError('ERR_BUSY', `${this.#peer.name} has a queue already, which all its dispatchers use`)
  }

  #checkStays({ isStopping }: Durable): void {
    if (!isStopping) return
    const how = 'wait for the stop() of the dispatcher that it was given to'
    throw new TelepathineError('ERR_BUSY', `${this.#peer.name} is letting go of its queue: ${how}`)
  }

  async #takeAway(durable: Durable, grace: number): Promise<void> {
    const { server } = this.#board
    await durable.stop(grace)
    this.#board.durable = undefined
    const holders = server.services.get(holdersName)
    if (holders === undefined) return
    this.#board.withdraw(holders)
    await server.drain(holders, 0)
  }

  /** Whether another peer is, or may be, at a job; one that lives and does not answer may be. */
  readonly #askHolders = async (token: string, withinMs: number): Promise<boolean> => {
    const gathered = this.gather<boolean>(holdersName, token, { ttl: withinMs, allowEmpty: true })
    const { results, missing } = await gathered.result()
    if ([...results.values()].includes(true)) return true
    const there = new Set(this.workers(holdersName).map(({ peer }) => peer))
    return missing.some(({ peer }) => there.has(peer))
  }

  #durable(): Durable {
    if (this.#isOver) throw this.#gone()
    const { durable } = this.#board
    if (durable !== undefined) return durable
    const how = 'new Dispatcher(peer, { queue: await openQueue(url) })'
    throw new TelepathineError('ERR_OPTION', `${this.#peer.name} has no queue for durable work: ${how}`)
  }

  #gauges(): Pick<WorkStats, 'pending' | 'waiting' | 'inflight' | 'heldBytes'> {
    const { client, server } = this.#board
    const { waiting } = this.#turnstile
    return { pending: client.pending, waiting, inflight: server.inflight, heldBytes: server.heldBytes }
  }

  #gone(): TelepathineError {
    return new TelepathineError('ERR_STOPPED', gone)
  }

  /** Whom a call to several goes to. */
  #targets(name: string, { select, target, tags }: CallSettings): string[] {
    nameBytes('name', name, 'ERR_KEY')
    this.#checkRunning()
    const plan: Plan = { ...usual, target, tags }
    const infos = this.#board.client.candidates({ service: name, plan }).map(infoOf)
    if (typeof select !== 'function') return infos.map(({ peer }) => peer)
    const chosen = select(infos) ?? []
    const names = (Array.isArray(chosen) ? chosen : [chosen]) as readonly (WorkerInfo | string)[]
    return [...new Set(names.map((each) => (typeof each === 'string' ? each : each.peer)))]
  }

  #checkRunning(): void {
    if (this.#isOver) throw this.#gone()
    if (this.#board.channel.isRunning) return
    throw new TelepathineError('ERR_STOPPED', `${this.#peer.name} does not run: start() it and wait for ready()`)
  }

  /** Makes a call to one, now or, if it may wait, once there is room. */
  #callOne(name: string, input: unknown, flags: number, settings: CallSettings, sink: Sink): void {
    const call = (to: CallSettings): void => void this.#call(name, input, flags, to, timeoutMsDefault, sink)
    if (!settings.wait) return call(settings)
    const { timeoutMs = timeoutMsDefault, signal } = settings
    this.#turnstile.wait(timeoutMs, signal, (leftMs) => call({ ...settings, timeoutMs: leftMs }), sink.failed)
  }

  /** Makes a call. What cannot even begin fails by the sink. */
  #call(
    name: string, input: unknown, flags: number, settings: CallSettings, defaultMs: number, sink: Sink,
  ): Outgoing | undefined {
    try {
      return this.#begin(name, input, flags, settings, defaultMs, sink)
    } catch (error) {
      if ((error as TelepathineError).code === 'ERR_OVERLOAD') this.#board.client.outcomes?.add(name, 'ERR_OVERLOAD')
      sink.failed(error as TelepathineError)
      return undefined
    }
  }

  #begin(
    name: string, input: unknown, flags: number, settings: CallSettings, defaultMs: number, sink: Sink,
  ): Outgoing {
    const { channel } = this.#board
    const serviceBytes = this.#board.nameBytes(name)
    this.#checkRunning()
    const served = servedNow()
    if (this.#stopped !== undefined && served === undefined) throw this.#gone()
    this.#turnstile.check()
    const { signal, timeoutMs = defaultMs, key } = settings
    if (signal?.aborted === true) throw new CallError('ERR_ABORTED', 'the call was aborted', { cause: signal.reason })
    const beganAt = channel.clock.now()
    const dueAt = beganAt + timeoutMs
    // what is pushed is nobody's to wait for, and outlives the call that it is pushed for
    const parent = (flags & Flag.push) === 0 ? served : undefined
    const form = input instanceof Encoded ? input.form : formOf(input)
    const trace = CallTrace.of(channel.name, name, kindOf(flags))
    const order: Order = {
      owner: this.#turnstile,
      service: name,
      serviceBytes,
      keyBytes: key,
      flags: (key === undefined ? flags : flags | Flag.keyed) | (form << callFormShift),
      beganAt,
      dueAt: parent === undefined ? dueAt : Math.min(dueAt, parent.dueAt),
      idempotent: settings.idempotent,
      plan: planOf(settings),
      sink,
      signal,
      served: parent,
      trace,
    }
    return trace === undefined ? this.#make(order, input, form) : trace.run(() => this.#make(order, input, form))
  }

  #make(order: Order, input: unknown, form: Form): Outgoing {
    const { maxPayloadBytes } = this.#settings
    // last: it lies in memory that the next to encode something will use
    const encoded = input instanceof Encoded ? input.bytes : encodePayload(input, form, maxPayloadBytes)
    return this.#board.client.call(order, encoded)
  }
}

/** An input that goes to several, encoded once. */
class Encoded {
  readonly form: Form
  readonly bytes: Uint8Array

  constructor(value: unknown, bytesMax: number) {
    this.form = formOf(value)
    this.bytes = ownBytes(encodePayload(value, this.form, bytesMax))
  }
}

const gone = 'the dispatcher was stopped; make another'

const usual: Plan = { policy: 'p2c', target: undefined, tags: undefined, probe: 0 }

function planOf({ select, target, tags, keyText, probe }: CallSettings): Plan {
  if (select === undefined && target === undefined && tags === undefined && keyText === undefined && probe === 0) {
    return usual
  }
  const policy = select === undefined || select === 'all' ? (keyText === undefined ? 'p2c' : { key: keyText }) : select
  return { policy, target, tags, probe }
}
