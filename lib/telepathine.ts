import type { Socket } from 'node:net'
import type { event, eventNS, ListenerFn, OnOptions } from 'eventemitter2'
import createDebug from 'debug'
import { Agenda } from './agenda.js'
import { Beliefs } from './beliefs.js'
import { Channel } from './channel.js'
import { describe } from './describe.js'
import { type BackpressureMessage, channels } from './diagnostics.js'
import { Emitter } from './emitter.js'
import { entryOverheadBytes } from './gossip/config.js'
import type { Notice } from './gossip/effects.js'
import { TelepathineError } from './gossip/errors.js'
import { Gossip, type PeerView } from './gossip/gossip.js'
import { systemClock, type Clock } from './host/clock.js'
import { systemRandom } from './host/entropy.js'
import { Host } from './host/host.js'
import type { HTTPFace } from './http/face.js'
import { FaceView } from './http/view.js'
import { storedKey, userKey } from './names.js'
import { formatAddress, isLoopback, parseAddress } from './net/address.js'
import { SocketTransport } from './net/sockets.js'
import { Certificates, type CertificateOptions } from './net/certificates.js'
import { Keyring } from './net/keyring.js'
import { CertificateNotary } from './net/notary.js'
import {
  checkCertificates, checkKeys, checkOptions, type HTTPSettings, type Settings, type TelepathineOptions,
} from './options.js'
import { Readiness } from './readiness.js'
import { kindOf, Rejections } from './rejections.js'
import { stampBytes, Stamps } from './stamps.js'
import { Stream, type StreamOptions } from './stream.js'
import { Topics, type Subscription } from './topics.js'
import type { HearHandler, Heard, Known, KnowHandler, TelepathineEvents } from './types.js'
import { decodeValue, encodeValue } from './values.js'
import { Vitals } from './vitals.js'

const log = createDebug('telepathine:peer')

/** How long an event may be heard by those who join later, unless said otherwise: 20 seconds. */
const eventDurationMs = 20_000
/** The longest that the system's timers can wait. */
const delayMsMax = 2 ** 31 - 1

/**
 * A peer of a cluster: finds the others through its seeds, knows who is alive, shares a key space that only it writes
 * and everyone reads, and talks in events.
 *
 * ```ts
 * const peer = new Telepathine(9000, ['10.0.0.1:9000'], { address: '10.0.0.2' }).start()
 * peer.know('price:*', (from, value, key) => console.log(from, key, value))
 * peer.set('price:tea', 3.2)
 * ```
 *
 * It is an EventEmitter2 with wildcards and the delimiter `:`; {@link TelepathineEvents} lists what it emits. In
 * handlers `this` is the peer and `this.event` the event's name. A handler that throws, or whose promise rejects,
 * stops neither the peer nor other handlers: its error goes to the event `error`, and without a listener there only to
 * the log (`DEBUG=telepathine:*`). One's own `set` and `say` emit nothing here.
 */
export class Telepathine extends Emitter {
  readonly #settings: Settings
  readonly #clock: Clock
  readonly #gossip: Gossip
  readonly #host: Host
  readonly #stamps: Stamps
  readonly #hears = new Topics<HearHandler<never>>()
  readonly #knows = new Topics<KnowHandler<never>>()
  readonly #beliefs: Beliefs
  readonly #channel: Channel
  readonly #streams = new Set<{ end(): void }>()
  readonly #agenda: Agenda
  readonly #rejections: Rejections
  readonly #vitals: Vitals
  /** Undefined unless HTTP is asked for; and the face of this life. */
  readonly #view: FaceView | undefined
  #face: HTTPFace | undefined
  readonly #callbacks = new Set<(peer: Telepathine) => unknown>()
  /** Said before the start. Bounded by `maxEventBytes`. */
  readonly #unsaid: { readonly event: string; readonly data: Uint8Array; readonly until: number }[] = []
  #name: string
  #port: number
  #state: 'idle' | 'starting' | 'running' | 'stopping' = 'idle'
  #starting = new AbortController()
  #begun: Promise<void> = Promise.resolve()
  #ended: Promise<void> = Promise.resolve()
  /** Said goodbye, and not started again. */
  #left = false
  #ready = new Readiness<Telepathine>()

