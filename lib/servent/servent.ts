import { AsyncLocalStorage } from 'node:async_hooks'
import { EventEmitter } from 'node:events'
import createDebug from 'debug'
import { describe } from '../describe.js'
import { TelepathineError } from '../gossip/errors.js'
import { formatAddress, parseAddress } from '../net/address.js'
import { checkOptions, type TelepathineOptions } from '../options.js'
import { Telepathine } from '../telepathine.js'
import type { Missing } from '../work/index.js'
import { askAlone } from './alone.js'
import { encodeEvent } from './event.js'
import { invoke, type InvokeCallback, serveInvocation } from './invoking.js'
import type { Outcome } from './job.js'
import { Mesh, type MeshOwner } from './mesh.js'
import { type Method, Methods, type MethodTable } from './methods.js'
import type { Peer, PeerParts } from './peer.js'
import type { Reply } from './reply.js'
import { attempt, tell, toError } from './tell.js'
import type { ServentAddress, ServentEvents, ServentOptions } from './types.js'
import { uid } from './uid.js'
import { Worker, type WorkerFunction } from './worker.js'

const log = createDebug('telepathine:servent')

/** How long jobs wait at most for a servent that is joining others. */
const joinMs = 2_000

/**
 * A node of a system without a master, as in partition.io: connects to any other node and thereby to all, and has jobs
 * done by every one of them. Underneath it is a peer of a cluster, with a {@link Telepathine} of its own.
 *
 * ```ts
 * const servent = new Servent()
 * const worker = servent.createWorker('random', (max: number, callback: WorkerCallback<number>) => {
 *   callback(null, Math.floor(Math.random() * max))
 * })
 * servent.listen(8888) // elsewhere: .listen(0).connect(8888)
 * worker.distribute((job) => job.on('data', console.log).run(1000))
 * ```
 *
 * What goes wrong in code of the user's stops nothing here: it goes to `error`.
 */
export class Servent extends EventEmitter {
  /** No other servent has it: 24 digits, upper-case hex. */
  readonly id: string = uid()
  readonly #options: TelepathineOptions
  readonly #given: Telepathine | undefined
  readonly #workers = new Map<string, Worker>()
  readonly #methods = new Methods()
  /** Addresses to join through, as they were given. */
  readonly #seeds = new Set<string>()
  /** Runs something apart from the call that it is served for: what a listener begins is not part of that. */
  readonly #apart = AsyncLocalStorage.snapshot()
  readonly #meshOwner: MeshOwner
  #mesh: Mesh | undefined
  #isListening = false
  /** Set while it is binding or joining. */
  #arriving: Promise<void> | undefined
  #joined: () => void = () => undefined
  #closing: Promise<void> = Promise.resolve()

  /** @throws TelepathineError `ERR_OPTION`, `ERR_ADDRESS` for options that {@link Telepathine} would refuse */
  constructor({ peer, ...options }: ServentOptions = {}) {
    super()
    if (peer !== undefined && Object.keys(options).length > 0) {
      const besides = Object.keys(options).join(', ')
      throw new TelepathineError('ERR_OPTION', `peer: it has options of its own, given besides are ${besides}`)
    }
    checkOptions(options)
    this.#options = options
    this.#given = peer
    this.#meshOwner = this.#makeMeshOwner()
  }

  /** Whether it is bound. */
  get listening(): boolean {
    return this.#isListening
  }

