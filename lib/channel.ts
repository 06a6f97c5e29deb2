import type { Notice } from './gossip/effects.js'
import { TelepathineError } from './gossip/errors.js'
import type { Gossip } from './gossip/gossip.js'
import type { Random } from './gossip/random.js'
import type { Clock } from './host/clock.js'
import { systemKey, systemName, userKey } from './names.js'
import { defaultLimits } from './net/limits.js'
import type { LinkDown } from './net/transport.js'

/** Bytes waiting for a peer beyond which it is time to hold back until `drained`. */
export const highWaterBytes = defaultLimits.highWaterBytes

/** Whom a channel tells what happens. Must not throw. */
export interface ChannelListener {
  /** The peer runs: its name and incarnation are known. */
  started(): void
  /** The peer is about to stop: what is sent now still goes out. */
  stopping(): void
  /** A frame came in that is not the gossip's; `bytes` are the listener's own. */
  frame(bytes: Uint8Array, from: string): void
  /** A connection to or from a peer is ready. If there was one before, what was on its way over it may be lost. */
  linkUp(peer: string): void
  /** A connection ended or did not come about; see {@link LinkDown}. */
  linkDown(peer: string, how: LinkDown): void
  /** Less waits for a peer than did. */
  drained(peer: string): void
  /** A peer seems alive, in that incarnation. */
  peerUp(peer: string, incarnation: number): void
  /** It does no longer. */
  peerDown(peer: string): void
  /** Nothing is known of a peer any more. */
  peerForgotten(peer: string): void
  /** Another peer advertises something; without a value it does so no longer. */
  advert(peer: string, name: string, value: Uint8Array | undefined): void
}

/** What a channel is made of. */
export interface ChannelParts {
  readonly gossip: Gossip
  readonly clock: Clock
  readonly random: Random
  /** Whether the clock is the machine's own, so that what the machine does may show. */
  readonly isReal: boolean
  /** Own keys have changed. */
  wrote(): void
  send(to: string, parts: readonly Uint8Array[]): number
  backlog(to: string): number
  rejected(from: string, reason: string): void
}

const channels = new WeakMap<object, Channel>()

/** The channel of a peer; undefined for what is no peer. */
export function channelOf(peer: object): Channel | undefined {
  return channels.get(peer)
}

/**
 * The way from peer to peer for a layer on top of it: frames over the connections that the peer has anyway, facts about
 * oneself that all others get to know, and who is there. Not for users: it shows neither among the members of a peer
 * nor among its keys.
 */
export class Channel {
  readonly clock: Clock
  readonly random: Random
  readonly isReal: boolean
  readonly #parts: ChannelParts
  /** What went over it since the peer was made. */
  readonly sent = { messages: 0, bytes: 0 }
  readonly received = { messages: 0, bytes: 0 }
  #isRunning = false
  #listener: ChannelListener | undefined

  constructor(peer: object, parts: ChannelParts) {
    this.#parts = parts
    this.clock = parts.clock
    this.random = parts.random
    this.isReal = parts.isReal
    channels.set(peer, this)
  }

  /** Own name; final once the peer runs. */
  get name(): string {
    return this.#parts.gossip.name
  }

  /** Rises with every start; 0 before the first. */
  get incarnation(): number {
    return this.#parts.gossip.incarnation
  }

  get isRunning(): boolean {
    return this.#isRunning
  }

  /**
   * Has a listener told all that happens from now on, and what is known already.
   *
   * @throws TelepathineError `ERR_BUSY` when there is one
   */
  attach(listener: ChannelListener): void {
    if (this.#listener !== undefined) throw new TelepathineError('ERR_BUSY', 'the channel has a listener')
    this.#listener = listener
    if (!this.#isRunning) return
    listener.started()
    const { gossip, clock } = this.#parts
    for (const peer of gossip.peers('live')) {
      listener.peerUp(peer, this.#incarnationOf(peer))
      for (const key of gossip.keys(peer, clock.now())) {
        if (userKey(key) !== undefined) continue
        listener.advert(peer, systemName(key), gossip.get(peer, key, clock.now())?.value)
      }
    }
  }

  /** Tells the listener no more. */
  detach(): void {
    this.#listener = undefined
  }

  /**
   * Sends one frame, as {@link Transport.sendFrame} does. Its first byte says whose it is, and must not be that of
   * gossip messages. Returns the bytes that wait for that peer.
   */
  send(to: string, parts: readonly Uint8Array[]): number {
    if (!this.#isRunning) return 0
    this.sent.messages++
    for (const part of parts) this.sent.bytes += part.length
    return this.#parts.send(to, parts)
  }

  /** Bytes that wait for a peer. */
  backlog(to: string): number {
    return this.#parts.backlog(to)
  }

  /** Reports and counts what came in and makes no sense. */
  rejected(from: string, reason: string): void {
    this.#parts.rejected(from, reason)
  }

  /**
   * Has all others know something about this peer, until it is told otherwise or without a value. False when too much
   * waits to be sent: to be tried again.
   *
   * @throws TelepathineError `ERR_TOO_LARGE`
   */
  advertise(name: string, value: Uint8Array | undefined): boolean {
    const { gossip, clock } = this.#parts
    try {
      if (value === undefined) gossip.delete(systemKey(name), clock.now())
      else gossip.set(systemKey(name), value, undefined, clock.now())
    } catch (error) {
      if (error instanceof TelepathineError && error.code === 'ERR_OVERLOAD') return false
      throw error
    }
    this.#parts.wrote()
    return true
  }

  // ---- what the peer tells

  /** @internal */
  started(): void {
    this.#isRunning = true
    this.#listener?.started()
  }

  /** @internal */
  stopping(): void {
    this.#listener?.stopping()
    this.#isRunning = false
  }

  /** @internal */
  frame(bytes: Uint8Array, from: string): void {
    this.received.messages++
    this.received.bytes += bytes.length
    if (this.#listener === undefined) this.rejected(from, 'not a message')
    else this.#listener.frame(bytes, from)
  }

  /** @internal */
  linkUp(peer: string): void {
    this.#listener?.linkUp(peer)
  }

  /** @internal */
  linkDown(peer: string, how: LinkDown): void {
    this.#listener?.linkDown(peer, how)
  }

  /** @internal */
  drained(peer: string): void {
    this.#listener?.drained(peer)
  }

  /** @internal Something that happened to another peer. */
  take(notice: Notice): void {
    switch (notice.kind) {
      case 'peer:start':
        return this.#listener?.peerUp(notice.peer, this.#incarnationOf(notice.peer))
      case 'peer:stop':
        return this.#listener?.peerDown(notice.peer)
      case 'peer:forgotten':
        return this.#listener?.peerForgotten(notice.peer)
      case 'set':
        return this.#listener?.advert(notice.peer, systemName(notice.key), notice.value)
      case 'delete':
      case 'expired':
        return this.#listener?.advert(notice.peer, systemName(notice.key), undefined)
      default:
    }
  }

  #incarnationOf(peer: string): number {
    return this.#parts.gossip.peer(peer)?.incarnation ?? 0
  }
}