  /**
   * @param port for TCP and UDP alike, 0..65535; 0 takes a free one
   * @param seeds addresses of some other peers: `host:port`, `:port` (this machine) or `[v6]:port`. Tried for as long
   * as the peer runs. Its own address among them is ignored.
   * @throws TelepathineError `ERR_PORT`, `ERR_ADDRESS`, `ERR_OPTION`, which name what was given and what is allowed
   */
  constructor(port: number, seeds: readonly string[] = [], options: TelepathineOptions = {}) {
    super()
    if (!Number.isInteger(port) || port < 0 || port > 65_535) {
      throw new TelepathineError('ERR_PORT', `port: ${describe(port)} given, allowed: a whole number in 0..65535`)
    }
    if (!Array.isArray(seeds)) {
      throw new TelepathineError('ERR_ADDRESS', `seeds: ${describe(seeds)} given, allowed: an array of addresses`)
    }
    this.#settings = checkOptions(options)
    const { address, bind, addressMap, security, snapshot, gossip, random, transport, http } = this.#settings
    this.#port = port
    this.#name = formatAddress(address, port)
    this.#clock = this.#settings.clock ?? systemClock
    this.#stamps = new Stamps(() => this.#clock.wall())
    this.#agenda = new Agenda(this.#clock)
    this.#rejections = new Rejections(() => this.#clock.now(), (rejection) => {
      log('%s rejected %d, among them from %s: %s', this.#name, rejection.count, rejection.address, rejection.reason)
      this.announceIn('peer', 'rejected', rejection)
    })
    const dice = random ?? systemRandom()
    const notary = security instanceof Certificates ? new CertificateNotary(security) : undefined
    this.#gossip = new Gossip(gossip, dice, notary)
    const machine = { gossip: this.#gossip, transport: transport ?? new SocketTransport(), clock: this.#clock }
    this.#vitals = new Vitals(this, { ...machine, rejections: this.#rejections, channel: () => this.#channel })
    this.#host = new Host({
      ...machine,
      owner: {
        notice: (notice) => this.#running && this.#take(notice),
        foretell: (notice) => this.#running && this.#foretell(notice),
        frame: (bytes, from) => this.#channel.frame(bytes, from),
        linkUp: (peer) => {
          if (told.linkUp.hasSubscribers) told.linkUp.publish({ self: this.#name, peer })
          this.#channel.linkUp(peer)
        },
        linkDown: (peer, how) => {
          if (told.linkDown.hasSubscribers) told.linkDown.publish({ self: this.#name, peer, how })
          this.#channel.linkDown(peer, how)
        },
        drained: (peer) => this.#channel.drained(peer),
        rejected: (from, reason) => this.#rejected(from, reason),
        failed: (error) => this.report(error),
        ...(http && { http: (socket, head) => this.#meet(socket, head) }),
      },
      address,
      bind,
      addressMap,
      security,
      snapshot,
    })
    this.#channel = new Channel(this, {
      gossip: this.#gossip,
      clock: this.#clock,
      random: dice,
      isReal: this.#settings.clock === undefined,
      wrote: () => this.#host.kick(),
      send: (to, parts) => this.#host.send(to, parts),
      backlog: (to) => this.#host.backlog(to),
      rejected: (from, reason) => this.#rejected(from, reason),
    })
    this.#beliefs = new Beliefs({
      gossip: this.#gossip,
      clock: this.#clock,
      wrote: () => this.#host.kick(),
      adopted: (handlers, peer, key, value, deadline) => {
        const decoded = this.#decode(peer, value, stampBytes)
        if (decoded !== undecodable) this.#callEach(handlers, key, [peer, decoded, key, this.#unixTime(deadline)])
      },
      failed: (error) => this.report(error),
    })
    if (http) {
      this.#view = new FaceView({
        gossip: this.#gossip,
        clock: this.#clock,
        metadata: options.metadata,
        seeds: () => this.#host.seeds(),
        decode: (peer, bytes) => this.#decode(peer, bytes, stampBytes),
      })
    }
    for (const seed of seeds) this.#host.join(seed, this.#name)
    if (this.#settings.emitValueOnHeartBeat) {
      let count = 0
      this.every(gossip.heartbeatIntervalMs, () => {
        count++
        for (const peer of this.livePeers()) this.#announceSet(peer, '__heartbeat__', count, undefined)
      })
    }
  }

  /** Own name: `127.0.0.1:9000`, `[::1]:9000`. With port 0 it is final once the peer has started. */
  get name(): string {
    return this.#name
  }

  /** The same as {@link Telepathine.name}. */
  get peer_name(): string {
    return this.#name
  }

  /** Host that others reach this peer under. */
  get address(): string {
    return this.#settings.address
  }

  /** Port for TCP and UDP; 0 until the system has chosen one. */
  get port(): number {
    return this.#port
  }

  /** Name of the cluster; peers of others never mix with this one. */
  get cluster(): string {
    return this.#settings.gossip.cluster
  }

  /** How much has come in and was dropped or turned away; `peer:rejected` tells of it, but not of each. */
  get rejections(): number {
    return this.#rejections.total
  }

  /**
   * Binds and joins. Then calls `callback`, emits `start`, and {@link Telepathine.ready} resolves. When it cannot
   * bind, `error` is emitted and `ready()` rejects; either is enough to handle it, and `start` may be called again. A
   * peer that is starting or running stays as it is.
   */
  start(callback?: (this: this, peer: this) => unknown): this {
    if (callback !== undefined) this.#callbacks.add(handler(callback) as (peer: Telepathine) => unknown)
    if (this.#state === 'running') {
      queueMicrotask(() => this.#greet())
    } else if (this.#state !== 'starting') {
      this.#state = 'starting'
      this.#ready = this.#ready.renewed()
      this.#starting = new AbortController()
      this.#begun = this.#begin(this.#starting.signal)
    }
    return this
  }

  /** Resolves once bound; rejects with the system's error (`EADDRINUSE` …), or `ERR_STOPPED` when stopped. */
  ready(): Promise<this> {
    return this.#ready.promise as Promise<this>
  }

  /**
   * Says goodbye, so that others see `peer:stop` at once, and closes everything: sockets, timers, streams. Emits
   * `stop` and resolves when done. Own keys can still be read, all else throws `ERR_STOPPED` until `start` is called
   * again; handlers, own keys, seeds and what `every` repeats are kept for that.
   */
  stop(): Promise<void> {
    if (this.#state === 'stopping') return this.#ended
    for (const stream of this.#streams) stream.end()
    if (this.#state === 'running') this.#channel.stopping()
    const stopped = new TelepathineError('ERR_STOPPED', `${this.#name} was stopped`)
    if (this.#state === 'starting') {
      this.#state = 'stopping'
      this.#starting.abort(stopped)
      this.#ended = this.#begun.then(() => this.#close())
    } else if (this.#state === 'running') {
      this.#state = 'stopping'
      this.#left = true
      this.#agenda.stop()
      this.#ended = this.#end()
    }
    this.#ready = this.#ready.renewed()
    this.#ready.reject(stopped, true)
    return this.#ended
  }

  /** The same as {@link Telepathine.stop}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  /**
   * Sets a key of one's own key space; all peers will know it. Any value but functions, symbols and what refers to
   * itself.
   *
   * @param expiresAt unix time in milliseconds when the key ends everywhere; default never
   * @returns false when more waits to be sent than is good; `drain` tells when to go on. It is set all the same.
   * @throws TelepathineError `ERR_KEY`, `ERR_VALUE` (also for an `expiresAt` that is no number), `ERR_TOO_LARGE`,
   * `ERR_OVERLOAD` when far too much waits, `ERR_STOPPED`. Nothing has changed then.
   */
  set(key: string, value: unknown, expiresAt?: number): boolean {
    this.#checkName(key, 'key')
    const ttlMs = this.#timeLeft(expiresAt)
    const bytes = encodeValue(value, this.#settings.maxValueBytes, stampBytes)
    this.#stamps.write(bytes)
    const room = this.#gossip.set(storedKey(key), bytes, ttlMs, this.#clock.now())
    this.#vitals.own.set++
    if (!room) this.#holdBack('held')
    this.#host.kick()
    for (const { handler: tell } of this.#view?.ownSets.find(key) ?? []) tell(key, value, expiresAt)
    return room
  }

  /**
   * Deletes a key of one's own key space, everywhere. Says whether it was there.
   * @throws TelepathineError `ERR_KEY`, `ERR_STOPPED`
   */
  delete(key: string): boolean {
    this.#checkName(key, 'key')
    const existed = this.#gossip.delete(storedKey(key), this.#clock.now())
    if (existed) this.#vitals.own.delete++
    this.#host.kick()
    if (existed) for (const { handler: tell } of this.#view?.ownDeletes.find(key) ?? []) tell(key, undefined, undefined)
    return existed
  }

  /** A value of one's own key space; undefined when there is none. */
  get<T = unknown>(key: string): T | undefined {
    return this.#read(this.#gossip.name, key) as T | undefined
  }

  /** The keys of one's own key space. */
  keys(): string[] {
    return this.#keys(this.#gossip.name)
  }

  /** A value of another peer's key space, as known here; undefined for an unknown peer or key. */
  getRemote<T = unknown>(peer: string, key: string): T | undefined {
    return this.#read(this.#idOf(peer), key) as T | undefined
  }

  /** The keys of another peer's key space, as known here; none for an unknown peer. */
  getRemoteKeys(peer: string): string[] {
    return this.#keys(this.#idOf(peer))
  }

  /** All `[key, value]` of a peer's key space as known here; one's own by default. */
  *entries(peer: string = this.#name): IterableIterator<[key: string, value: unknown]> {
    for (const key of this.getRemoteKeys(peer)) {
      const bytes = this.#gossip.get(this.#idOf(peer), storedKey(key), this.#clock.now())?.value
      if (bytes) yield [key, this.#read(this.#idOf(peer), key)]
    }
  }

  /** Names of all other peers known, live and dead. */
  allPeers(): string[] {
    return this.#gossip.peers('all')
  }

  /** Names of the other peers that seem alive. */
  livePeers(): string[] {
    return this.#gossip.peers('live')
  }

  /** Names of the other peers that failed or left and are not forgotten yet. */
  deadPeers(): string[] {
    return this.#gossip.peers('dead')
  }

  /**
   * Adds an address to join through, as a seed. False when it is one's own, or a peer that is known already.
   * @throws TelepathineError `ERR_ADDRESS`
   */
  addPeer(address: string): boolean {
    return this.#host.join(address, this.#name)
  }

  /** Talks to other peers now instead of at the next interval. */
  gossipNow(): void {
    this.#gossip.exchange(this.#clock.now())
    this.#host.kick()
  }

  /**
   * Says an event, which every other peer hears once, in the order said here; also those who join within `durationMS`.
   *
   * @param buffer true lets it wait for the next exchange, so that it costs next to nothing
   * @returns as {@link Telepathine.set}
   * @throws TelepathineError as {@link Telepathine.set}; `ERR_OPTION` for a duration that is negative or no number
   */
  say(event: string, data?: unknown, durationMS: number = eventDurationMs, buffer = false): boolean {
    this.#checkName(event, 'event')
    if (!(durationMS >= 0)) {
      throw new TelepathineError('ERR_OPTION', `durationMS: ${String(durationMS)} given, allowed: milliseconds from 0`)
    }
    const bytes = encodeValue(data, this.#settings.maxValueBytes)
    if (this.#gossip.incarnation === 0) this.#keepForLater(event, bytes, durationMS)
    const room = this.#gossip.say(event, bytes, durationMS, buffer, this.#clock.now())
    this.#vitals.own.say++
    if (!room) this.#holdBack('held')
    this.#host.kick()
    for (const { handler: tell } of this.#view?.ownSays.find(event) ?? []) tell(event, data, undefined)
    return room
  }

  /**
   * Has a handler called with `(data, fromPeer)` for each event of that name that others say. In the name the segment
   * `*` stands for any one segment, `**` for any number. `this.event` is the event's name.
   *
   * @returns what takes the handler off again
   */
  hear<T = unknown>(event: string, heard: HearHandler<T>): () => void {
    return this.#hears.add(pattern(event), handler(heard))
  }

  /** As {@link Telepathine.hear}, for the first such event only. */
  hearOnce<T = unknown>(event: string, heard: HearHandler<T>): () => void {
    handler(heard)
    const off = this.hear<T>(event, function (data, fromPeer) {
      off()
      return heard.call(this, data, fromPeer)
    })
    return off
  }

  /**
   * Has a handler called with `(peer, value, key, expiresAt)` when another peer sets a key. Wildcards as in
   * {@link Telepathine.hear}.
   *
   * @returns what takes the handler off again
   */
  know<T = unknown>(key: string, known: KnowHandler<T>): () => void {
    return this.#knows.add(pattern(key), handler(known))
  }

  /**
   * Adopts what another peer sets as one's own value, and what is known of the key already. Of several writers the
   * latest wins, by a clock that follows cause and effect; the same one everywhere, so that all who believe settle on
   * one value. The handler is called with `(peer, value, key, expiresAt)` when a value was adopted that differs from
   * one's own.
   *
   * @param key may hold wildcards, as in {@link Telepathine.hear}
   * @returns what ends it; the value stays
   */
  believe<T = unknown>(key: string, believed?: KnowHandler<T>): () => void {
    return this.#beliefs.add(pattern(key), believed === undefined ? () => undefined : handler(believed))
  }

  /** Calls `run`, with `this` the peer, `ms` after the start, or from now if it runs. Once; not when stopped before. */
  after(ms: number, run: (this: this) => unknown): this {
    return this.#schedule(ms, run, false)
  }

  /** Calls `run`, with `this` the peer, every `ms` while the peer runs. */
  every(ms: number, run: (this: this) => unknown): this {
    return this.#schedule(ms, run, true)
  }

  /**
   * What others set, as an async iterator, from now on; ends quietly when `signal` aborts, and with the peer. A slow
   * reader loses the oldest ones, which {@link Stream.missed} counts.
   *
   * @throws TelepathineError `ERR_KEY`, `ERR_OPTION`
   */
  watch(key: string, options: StreamOptions = {}): Stream<Known> {
    return this.#stream(options, (push) =>
      this.know(key, (peer, value, name, expiresAt) => push({ peer, key: name, value, expiresAt })),
    )
  }

  /** What others say, as an async iterator; as {@link Telepathine.watch}. */
  listen(event: string, options: StreamOptions = {}): Stream<Heard> {
    return this.#stream(options, (push) =>
      this.hear(event, function (data, from) {
        push({ event: this.event, data, from })
      }),
    )
  }

  /** Adds a listener. Wildcards as in EventEmitter2: `*` for one segment, `**` for any number. */
  override on<E extends keyof TelepathineEvents>(
    name: E,
    listener: (this: this, ...values: TelepathineEvents[E]) => unknown,
    options?: boolean | OnOptions,
  ): this
  /** As above, for names made of keys and events, patterns and one's own. */
  override on(name: event | eventNS, listener: ListenerFn, options?: boolean | OnOptions): this
  override on(name: event | eventNS, listener: ListenerFn, options?: boolean | OnOptions): this {
    return super.on(name, listener, options) as this
  }

  /** Adds a listener for the next time only. */
  override once<E extends keyof TelepathineEvents>(
    name: E,
    listener: (this: this, ...values: TelepathineEvents[E]) => unknown,
    options?: true | OnOptions,
  ): this
  /** As above, for names made of keys and events, patterns and one's own. */
  override once(name: event | eventNS, listener: ListenerFn, options?: true | OnOptions): this
  override once(name: event | eventNS, listener: ListenerFn, options?: true | OnOptions): this {
    return super.once(name, listener, options) as this
  }

  /**
   * Changes the keys of a peer that was made with `network`, or the certificates of one made with `tls`, while it runs.
   * Connections that came about by a key or an authority which is gone are closed in good order and made anew; nothing
   * is lost.
   *
   * To change a cluster's key, go from `old` to `[old, new]` on all peers, then to `[new, old]` on all, then to `new`.
   * @throws TelepathineError `ERR_OPTION`, also when the peer was made without. Nothing has changed then.
   */
  rekey(secret: string | readonly string[] | CertificateOptions): void {
    const { security } = this.#settings
    if (security === undefined) {
      throw new TelepathineError('ERR_OPTION', `${this.#name} has neither network nor tls: give one when it is made`)
    }
    if (security instanceof Keyring) security.replace(checkKeys(secret))
    else checkCertificates(secret, (checked) => security.replace(checked))
    this.#host.renew()
  }

  get #running(): boolean {
    return this.#state === 'running'
  }

  /** Never rejects: what goes wrong goes to `error` and `ready()`. */
  async #begin(signal: AbortSignal): Promise<void> {
    try {
      await this.#ended
      if (this.#settings.http) await this.#openFace(this.#settings.http)
      this.#name = await this.#host.start(this.#port, signal)
      this.#left = false
      this.#sayKept()
      this.#port = parseAddress(this.#name).port
      if (signal.aborted) return
      this.#state = 'running'
      this.#agenda.start()
      this.#channel.started()
      this.#greet()
      // a callback may have stopped us
      if (!this.#running) return
      this.announce('start', this)
      this.#ready.resolve(this)
      log('%s runs', this.#name)
    } catch (error) {
      if (signal.aborted) return
      await this.#closeFace()
      this.#state = 'idle'
      log('%s cannot start: %s', this.#name, error)
      const ready = this.#ready
      ready.reject(error, this.announce('error', error))
    }
  }

  /** Only who asks for HTTP loads it. */
  async #openFace(settings: HTTPSettings): Promise<void> {
    const { HTTPFace } = await import('./http/face.js')
    const isLocal = isLoopback(this.#settings.bind)
    if (this.#view) this.#face = new HTTPFace(this, this.#view, { ...settings, isLocal })
  }

  #meet(socket: Socket, head: Uint8Array): void {
    if (this.#face) this.#face.accept(socket, head)
    else socket.destroy()
  }

  async #closeFace(): Promise<void> {
    const face = this.#face
    await face?.close()
    this.#face = undefined
  }

  /** A life begins with keys only; what was said before it is said again in it. */
  #keepForLater(event: string, bytes: Uint8Array, durationMS: number): void {
    const size = this.#unsaid.reduce((sum, { data }) => sum + data.length + entryOverheadBytes, bytes.length)
    if (size > this.#settings.gossip.maxEventBytes) {
      throw new TelepathineError('ERR_OVERLOAD', `${size} bytes of events wait for the start, over maxEventBytes`)
    }
    this.#unsaid.push({ event, data: Uint8Array.from(bytes), until: this.#clock.now() + durationMS })
  }

  #sayKept(): void {
    const now = this.#clock.now()
    for (const { event, data, until } of this.#unsaid.splice(0)) {
      if (until > now) this.#gossip.say(event, data, until - now, false, now)
    }
    this.#host.kick()
  }

  #greet(): void {
    const callbacks = [...this.#callbacks]
    this.#callbacks.clear()
    for (const callback of callbacks) this.call(callback, 'start', [this])
  }

  async #end(): Promise<void> {
    await this.#close()
    log('%s has stopped', this.#name)
    this.announce('stop', this)
  }

  async #close(): Promise<void> {
    await this.#closeFace()
    await this.#host.stop()
    if (this.#state === 'stopping') this.#state = 'idle'
  }

  #foretell(notice: Notice): void {
    const isForLayers = 'key' in notice ? userKey(notice.key) === undefined : notice.kind.startsWith('peer:')
    if (isForLayers) this.#channel.take(notice)
  }

  #take(notice: Notice): void {
    const { kind } = notice
    const key = 'key' in notice ? userKey(notice.key) : ''
    if (key === undefined) return
    switch (kind) {
      case 'set':
        return this.#takeSet(notice.peer, key, notice.value, notice.deadline)
      case 'event':
        return this.#takeEvent(notice.peer, notice.event, notice.value)
      case 'delete':
        this.#vitals.heard.delete++
        return void this.announce('delete', notice.peer, key)
      case 'expired':
        return this.#takeExpired(notice.peer, key, notice.value, notice.deadline)
      case 'missed':
        this.#vitals.heard.missed += notice.count
        return void this.announceIn('events', 'missed', notice.peer, notice.count)
      case 'peer:new':
        return this.#takePeer(notice.peer, notice.incarnation, notice.metadata)
      case 'peer:start':
        this.#vitals.peers.start++
        if (told.start.hasSubscribers) told.start.publish({ self: this.#name, peer: notice.peer })
        this.#face?.see({ kind: 'start', peer: notice.peer })
        return void this.announceIn('peer', 'start', notice.peer)
      case 'peer:stop':
        this.#vitals.peers[notice.reason]++
        if (told.stop.hasSubscribers) told.stop.publish({ self: this.#name, peer: notice.peer, reason: notice.reason })
        this.#face?.see({ kind: 'stop', peer: notice.peer, reason: notice.reason })
        return void this.announceIn('peer', 'stop', notice.peer, notice.reason)
      case 'peer:forgotten':
        this.#vitals.forgot(notice.peer)
        if (told.forgotten.hasSubscribers) told.forgotten.publish({ self: this.#name, peer: notice.peer })
        this.#face?.see({ kind: 'forgotten', peer: notice.peer })
        return void this.announceIn('peer', 'forgotten', notice.peer)
      case 'suspected':
        this.#vitals.peers.suspect++
        if (told.suspect.hasSubscribers) told.suspect.publish({ self: this.#name, peer: notice.peer, by: notice.by })
        return
      case 'trusted':
        this.#vitals.peers.trust++
        if (told.trust.hasSubscribers) told.trust.publish({ self: this.#name, peer: notice.peer })
        return
      case 'rejected':
        return this.#rejected(notice.from, notice.reason)
      case 'drain':
        this.#holdBack('drained')
        this.#beliefs.settle()
        return void this.announce('drain')
      default:
        return kind satisfies never
    }
  }

  #takeSet(peer: string, key: string, value: Uint8Array, deadline: number | undefined): void {
    this.#vitals.arrived(peer, value)
    this.#stamps.see(value)
    this.#view?.arrived(peer, value)
    this.#beliefs.take(peer, key, value, deadline)
    if (this.#knows.find(key).length === 0 && !this.isHeard('set') && !this.isWanted('set')) return
    const decoded = this.#decode(peer, value, stampBytes)
    if (decoded !== undecodable) this.#announceSet(peer, key, decoded, this.#unixTime(deadline))
  }

  #announceSet(peer: string, key: string, value: unknown, expiresAt: number | undefined): void {
    this.#callEach(this.#knows.find(key), key, [peer, value, key, expiresAt])
    this.announce('set', peer, key, value, expiresAt)
    this.announceIn('set', key, peer, value, expiresAt)
  }

  #takeEvent(peer: string, event: string, value: Uint8Array): void {
    this.#vitals.heard.say++
    const heard = this.#hears.find(event)
    if (heard.length === 0 && !this.isWanted('say')) return
    const data = this.#decode(peer, value, 0)
    if (data === undecodable) return
    this.#callEach(heard, event, [data, peer])
    this.announceIn('say', event, data, peer)
  }

  #takeExpired(peer: string, key: string, value: Uint8Array, deadline: number): void {
    this.#vitals.heard.expired++
    if (!this.isWanted('key')) return
    const decoded = this.#decode(peer, value, stampBytes)
    if (decoded !== undecodable) this.announceIn('key', 'expired', peer, key, decoded, this.#unixTime(deadline))
  }

  #takePeer(name: string, incarnation: number, encoded: Uint8Array): void {
    this.#vitals.met(name)
    if (told.new.hasSubscribers) told.new.publish({ self: this.#name, peer: name })
    const { host: address, port } = parseAddress(name)
    const metadata = encoded.length === 0 ? undefined : this.#decode(name, encoded, 0)
    if (metadata === undecodable) return
    this.#face?.see({ kind: 'new', peer: name, metadata })
    this.announceIn('peer', 'new', { name, address, port, incarnation, metadata })
  }

  #holdBack(state: BackpressureMessage['state']): void {
    if (told.backpressure.hasSubscribers) told.backpressure.publish({ self: this.#name, state })
  }

  #rejected(address: string, reason: string): void {
    if (told.rejected.hasSubscribers) {
      told.rejected.publish({ self: this.#name, address, reason, kind: kindOf(reason) })
    }
    this.#rejections.add(address, reason)
  }

  #callEach(
    subscriptions: readonly Subscription<(...values: never[]) => unknown>[],
    name: string,
    values: readonly unknown[],
  ): void {
    for (const { active, handler: run } of subscriptions) if (active) this.call(run, name, values)
  }

  #keys(peer: string): string[] {
    return this.#gossip.keys(peer, this.#clock.now()).flatMap((key) => userKey(key) ?? [])
  }

  #read(peer: string, key: string): unknown {
    const found = this.#gossip.get(peer, storedKey(key), this.#clock.now())
    const value = found && this.#decode(peer, found.value, stampBytes)
    return value === undecodable ? undefined : value
  }

  /** A decoded value; one that cannot be decoded is reported and goes no further. */
  #decode(peer: string, bytes: Uint8Array, start: number): unknown {
    try {
      return decodeValue(bytes, start)
    } catch (error) {
      this.#rejected(peer, (error as Error).message)
      return undecodable
    }
  }

  /**
   * What the protocol knows of a peer, itself included: for those who look over its shoulder.
   *
   * @internal
   */
  protected viewOf(peer: string): PeerView | undefined {
    return this.#gossip.peer(this.#idOf(peer))
  }

  /** One's own key space can be read under one's name before that is final, too. */
  #idOf(peer: string): string {
    return peer === this.#name ? this.#gossip.name : peer
  }

  #unixTime(deadline: number | undefined): number | undefined {
    return deadline === undefined ? undefined : Math.round(this.#clock.wall() + deadline - this.#clock.now())
  }

  #timeLeft(expiresAt: number | undefined): number | undefined {
    if (expiresAt === undefined || expiresAt === Infinity) return undefined
    if (typeof expiresAt === 'number' && !Number.isNaN(expiresAt)) return expiresAt - this.#clock.wall()
    throw new TelepathineError('ERR_VALUE', `expiresAt: ${String(expiresAt)} given, allowed: unix time in milliseconds`)
  }

  #checkName(name: unknown, what: string): void {
    if (this.#left || this.#state === 'stopping') {
      throw new TelepathineError('ERR_STOPPED', `${this.#name} is stopped; start() it again first`)
    }
    if (typeof name === 'string' && name.length > 0) return
    throw new TelepathineError('ERR_KEY', `${what}: ${describe(name)} given, allowed: a string that is not empty`)
  }

  #schedule(ms: number, run: (this: this) => unknown, repeats: boolean): this {
    if (!(ms >= 0 && ms <= delayMsMax)) {
      throw new TelepathineError('ERR_OPTION', `ms: ${String(ms)} given, allowed: milliseconds in 0..${delayMsMax}`)
    }
    handler(run)
    this.#agenda.add(ms, () => this.call(run, '', []), repeats)
    return this
  }

  #stream<T>(options: StreamOptions, subscribe: (push: (item: T) => void) => () => void): Stream<T> {
    const stream: Stream<T> = new Stream<T>(options, (push) => {
      const off = subscribe(push)
      return () => {
        off()
        this.#streams.delete(stream)
      }
    })
    this.#streams.add(stream)
    return stream
  }
}

/** Who watches is told; see `diagnostics.ts`. */
const told = {
  new: channels['telepathine:peer:new'],
  start: channels['telepathine:peer:start'],
  stop: channels['telepathine:peer:stop'],
  suspect: channels['telepathine:peer:suspect'],
  trust: channels['telepathine:peer:trust'],
  forgotten: channels['telepathine:peer:forgotten'],
  rejected: channels['telepathine:rejected'],
  linkUp: channels['telepathine:link:up'],
  linkDown: channels['telepathine:link:down'],
  backpressure: channels['telepathine:backpressure'],
}

/** Stands for a value that is none. */
const undecodable = Symbol('undecodable')

function pattern(name: unknown): string {
  if (typeof name === 'string' && name.length > 0) return name
  throw new TelepathineError('ERR_KEY', `name: ${describe(name)} given, allowed: a string that is not empty`)
}

function handler<F>(value: F): F {
  if (typeof value === 'function') return value
  throw new TelepathineError('ERR_OPTION', `handler: ${describe(value)} given, allowed: a function`)
}
