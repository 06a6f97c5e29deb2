import { randomBytes } from 'node:crypto'
import createDebug from 'debug'
import type { Channel } from '../channel.js'
import { TelepathineError } from '../gossip/errors.js'
import type { Random } from '../gossip/random.js'
import type { Telepathine } from '../telepathine.js'
import { Dispatcher, RemoteError, type CallError } from '../work/index.js'
import { Census, type KnownAgent } from './census.js'
import { Job } from './job.js'
import { checkRoute } from './names.js'
import { OfflineQueue } from './offline.js'
import {
  checkPeer, mapperSettings, requestArguments, requestSettings, stopSettings, type MapperSettings, type RequestSettings,
} from './options.js'
import { Chooser } from './selectors.js'
import type { Callback, Candidate, How, MapperOptions, PushOptions, RequestOptions, StopOptions } from './types.js'
import { queuedName, readQueued, readTold, serviceName, writeAsked } from './wire.js'

const log = createDebug('telepathine:nanite')

/** How often a request is given to an agent before it is given up. */
const attemptsMax = 3
/** Longest wait of a timer, milliseconds. */
const delayMsMax = 2 ** 31 - 1

/** A request or a push on its way. */
interface Order {
  readonly isPush: boolean
  readonly payload: unknown
  readonly settings: RequestSettings
  readonly job: Job
  /** By the peer's clock; not known while it waits for an agent and has no time of its own. */
  dueAt: number | undefined
}

/**
 * Gives requests to agents: knows which there are, what they serve and how busy they are, and chooses. There may be any
 * number of mappers, on the same peer or on others; all are equal, and agents come and go as they like.
 *
 * ```ts
 * const mapper = new Mapper(peer)
 * const token = mapper.request('/mock/list', 'a filter', (results) => console.log(results))
 * ```
 */
export class Mapper {
  readonly #peer: Telepathine
  readonly #channel: Channel
  readonly #settings: MapperSettings
  readonly #work: Dispatcher
  readonly #census: Census
  readonly #chooser: Chooser
  readonly #random: Random
  readonly #offline: OfflineQueue<Order>
  /** All that are not over. Bounded by what the dispatcher takes, and the queue. */
  readonly #jobs = new Set<Job>()
  #emptied: () => void = () => undefined
  /** Ends the waits for what is in the queue. */
  readonly #stopping = new AbortController()
  #isOpen = false
  #stopped: Promise<void> | undefined