  /** The other servents that seem alive, by id. */
  get peers(): Readonly<Record<string, Peer>> {
    return Object.fromEntries((this.#mesh?.peers ?? []).map((peer) => [peer.id, peer]))
  }

  /**
   * Binds a port, for TCP and UDP alike; 0, the default, takes a free one. Then emits `listening`; or `error`, and may
   * be called again.
   *
   * @param host what others reach it under; default: the option `address`, or else `127.0.0.1`, so that nothing is open
   * to the network unasked
   * @param callback called once it listens
   * @throws TelepathineError `ERR_BUSY` when it listens, or is about to; `ERR_PORT`, `ERR_ADDRESS`
   */
  listen(port?: number, host?: string, callback?: () => unknown): this
  /** As above. */
  listen(port?: number, callback?: () => unknown): this
  listen(port = 0, host?: string | (() => unknown), callback?: () => unknown): this {
    if (typeof host === 'function') return this.listen(port, undefined, host)
    if (this.#mesh !== undefined) throw new TelepathineError('ERR_BUSY', 'listen: it does already; close() it first')
    const given = this.#given
    if (given !== undefined && port !== 0 && port !== given.port) {
      throw new TelepathineError('ERR_PORT', `port: ${port} given, allowed: that of the peer, ${given.port}`)
    }
    const mesh = new Mesh(given ?? this.#telepathine(port, host), this.#meshOwner)
    if (callback !== undefined) this.once('listening', callback)
    this.#mesh = mesh
    this.#arriving = this.#start(mesh)
    return this
  }

  /**
   * Connects to another servent, and so to all that it is connected to, directly; tried until it answers, for as long
   * as this one listens. One that does not listen yet does so on a free port, unless `listen` is called at once.
   *
   * @param host default: this machine
   * @throws TelepathineError `ERR_ADDRESS`
   */
  connect(port: number, host = '127.0.0.1'): this {
    this.addPeer(host.includes(':') ? `[${host.replace(/^\[|\]$/g, '')}]:${port}` : `${host}:${port}`)
    return this
  }

  /**
   * As {@link Servent.connect}, for an address such as `10.0.0.1:8888`. False when there is a connection already, or
   * the address is one's own.
   *
   * @throws TelepathineError `ERR_ADDRESS`
   */
  addPeer(address: string): boolean {
    const { host, port } = parseAddress(address, 1)
    const seed = formatAddress(host, port)
    this.#seeds.add(seed)
    if (this.#mesh === undefined) {
      queueMicrotask(() => this.#mesh ?? this.listen())
      return true
    }
    const isNew = this.#mesh.join(seed)
    if (isNew && this.#isListening) this.#join()
    if (!isNew) log('%s is connected to %s already', this.id, seed)
    return isNew
  }

  /**
   * Has nothing to do with a peer any more: no jobs, no events, no calls, either way. Until it starts anew, or is
   * connected to again. Says whether there was one of that id.
   */
  removePeer(id: string): boolean {
    const peer = this.#mesh?.peers.find((each) => each.id === id)
    if (peer === undefined) return false
    this.#mesh?.remove(peer)
    return true
  }

  /** Where it listens; null when it does not. */
  address(): ServentAddress | null {
    if (!this.#isListening || this.#mesh === undefined) return null
    const { host, port } = parseAddress(this.#mesh.telepathine.name)
    return { address: host, family: host.includes(':') ? 'IPv6' : 'IPv4', port }
  }

  /**
   * Leaves, so that the others know at once, and closes everything. Jobs under way end with what they have. `listen`
   * may be called again. Emits `close`, calls `callback`, and resolves when done; at once when it does not listen.
   */
  close(callback?: () => unknown): Promise<void> {
    if (this.#mesh !== undefined) this.#closing = this.#close(this.#mesh)
    if (callback !== undefined) void this.#closing.then(() => this.#attempt(callback))
    return this.#closing
  }

  /** The same as {@link Servent.close}. */
  destroy(): Promise<void> {
    return this.close()
  }

  /** The same as {@link Servent.close}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /**
   * Emits an event at all peers: `servent.on(event, (peer, ...args) => …)` there. Returns to how many it was sent.
   *
   * @throws TelepathineError as {@link Peer.emit}
   */
  broadcast(event: string, ...args: unknown[]): number {
    const bytes = encodeEvent(event, args)
    let count = 0
    for (const peer of this.#mesh?.peers ?? []) if (this.#mesh?.emit(peer, bytes) === true) count++
    return count
  }

  /**
   * Makes a worker: what it does here when a job of that name is run, here or by another node. Its function gets the
   * job's parameters and last a callback for the outcome. Without a function jobs can be distributed from here, and are
   * done by the others only.
   *
   * @throws TelepathineError `ERR_KEY` for a name that is none, `ERR_OPTION` for a function that is none, `ERR_BUSY`
   * when there is a worker of that name here already
   */
  createWorker<A extends readonly unknown[] = [], T = unknown>(
    name: string, work: WorkerFunction<A, T>,
  ): Worker<A, T>
  /** As above, to distribute jobs only. */
  createWorker<A extends readonly unknown[] = unknown[], T = unknown>(name: string): Worker<A, T>
  createWorker<A extends readonly unknown[], T>(name: string, work?: WorkerFunction<A, T>): Worker<A, T> {
    const worker = new Worker<A, T>(name, work, {
      ask: (asked, params, ttlMs, told) => this.#ask(asked, params, ttlMs, told),
      failed: (error) => this.#report(error),
    })
    if (work === undefined) return worker
    if (this.#workers.has(name)) {
      throw new TelepathineError('ERR_BUSY', `name: ${describe(name)} given, but a worker of that name is here already`)
    }
    this.#workers.set(name, worker as unknown as Worker)
    return worker
  }

  /**
   * Exposes a method to all peers, or a table of them: `expose('os', { cpus() { … } })` makes `os.cpus`. A method
   * answers through its `this`: `this.set('key', value).send()` or `this.error(message, code)`; what it throws is an
   * error, too.
   *
   * @throws TelepathineError `ERR_KEY`, `ERR_OPTION`
   */
  expose(name: string, what: Method | (MethodTable & ThisType<Reply>)): this {
    this.#methods.expose(name, what)
    return this
  }

  /** Invokes a method at all peers. Returns how many there are; `callback` is called once for each. */
  broadcastInvoke(method: string, params: readonly unknown[] = [], callback: InvokeCallback = () => undefined): number {
    const peers = this.#mesh?.peers ?? []
    for (const peer of peers) void peer.invoke(method, params, callback)
    return peers.length
  }

  /** Adds a listener. */
  override on<E extends keyof ServentEvents>(event: E, listener: (...values: ServentEvents[E]) => unknown): this
  /** As above, for what others emit. */
  override on(event: string | symbol, listener: (peer: Peer, ...args: never[]) => unknown): this
  override on(event: string | symbol, listener: (...values: never[]) => unknown): this {
    return super.on(event, listener as (...values: unknown[]) => void)
  }

  /** Adds a listener for the next time only. */
  override once<E extends keyof ServentEvents>(event: E, listener: (...values: ServentEvents[E]) => unknown): this
  /** As above, for what others emit. */
  override once(event: string | symbol, listener: (peer: Peer, ...args: never[]) => unknown): this
  override once(event: string | symbol, listener: (...values: never[]) => unknown): this {
    return super.once(event, listener as (...values: unknown[]) => void)
  }

  // ---- coming and going

  #telepathine(port: number, host: string | undefined): Telepathine {
    const options = host === undefined ? this.#options : { ...this.#options, address: host }
    const telepathine = new Telepathine(port, [...this.#seeds], options)
    // what keeps it from starting, ready() says as well
    telepathine.on('error', (error) => this.#isListening && this.#report(error))
    return telepathine
  }

  async #start(mesh: Mesh): Promise<void> {
    try {
      await this.#closing
      if (this.#given !== undefined) for (const seed of this.#seeds) this.#given.addPeer(seed)
      await mesh.start()
    } catch (error) {
      if (this.#mesh !== mesh) return
      this.#mesh = undefined
      this.#arriving = undefined
      void mesh.stop()
      this.#report(error)
      return
    }
    if (this.#mesh !== mesh) return
    this.#isListening = true
    this.#arriving = undefined
    this.#tell('listening')
    if (this.#seeds.size > 0) this.#join()
  }

  /** Waits for the first peer, for a while. */
  #join(): void {
    const mesh = this.#mesh
    if (mesh === undefined || mesh.peers.length > 0 || this.#arriving !== undefined) return
    const arriving = new Promise<void>((resolve) => {
      this.#joined = resolve
      mesh.telepathine.after(joinMs, () => resolve())
    }).then(() => {
      if (this.#arriving === arriving) this.#arriving = undefined
    })
    this.#arriving = arriving
  }

  async #close(mesh: Mesh): Promise<void> {
    this.#mesh = undefined
    this.#isListening = false
    this.#arriving = undefined
    this.#joined()
    await mesh.stop()
    if (this.#given === undefined) await mesh.telepathine.stop()
    this.#tell('close')
  }

  // ---- work, events and methods

  /** Has work done by all; while it is joining others, when that is over. */
  async #ask(
    worker: Worker, params: readonly unknown[], ttlMs: number, told: (outcome: Outcome) => void,
  ): Promise<readonly Missing[]> {
    let leftMs = ttlMs
    if (this.#arriving !== undefined) {
      const sinceMs = performance.now()
      while (this.#arriving !== undefined) await this.#arriving
      leftMs = Math.max(1, ttlMs - (performance.now() - sinceMs))
    }
    if (!this.#isListening || this.#mesh === undefined) return askAlone(worker, params, leftMs, told)
    return this.#mesh.ask(worker.name, params, leftMs, told)
  }

  #makeMeshOwner(): MeshOwner {
    const peerParts: PeerParts = {
      emit: (peer, event, args) => this.#mesh?.emit(peer, encodeEvent(event, args)) ?? false,
      invoke: (peer, method, params, callback) => {
        const request = async (id: string): Promise<unknown> => {
          if (this.#mesh === undefined) throw new TelepathineError('ERR_STOPPED', 'invoke: it does not listen')
          return this.#mesh.invoke(peer, id, method, params)
        }
        return invoke(request, method, params, callback, (error) => this.#report(error))
      },
      remove: (peer) => this.#mesh?.remove(peer),
    }
    return {
      id: this.id,
      peerParts,
      discovered: (peer) => {
        this.#tell('peer', peer)
        this.#joined()
      },
      gone: (peer) => void tell(peer, 'end', [], (error) => this.#report(error)),
      heard: (peer, event, args) => void this.#apart(() => this.#tell(event, peer, ...args)),
      perform: async (name, params) => {
        const worker = this.#workers.get(name as string)
        if (worker === undefined || !Array.isArray(params)) return []
        return this.#apart(() => worker.perform(params))
      },
      invoked: (peer, request) => {
        const methods = peer === undefined ? [this.#methods] : [peer.methods, this.#methods]
        const broadcast = this.broadcastInvoke.bind(this)
        const failed = (error: unknown): void => this.#report(error)
        return this.#apart(() => serveInvocation(request, { methods, peer, broadcast, failed }))
      },
      lost: (peer, error) => {
        const known = toError(error)
        if (!tell(peer, 'error', [known], (thrown) => this.#report(thrown))) this.#report(known)
      },
      stopped: () => this.#mesh !== undefined && void this.close(),
    }
  }

  #tell(event: string, ...values: readonly unknown[]): boolean {
    return tell(this, event, values, (error) => {
      if (event === 'error') process.emitWarning(toError(error))
      else this.#report(error)
    })
  }

  #attempt(run: () => unknown): void {
    attempt(run, (error) => this.#report(error))
  }

  #report(error: unknown): void {
    const known = toError(error)
    log('%s: %O', this.id, known)
    if (!this.#tell('error', known)) process.emitWarning(known)
  }
}
