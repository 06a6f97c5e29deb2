import createDebug from 'debug'
import type { Channel } from '../channel.js'
import { TelepathineError } from '../gossip/errors.js'
import type { Telepathine } from '../telepathine.js'
import { Dispatcher, type Call, type Withdraw } from '../work/index.js'
import { settle, type Actor } from './actor.js'
import type { Advert } from './census.js'
import { FileExchange, type BroadcastOptions, type FileDelivery, type FileReader } from './files.js'
import { iteratorOf } from './generators.js'
import { Mapper } from './mapper.js'
import { agentSettings, checkPeer, checkStatus, refuse, stopSettings, texts, type AgentSettings } from './options.js'
import { Pulse } from './pulse.js'
import { exceptionHandlerOf, perform, Routes, type Action } from './routes.js'
import type { AgentOptions, Authorize, Deliverable, StopOptions } from './types.js'
import { queuedName, readAsked, serviceName, writeIntermediate, writeQueued, writeResult } from './wire.js'

const log = createDebug('telepathine:nanite')

/** How long a stop waits for what runs, milliseconds. */
const graceMsDefault = 30_000

/** Who says who may, and what the others are answered. */
interface Security {
  readonly authorize: Authorize
  readonly deny: unknown
}

/**
 * Offers actors to all mappers, on this peer and on others. A peer has one agent at most.
 *
 * ```ts
 * const agent = new Agent(peer, { tags: ['fast'] })
 * agent.register(new Mock())
 * agent.status_proc = () => queue.length
 * ```
 */
export class Agent {
  readonly #peer: Telepathine
  readonly #channel: Channel
  readonly #pulse: Pulse
  readonly #settings: AgentSettings
  readonly #work: Dispatcher
  readonly #withdraw: Withdraw
  /** What is taken from the queue, by route. Bounded by the routes that are served. */
  readonly #queued = new Map<string, Withdraw>()
  readonly #routes = new Routes()
  readonly #tags: Set<string>
  readonly #files: FileExchange
  #status: (() => unknown) | undefined
  #security: Security | undefined
  #mapper: Mapper | undefined
  #stopped: Promise<void> | undefined

