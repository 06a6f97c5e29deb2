import type { Channel } from './channel.js'
import { Distribution } from './distribution.js'
import type { Gossip, GossipCensus, GossipStats } from './gossip/gossip.js'
import type { Clock } from './host/clock.js'
import type { Traffic, Transport } from './net/transport.js'
import type { Rejections } from './rejections.js'
import { setAt } from './stamps.js'

/** What vitals are read from. */
export interface VitalsParts {
  readonly gossip: Gossip
  readonly clock: Clock
  readonly transport: Transport
  readonly rejections: Rejections
  readonly channel: () => Channel
}

/** How long values take to get here, in seconds: from what a line takes to what a repair does. */
const delayBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

const all = new WeakMap<object, Vitals>()

/** The vitals of a peer; undefined for what is no peer. */
export function vitalsOf(peer: object): Vitals | undefined {
  return all.get(peer)
}

/**
 * What can be measured of a peer: counters since it was made, and what is so at the moment. Counting is all that is
 * done as things happen; whoever wants to know reads.
 */
export class Vitals {
  /** What this peer did with its own keys and events. */
  readonly own = { set: 0, delete: 0, say: 0 }
  /** What came in of other peers' keys and events, and own keys that expired. */
  readonly heard = { set: 0, delete: 0, expired: 0, say: 0, missed: 0 }
  /** What became of other peers. */
  readonly peers = { new: 0, start: 0, left: 0, failed: 0, forgotten: 0, suspect: 0, trust: 0 }
  /**
   * How long values took from being set to being known here, in seconds, by the clocks of both; of those only that
   * were set since their peer is known here, for what a newcomer catches up with is as old as it is.
   */
  readonly delays = new Distribution(delayBounds)
  readonly #parts: VitalsParts
  /** Since when each peer is known, unix ms. Bounded by the peers known. */
  readonly #knownSince = new Map<string, number>()

  constructor(peer: object, parts: VitalsParts) {
    this.#parts = parts
    all.set(peer, this)
  }

  /** A peer was discovered. */
  met(peer: string): void {
    this.peers.new++
    this.#knownSince.set(peer, this.#parts.clock.wall())
  }

  /** Nothing is known of a peer any more. */
  forgot(peer: string): void {
    this.peers.forgotten++
    this.#knownSince.delete(peer)
  }

  /** A value of a peer came in, with its stamp. */
  arrived(peer: string, value: Uint8Array): void {
    this.heard.set++
    const at = setAt(value) ?? -Infinity
    if (at < (this.#knownSince.get(peer) ?? Infinity)) return
    this.delays.add(Math.max(0, this.#parts.clock.wall() - at) / 1_000)
  }

  /** Own name. */
  get name(): string {
    return this.#parts.gossip.name
  }

  /** Which life this is: unix ms of its beginning, as a rule. */
  get incarnation(): number {
    return this.#parts.gossip.incarnation
  }

  /** Heartbeats sent in this life, and some more where it had to be proved that this peer lives. */
  get heartbeats(): number {
    return this.#parts.gossip.peer(this.name)?.beat ?? 0
  }

  get stats(): GossipStats {
    return this.#parts.gossip.stats
  }

  /** Counts what is known; takes time with the number of peers. */
  census(): GossipCensus {
    return this.#parts.gossip.census(this.#parts.clock.now())
  }

  /** What went over the wire in this life. */
  get traffic(): Readonly<Traffic> {
    return this.#parts.transport.traffic
  }

  /** Connections now, whether ready or on their way; undefined where the transport has none. */
  get connections(): number | undefined {
    return this.#parts.transport.connections
  }

  /** Bytes that wait on the connections to all peers that seem alive. */
  get queuedBytes(): number {
    const { gossip, transport } = this.#parts
    return gossip.peers('live').reduce((sum, peer) => sum + transport.backlog(peer), 0)
  }

  /** Frames that are not the gossip's, and the bytes in them. */
  get work(): Pick<Channel, 'sent' | 'received'> {
    return this.#parts.channel()
  }

  /** What was turned away, by kind. */
  get rejections(): Rejections['byKind'] {
    return this.#parts.rejections.byKind
  }
}
