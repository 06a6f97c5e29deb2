import type { Socket } from 'node:net'
import createDebug from 'debug'
import { channels } from '../diagnostics.js'
import type { Notice, Send } from '../gossip/effects.js'
import { TelepathineError } from '../gossip/errors.js'
import type { Gossip } from '../gossip/gossip.js'
import { isGossip, kindName } from '../gossip/message.js'
import { formatAddress } from '../net/address.js'
import type { LinkDown, OpenOptions, Security, Transport, TransportHandlers } from '../net/transport.js'
import type { Clock } from './clock.js'
import { Seeds } from './seeds.js'
import { Snapshot } from './snapshot.js'

const log = createDebug('telepathine:host')

const { 'telepathine:message:sent': sent, 'telepathine:message:received': received } = channels

/** What a host brings together. */
export interface HostParts {
  readonly gossip: Gossip
  readonly transport: Transport
  readonly clock: Clock
  readonly owner: HostOwner
  readonly address: string
  readonly bind: string
  readonly addressMap: Readonly<Record<string, string>>
  readonly security: Security | undefined
  readonly snapshot: string | undefined
}

/** Whom a host tells what happens. Must not throw. */
export interface HostOwner {
  notice(notice: Notice): void
  /** Called with all that happened before `notice` is with any of it: for layers that users ask when they are told. */
  foretell(notice: Notice): void
  /** A frame came in that is not for the machine. */
  frame(bytes: Uint8Array, from: string): void
  /** What the machine is told of links, it is told after it. */
  linkUp(peer: string): void
  linkDown(peer: string, how: LinkDown): void
  drained(peer: string): void
  /** Something came in that is not for us; counted and dropped. */
  rejected(from: string, reason: string): void
  /** The operator is needed: a socket or the snapshot file failed. */
  failed(error: Error): void
  /** A connection speaks HTTP; see {@link TransportHandlers.http}. */
  http?(socket: Socket, head: Uint8Array): void
}

/** How long frames already given may take to leave at the end. */
const lingerMs = 1_000
/** Incarnations are wall clock milliseconds; one that a broken snapshot gives beyond this is not believed. */
const incarnationMax = 2 ** 47

/**
 * Gives a gossip machine its life: feeds it what the transport brings and the time, and performs what it wants done.
 * One timer, armed for the machine's next wake. The machine is looked at only after input that was already waiting has
 * been read, so that a stalled process does not take its own deafness for the silence of others.
 */
export class Host {
  readonly #parts: HostParts
  readonly #seeds: Seeds
  readonly #snapshot: Snapshot | undefined
  #running = false
  #incarnation = 0
  #remembered: readonly string[] = []
  #performing = false
  #cancelSoon: (() => void) | undefined
  #cancelTimer: (() => void) | undefined
  #timerAt = Infinity