  /**
   * @throws TelepathineError `ERR_OPTION` for what is no peer, unknown options and values out of range; `ERR_BUSY` when
   * the peer has an agent
   */
  constructor(peer: Telepathine, options: AgentOptions = {}) {
    this.#settings = agentSettings(options)
    this.#channel = checkPeer(peer)
    this.#peer = peer
    this.#status = this.#settings.status
    this.#tags = new Set(this.#settings.tags)
    const { queue } = this.#settings
    this.#work = new Dispatcher(peer, queue === undefined ? {} : { queue })
    this.#files = new FileExchange(peer, this.#work, this.#settings)
    const serve = (input: unknown, call: Call): AsyncGenerator => this.#serve(input, call)
    this.#withdraw = this.#work.serve(serviceName, serve, { concurrency: this.#settings.prefetch })
    const advert = (): Advert => ({ services: this.services, tags: this.tags, pingMs: this.#settings.pingMs })
    this.#pulse = new Pulse(peer, this.#channel, advert, () => this.#status)
  }

  /** The name of its peer. */
  get identity(): string {
    return this.#peer.name
  }

  /** The routes that are served: `/mock/list`. */
  get services(): readonly string[] {
    return this.#routes.services
  }

  /** What mappers may choose by. */
  get tags(): readonly string[] {
    return [...this.#tags]
  }

  /** For requests of one's own. */
  get mapper(): Mapper {
    return (this.#mapper ??= new Mapper(this.#peer))
  }

  /** What each ping tells as status; undefined for the default. See {@link AgentOptions.status_proc}. */
  get status_proc(): (() => unknown) | undefined {
    return this.#status
  }

  /** As above; told at once. */
  set status_proc(status: (() => unknown) | undefined) {
    this.#status = checkStatus(status)
    this.#pulse.ping()
  }

  /** The same as {@link Agent.status_proc}. */
  get statusProc(): (() => unknown) | undefined {
    return this.#status
  }

  /** The same as {@link Agent.status_proc}. */
  set statusProc(status: (() => unknown) | undefined) {
    this.status_proc = status
  }

  /**
   * Offers what an actor's class exposes, as `/prefix/method`. The prefix is the class's name in snake case unless
   * given: `RackWorker` is `rack_worker`. An actor that was there by the same prefix goes.
   *
   * @throws TelepathineError `ERR_OPTION` for what is no actor, `ERR_KEY` for a prefix that is none
   */
  register(actor: Actor, prefix?: string): this {
    this.#routes.register(actor, prefix)
    settle(actor, this)
    this.#takeQueued()
    this.#pulse.advertise()
    return this
  }

  /** Adds tags. */
  tag(...tags: readonly string[]): this {
    for (const tag of texts('tags', tags)) this.#tags.add(tag)
    this.#pulse.advertise()
    return this
  }

  /**
   * Has each request authorised, by a function or by an object's method `authorize`. What is not allowed is not done,
   * and answered with `deny`.
   *
   * @throws TelepathineError `ERR_OPTION`
   */
  register_security(security: Authorize | { authorize: Authorize }, deny: unknown = 'Denied'): void {
    const authorize: unknown = typeof security === 'function' ? security : security?.authorize?.bind(security)
    if (typeof authorize !== 'function') throw refuse('security', security, 'a function, or an object with authorize')
    this.#security = { authorize: authorize as Authorize, deny }
  }

  /** The same as {@link Agent.register_security}. */
  registerSecurity(security: Authorize | { authorize: Authorize }, deny?: unknown): void {
    this.register_security(security, deny)
  }

  /**
   * Sends a file to all agents that have subscribed to its domain, as {@link Agent.subscribe_to_files} does. A relative
   * path starts from `file_root`, or else where the process was started.
   *
   * @throws TelepathineError (by rejection) `ERR_KEY` for a destination that is none, `ERR_TOO_LARGE`, `ERR_OPTION`;
   * the system's errors when it cannot be read
   */
  broadcast_file(path: string, options?: BroadcastOptions): Promise<FileDelivery> {
    return this.#files.broadcast(path, options)
  }

  /** The same as {@link Agent.broadcast_file}. */
  broadcastFile(path: string, options?: BroadcastOptions): Promise<FileDelivery> {
    return this.broadcast_file(path, options)
  }

  /**
   * Takes files that others send to a domain. With `write` they are written into `file_root`, whole or not at all, and
   * nothing outside it, whatever their destination says. Then `reader` is called with the file's bytes, its destination
   * and what the sender says of it.
   *
   * @returns what ends it
   * @throws TelepathineError `ERR_OPTION`, `ERR_KEY`; `ERR_BUSY` when the domain is subscribed to
   */
  subscribe_to_files(domain?: string, write?: boolean, reader?: FileReader): Withdraw {
    return this.#files.subscribe(domain, write, reader)
  }

  /** The same as {@link Agent.subscribe_to_files}. */
  subscribeToFiles(domain?: string, write?: boolean, reader?: FileReader): Withdraw {
    return this.subscribe_to_files(domain, write, reader)
  }

  /**
   * Stops: says goodbye, so that no new requests come, and lets those that run and wait finish, for `grace`
   * milliseconds at most, 30,000 by default. The peer goes on.
   */
  stop(options?: StopOptions): Promise<void> {
    return (this.#stopped ??= this.#stop(stopSettings(options, graceMsDefault)))
  }

  /** The same as {@link Agent.stop}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #stop(grace: number): Promise<void> {
    this.#pulse.stop()
    const queued = Array.from(this.#queued.values(), (withdraw) => withdraw({ grace }))
    await Promise.all([this.#withdraw({ grace }), this.#files.stop(grace), ...queued])
    await this.#mapper?.stop()
    await this.#work.stop()
  }

  // ---- what is asked

  async *#serve(input: unknown, call: Call): AsyncGenerator<unknown, unknown> {
    const asked = readAsked(input)
    if (asked === undefined) throw new TelepathineError('ERR_VALUE', 'not a request')
    const action = this.#routes.find(asked.type)
    if (action === undefined) throw new TelepathineError('ERR_NO_WORKER', `${asked.type} is not served here`)
    const deliverable: Deliverable = Object.freeze({
      ...asked, from: call.from, deadline: call.deadline, signal: call.signal,
    })
    if (!(await this.#isAllowed(deliverable))) return writeResult(this.#security?.deny)
    try {
      return writeResult(yield* this.#run(action, deliverable))
    } catch (error) {
      this.#excepted(action, deliverable, error)
      throw error
    }
  }

  /** Takes from the queue, if there is one, what is asked of the routes that are served now. */
  #takeQueued(): void {
    if (!this.#work.hasQueue) return
    const { services } = this
    const { prefetch: concurrency } = this.#settings
    for (const [type, withdraw] of this.#queued) {
      if (services.includes(type)) continue
      void withdraw()
      this.#queued.delete(type)
    }
    for (const type of services) {
      if (this.#queued.has(type)) continue
      const serve = (input: unknown, call: Call): Promise<unknown> => this.#serveQueued(input, call)
      this.#queued.set(type, this.#work.serve(queuedName(type), serve, { durable: true, concurrency }))
    }
  }

  /** As {@link Agent.#serve}. What an action throws is an answer, too: only what gets none is tried again. */
  async #serveQueued(input: unknown, call: Call): Promise<unknown> {
    const { identity } = this
    const told = this.#serve(input, call)
    try {
      for (;;) {
        const { done, value } = await told.next()
        if (done === true) return writeQueued({ identity, result: (value as readonly unknown[])[0], error: undefined })
      }
    } catch (error) {
      if (error instanceof TelepathineError) throw error
      const { name, message } = error instanceof Error ? error : new Error(String(error))
      return writeQueued({ identity, result: undefined, error: { name, message } })
    }
  }

  /** Runs an action; gives what it yields, and returns what it returns. */
  async *#run(action: Action, deliverable: Deliverable): AsyncGenerator<unknown, unknown> {
    const outcome: unknown = await perform(action, deliverable)
    const iterator = iteratorOf(outcome)
    if (iterator === undefined) return outcome
    let isDone = false
    try {
      for (;;) {
        const step = await iterator.next()
        isDone = step.done === true
        if (isDone) return step.value
        yield writeIntermediate(step.value)
      }
    } finally {
      if (!isDone) await iterator.return?.()
    }
  }

  async #isAllowed(deliverable: Deliverable): Promise<boolean> {
    if (this.#security === undefined) return true
    try {
      return (await this.#security.authorize(deliverable)) === true
    } catch (error) {
      log('authorize: %O', error)
      return false
    }
  }

  #excepted({ actor, method }: Action, deliverable: Deliverable, error: unknown): void {
    try {
      exceptionHandlerOf(actor)?.call(actor, method, deliverable, error)
    } catch (another) {
      log('on_exception of %s: %O', deliverable.type, another)
    }
  }
}