  /** @throws TelepathineError `ERR_OPTION` for what is no peer, unknown options and values out of range */
  constructor(peer: Telepathine, options: MapperOptions = {}) {
    this.#settings = mapperSettings(options)
    this.#channel = checkPeer(peer)
    this.#peer = peer
    this.#random = this.#channel.random.fork('nanite')
    this.#chooser = new Chooser(this.#random)
    this.#offline = new OfflineQueue(this.#channel.clock, this.#settings.redeliveryMs, (order) => this.#deliver(order))
    const { queue } = this.#settings
    this.#work = new Dispatcher(peer, queue === undefined ? {} : { queue })
    this.#census = new Census(peer, this.#channel, this.#settings.agentTimeoutMs, {
      registered: (agent) => this.#registered(agent),
      unregistered: ({ identity }) => this.#tell('unregister', identity),
      timedOut: ({ identity }) => this.#tell('timeout', identity) !== false,
    })
    this.#census.open()
    this.#isOpen = true
  }

  /** The name of its peer. */
  get identity(): string {
    return this.#peer.name
  }

  /** How many requests and pushes are not over. */
  get pending(): number {
    return this.#jobs.size
  }

  /** The agents in reach, or those of them who serve a route, in no particular order. */
  agents(type?: string): Candidate[] {
    if (type !== undefined) return [...this.#census.candidates(checkRoute(type))]
    return Array.from(this.#census.agents.values()).filter(({ isThere }) => isThere)
  }

  /**
   * Has one or several agents do something. The payload is any value that peers can share; between it and the callback
   * may stand a selector, or {@link RequestOptions}.
   *
   * @param type the route: `/foo/bar` is the action `bar` of the actor `Foo`, `/foo` its action `index`
   * @param callback called once, later, with what came of it
   * @returns a token, by which {@link Job.token} and {@link Deliverable.token} know the request; false when there is
   * nobody to do it, and then the callback is not called; `offline` when it waits for somebody
   * @throws TelepathineError `ERR_KEY`, `ERR_OPTION`, `ERR_STOPPED`; `ERR_OVERLOAD` when too many wait
   */
  request<T = unknown>(type: string, callback?: Callback<T>): string | false
  /** As above. */
  request<T = unknown>(type: string, payload: unknown, callback?: Callback<T>): string | false
  /** As above. */
  request<T = unknown>(
    type: string, payload: unknown, how: How<RequestOptions> | undefined, callback?: Callback<T>,
  ): string | false
  request(type: string, ...given: readonly unknown[]): string | false {
    const { payload, how, callback } = requestArguments<Callback>(given)
    const settings = requestSettings(how, false, this.#settings)
    const order = this.#order(type, payload, settings, false, callback)
    const begun = this.#begin(order)
    return begun === true ? order.job.token : begun
  }

  /**
   * Has one or several agents do something, and does not wait for it.
   *
   * @returns true, or what {@link Mapper.request} returns when there is nobody
   * @throws TelepathineError as {@link Mapper.request}
   */
  push(type: string, payload: unknown = '', how?: How<PushOptions>): boolean | 'offline' {
    return this.#begin(this.#order(type, payload, requestSettings(how, true, this.#settings), true, undefined))
  }

  /**
   * Stops: waits `grace` milliseconds for what is under way, 0 by default, then calls back the rest, which is missing
   * by `ERR_STOPPED`. The peer goes on.
   */
  stop(options?: StopOptions): Promise<void> {
    return (this.#stopped ??= this.#stop(stopSettings(options, 0)))
  }

  /** The same as {@link Mapper.stop}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #stop(graceMs: number): Promise<void> {
    if (graceMs > 0 && this.#jobs.size > 0) {
      await new Promise<void>((resolve) => {
        const cancel = this.#channel.clock.after(Math.min(graceMs, delayMsMax), resolve)
        this.#emptied = () => {
          cancel()
          resolve()
        }
      })
    }
    this.#census.close()
    this.#stopping.abort()
    for (const { job } of this.#offline.stop()) job.missed('', 'ERR_STOPPED')
    await this.#work.stop({ grace: 0 })
  }

  #order(
    type: string, payload: unknown, settings: RequestSettings, isPush: boolean, callback: Callback | undefined,
  ): Order {
    checkRoute(type)
    if (this.#stopped !== undefined) throw new TelepathineError('ERR_STOPPED', 'the mapper was stopped; make another')
    const token = this.#token()
    const { handler, timeoutMs } = settings
    const job: Job = new Job({
      token,
      type,
      callback,
      handler,
      failed: (error) => this.#failed(error),
      over: () => {
        this.#jobs.delete(job)
        if (this.#jobs.size === 0) this.#emptied()
      },
    })
    const dueAt = timeoutMs === undefined ? undefined : this.#channel.clock.now() + timeoutMs
    return { isPush, payload, settings, job, dueAt }
  }

  #begin(order: Order): true | false | 'offline' {
    const { persistent, offlineFailsafe, target, tags } = order.settings
    if (persistent) {
      this.#checkQueue(order.settings)
      void this.#enqueue(order)
      return true
    }
    if (this.#deliver(order)) return true
    if (!offlineFailsafe) return false
    // the queue cannot choose who does it
    if (this.#work.hasQueue && target === undefined && tags === undefined) void this.#enqueue(order)
    else this.#wait(order)
    return 'offline'
  }

  #checkQueue({ target, tags }: RequestSettings): void {
    if (!this.#work.hasQueue) {
      const how = 'new Mapper(peer, { queue: await openQueue(url) })'
      throw new TelepathineError('ERR_OPTION', `persistent: true given, which takes a queue: ${how}`)
    }
    if (target === undefined && tags === undefined) return
    throw new TelepathineError('ERR_OPTION', 'persistent: true given, and so target and tags are not allowed')
  }

  /** Stores it, for whoever serves the route, and tells what came of it. Never rejects. */
  async #enqueue({ isPush, payload, settings: { timeoutMs = Infinity }, job }: Order): Promise<void> {
    this.#jobs.add(job)
    const { type, token } = job
    const expiresAt = timeoutMs === Infinity ? {} : { expiresAt: this.#channel.clock.wall() + timeoutMs }
    try {
      const stored = await this.#work.enqueue(queuedName(type), writeAsked({ type, payload, token }), expiresAt)
      if (isPush) return job.answered('', undefined)
      const { signal } = this.#stopping
      const stated = readQueued(await this.#work.outcome(stored, { timeout: timeoutMs, signal }))
      if (stated === undefined) return job.missed('', 'ERR_VALUE')
      const { identity, result, error } = stated
      if (error === undefined) return job.answered(identity, result)
      const { name, message } = error
      const told = { name, message, code: undefined, data: undefined, stack: undefined }
      job.threw(identity, new RemoteError(told, identity))
    } catch (error) {
      const { code, peer, cause } = error as CallError
      if (code === 'ERR_HANDLER') job.threw(peer ?? '', cause as Error)
      else job.missed(peer ?? '', this.#stopped === undefined ? code : 'ERR_STOPPED')
    }
  }

  /** Has it wait for somebody, but no longer than it may. */
  #wait(order: Order): void {
    this.#offline.add(order)
    const { job, dueAt = Infinity } = order
    this.#jobs.add(job)
    if (dueAt === Infinity) return
    const { clock } = this.#channel
    clock.after(Math.min(Math.max(dueAt - clock.now(), 0), delayMsMax), () => {
      if (this.#offline.delete(order)) job.missed(order.settings.target ?? '', 'ERR_TIMEOUT')
    })
  }

  /** Gives it to those who can do it. False when there is nobody. */
  #deliver(order: Order): boolean {
    const agents = this.#choose(order)
    if (agents.length === 0) return false
    this.#jobs.add(order.job)
    order.dueAt ??= this.#channel.clock.now() + this.#settings.timeoutMs
    order.job.asks(agents)
    const tried = agents.length === 1 && order.settings.target === undefined ? new Set<KnownAgent>() : undefined
    for (const agent of agents) void this.#attempt(order, agent, tried)
    return true
  }

  #choose({ job: { type }, settings }: Order, tried?: ReadonlySet<KnownAgent>): readonly KnownAgent[] {
    const { selector, target, tags } = settings
    let among = this.#census.candidates(type)
    if (target !== undefined) among = among.filter(({ identity }) => identity === target)
    if (tags !== undefined) among = among.filter((agent) => hasTags(agent, tags))
    if (tried !== undefined) among = among.filter((agent) => !tried.has(agent))
    return target === undefined ? this.#chooser.choose(selector, type, among) : among
  }

  /** Gives it to one agent. Never rejects. `tried`: those who would not do it; undefined when nobody else may. */
  async #attempt(order: Order, agent: KnownAgent, tried: Set<KnownAgent> | undefined): Promise<void> {
    const { job } = order
    agent.outstanding++
    try {
      if (order.isPush) await this.#push(order, agent)
      else await this.#ask(order, agent)
      return
    } catch (error) {
      const { code, cause } = error as CallError
      if (code === 'ERR_HANDLER') return job.threw(agent.identity, cause as Error)
      if (tried === undefined || !isUntouched(error as CallError)) return job.missed(agent.identity, code)
      this.#attemptElsewhere(order, agent, tried.add(agent), code)
    } finally {
      agent.outstanding--
    }
  }

  /** Nobody has done it, and somebody else may. */
  #attemptElsewhere(order: Order, agent: KnownAgent, tried: Set<KnownAgent>, reason: string): void {
    const { job, settings } = order
    try {
      const [other] = tried.size < attemptsMax ? this.#choose(order, tried) : []
      if (other !== undefined) {
        job.asksInstead(agent.identity, other.identity)
        void this.#attempt(order, other, tried)
        return
      }
      if (settings.offlineFailsafe && reason !== 'ERR_BUSY' && this.#stopped === undefined) {
        if (settings.timeoutMs === undefined) order.dueAt = undefined
        this.#wait(order)
        job.asksNot(agent.identity)
        return
      }
    } catch (error) {
      this.#failed(error)
    }
    job.missed(agent.identity, reason)
  }

  async #ask({ job, payload, dueAt }: Order, agent: KnownAgent): Promise<void> {
    const { type, token } = job
    const told = this.#work.stream(serviceName, writeAsked({ type, payload, token }), this.#to(agent, dueAt))
    for await (const chunk of told) {
      const each = readTold(chunk)
      if (each === undefined) throw new TelepathineError('ERR_VALUE', `${agent.identity} sends what makes no sense`)
      if ('result' in each) return job.answered(agent.identity, each.result)
      job.intermediate(agent.identity, each.key, each.value)
    }
    throw new TelepathineError('ERR_VALUE', `${agent.identity} sends no result`)
  }

  async #push({ job, payload, dueAt }: Order, agent: KnownAgent): Promise<void> {
    const { type, token } = job
    await this.#work.push(serviceName, writeAsked({ type, payload, token }), this.#to(agent, dueAt))
    job.answered(agent.identity, undefined)
  }

  #to({ identity }: KnownAgent, dueAt = Infinity): { target: string; timeout: number } {
    // 0 would be without an end
    return { target: identity, timeout: Math.max(dueAt - this.#channel.clock.now(), 1) }
  }

  #registered({ identity }: KnownAgent): void {
    // those who were there before are told of when the mapper is
    if (this.#isOpen) this.#tell('register', identity)
    else queueMicrotask(() => this.#tell('register', identity))
    this.#offline.look()
  }

  #tell(what: 'register' | 'unregister' | 'timeout', identity: string): unknown {
    try {
      return this.#settings.callbacks[what]?.(identity, this)
    } catch (error) {
      this.#failed(error)
      return undefined
    }
  }

  /** What a user's function threw goes where errors of the peer's handlers go. */
  #failed(thrown: unknown): void {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown })
    log('error: %O', error)
    if (this.#peer.listeners('error').length > 0) this.#peer.emit('error', error)
  }

  /** Nobody can guess it; but in a simulation it is the same in each run. */
  #token(): string {
    if (this.#channel.isReal) return randomBytes(16).toString('hex')
    return Array.from({ length: 4 }, () => this.#random.below(2 ** 32).toString(16).padStart(8, '0')).join('')
  }
}

function hasTags({ tags }: KnownAgent, { any, all }: NonNullable<RequestSettings['tags']>): boolean {
  return (any.length === 0 || any.some((tag) => tags.includes(tag))) && all.every((tag) => tags.includes(tag))
}

/** Whether it was surely not begun. */
function isUntouched({ code, maybeExecuted }: CallError): boolean {
  return code === 'ERR_BUSY' || code === 'ERR_DRAINING' || code === 'ERR_NO_WORKER' ||
    (code === 'ERR_PEER_LOST' && !maybeExecuted)
}