  constructor(parts: HostParts) {
    this.#parts = parts
    this.#seeds = new Seeds(parts.addressMap)
    const memory = () => ({ incarnation: this.#incarnation, peers: this.#peersToRemember() })
    this.#snapshot =
      parts.snapshot === undefined
        ? undefined
        : new Snapshot(parts.snapshot, parts.clock, memory, (error) => parts.owner.failed(error))
  }

  /** Adds an address to join through. False for the peer's own, and for a peer that is known. */
  join(seed: unknown, name: string): boolean {
    const address = this.#seeds.add(seed)
    if (this.#seeds.isOwn(address, name) || this.#parts.gossip.peer(address)) return false
    if (!this.#running) return true
    const added = this.#parts.gossip.join(address)
    this.kick()
    return added
  }

  /**
   * Binds and begins. Resolves with the peer's name.
   *
   * @throws the system's error when it cannot bind; `ERR_STOPPED` when `signal` aborts meanwhile. Nothing is left open
   * then.
   */
  async start(port: number, signal: AbortSignal): Promise<string> {
    const { gossip, transport, clock, address, bind, addressMap, security } = this.#parts
    await this.#rise()
    const { cluster, udp, maxDatagramBytes, maxFrameBytes } = gossip.config
    const limits = { maxDatagramBytes, maxFrameBytes }
    const options: OpenOptions = { port, address, bind, addressMap, security, cluster, udp, ...limits }
    const bound = await transport.open(options, this.#handlers())
    if (signal.aborted) {
      await transport.close(0)
      throw new TelepathineError('ERR_STOPPED', 'stopped while starting')
    }
    const name = formatAddress(bound.host, bound.port)
    log('%s begins incarnation %d', name, this.#incarnation)
    this.#running = true
    gossip.start(name, this.#incarnation, clock.now())
    for (const seed of new Set([...this.#seeds.of(name), ...this.#remembered])) gossip.join(seed)
    this.#perform()
    return name
  }

  /** Says goodbye and closes everything. The owner hears nothing more. */
  async stop(): Promise<void> {
    const { gossip, transport, clock } = this.#parts
    // it may be a handler that stops us: first finish what we are at
    await Promise.resolve()
    if (!this.#running) return
    this.#remembered = this.#peersToRemember()
    gossip.tick(clock.now())
    gossip.leave(clock.now())
    this.#perform()
    this.#running = false
    this.#cancelSoon?.()
    this.#cancelTimer?.()
    this.#cancelSoon = this.#cancelTimer = undefined
    this.#timerAt = Infinity
    await this.#snapshot?.flush()
    await transport.close(lingerMs)
    log('closed')
  }

  /** Keys or certificates were replaced. */
  renew(): void {
    this.#parts.gossip.renew(this.#parts.clock.now())
    this.#parts.transport.renew?.()
    this.kick()
  }

  /** Sends a frame that is not the machine's; see {@link Transport.sendFrame}. */
  send(to: string, parts: readonly Uint8Array[]): number {
    return this.#running ? this.#parts.transport.sendFrame(to, parts) : 0
  }

  /** Bytes that wait for a peer. */
  backlog(to: string): number {
    return this.#parts.transport.backlog(to)
  }

  /** A local command was given, or time is up: the machine is woken at the end of this turn of the event loop. */
  kick(): void {
    if (!this.#running) return
    this.#cancelSoon ??= this.#parts.clock.soon(() => {
      this.#cancelSoon = undefined
      this.#parts.gossip.tick(this.#parts.clock.now())
      this.#perform()
    })
  }

  /**
   * A life whose number is above that of any life before, even when the clock was set back; on disk before it begins.
   */
  async #rise(): Promise<void> {
    const { clock } = this.#parts
    const memory = await this.#snapshot?.load()
    const before = memory && memory.incarnation < incarnationMax ? memory.incarnation : 0
    if (memory) this.#remembered = memory.peers
    this.#incarnation = Math.max(Math.floor(clock.wall()), this.#incarnation + 1, before + 1)
    await this.#snapshot?.flush()
  }

  /** Addresses to join through, other than one's own. */
  seeds(): string[] {
    return this.#seeds.of(this.#parts.gossip.name)
  }

  #peersToRemember(): readonly string[] {
    const live = this.#running ? this.#parts.gossip.peers('live') : []
    return live.length > 0 ? live : this.#remembered
  }

  #handlers(): TransportHandlers {
    const { gossip, transport, clock, owner } = this.#parts
    /** Feeds the machine, and performs what it makes of it; false: that is nothing. */
    const feed = (input: (now: number) => boolean | void): void => {
      if (this.#running && input(clock.now()) !== false) this.#perform()
    }
    return {
      datagram: (bytes, from) => {
        if (received.hasSubscribers) this.#tell(received, from, 'datagram', [bytes])
        feed((now) => gossip.receive(bytes, 'datagram', from, now))
      },
      frame: (bytes, from) => {
        if (isGossip(bytes)) {
          if (received.hasSubscribers) this.#tell(received, from, 'stream', [bytes])
          feed((now) => gossip.receive(bytes, 'stream', from, now))
        } else if (this.#running) owner.frame(bytes, from)
      },
      linkUp: (peer) => {
        feed((now) => gossip.linkUp(peer, now))
        if (this.#running) owner.linkUp(peer)
      },
      linkDown: (peer, how) => {
        feed((now) => gossip.linkDown(peer, how, now))
        if (this.#running) owner.linkDown(peer, how)
      },
      drained: (peer) => {
        feed((now) => gossip.backlog(peer, transport.backlog(peer), now))
        if (this.#running) owner.drained(peer)
      },
      rejected: (from, reason) => owner.rejected(from, reason),
      error: (error) => owner.failed(error),
      ...(owner.http && { http: owner.http }),
    }
  }

  /** Does what the machine wants done: links, then sends, then notices. Calls from within wait for their turn. */
  #perform(): void {
    if (this.#performing) {
      this.kick()
      return
    }
    const { gossip, transport, clock, owner } = this.#parts
    this.#performing = true
    const { links, drops, sends, notices } = gossip.drain()
    if (links) transport.keep(links)
    for (const peer of drops) transport.drop(peer)
    for (const { to, via, parts } of sends) {
      if (sent.hasSubscribers) this.#tell(sent, to, via, parts)
      if (via === 'datagram') transport.sendDatagram(to, parts)
      else gossip.backlog(to, transport.sendFrame(to, parts), clock.now())
    }
    for (const notice of notices) owner.foretell(notice)
    for (const notice of notices) {
      if (notice.kind.startsWith('peer:')) this.#snapshot?.touch()
      owner.notice(notice)
    }
    this.#performing = false
    this.#arm()
  }

  #tell(channel: typeof sent, peer: string, via: Send['via'], parts: readonly Uint8Array[]): void {
    const bytes = parts.reduce((sum, part) => sum + part.length, 0)
    channel.publish({ self: this.#parts.gossip.name, peer, kind: kindName(parts[0]), via, bytes })
  }

  #arm(): void {
    if (!this.#running) return
    const { gossip, clock } = this.#parts
    const wake = gossip.nextWake()
    const now = clock.now()
    if (wake <= now) {
      this.kick()
    } else if (wake < this.#timerAt) {
      this.#cancelTimer?.()
      this.#timerAt = wake
      this.#cancelTimer = clock.after(Math.ceil(wake - now), () => {
        this.#cancelTimer = undefined
        this.#timerAt = Infinity
        this.kick()
      })
    }
  }
}
