import type { StopReason } from '../gossip/effects.js'
import type { Gossip, GossipStats, PeerView, Rumour } from '../gossip/gossip.js'
import type { Clock } from '../host/clock.js'
import { storedKey, userKey } from '../names.js'
import { setAt } from '../stamps.js'
import { Topics } from '../topics.js'

/** A key's value as it is held. */
export interface Held {
  readonly value: unknown
  readonly version: number
  /** Unix time in milliseconds; undefined: never. */
  readonly expiresAt: number | undefined
}

/** A key's value, without a look at it if it is large. */
export interface Glimpse {
  /** Undefined when it takes more bytes than were asked for, or cannot be decoded. */
  readonly value: unknown
  /** What it takes, encoded. */
  readonly bytes: number
  readonly version: number
  /** Unix time in milliseconds; undefined: never. */
  readonly expiresAt: number | undefined
}

/** Whether a peer is there, and in which of its lives. */
export interface Standing {
  readonly state: 'alive' | 'suspect' | 'dead' | 'left'
  readonly incarnation: number
}

/** Called with the name of an own event or key and what goes with it. */
export type OwnHandler = (name: string, value: unknown, expiresAt: number | undefined) => void

/** What becomes of other peers. */
export type Sighting =
  | { readonly kind: 'new'; readonly peer: string; readonly metadata: unknown }
  | { readonly kind: 'start' | 'forgotten'; readonly peer: string }
  | { readonly kind: 'stop'; readonly peer: string; readonly reason: StopReason }

/** What a view looks at. */
export interface ViewParts {
  readonly gossip: Gossip
  readonly clock: Clock
  readonly metadata: unknown
  /** Addresses to join through, other than one's own. */
  readonly seeds: () => readonly string[]
  readonly decode: (peer: string, bytes: Uint8Array) => unknown
}

/** What the HTTP routes need of a peer beyond what it shows to everyone. */
export class FaceView {
  /** Who wants to know what this peer itself says and sets. */
  readonly ownSays = new Topics<OwnHandler>()
  readonly ownSets = new Topics<OwnHandler>()
  readonly ownDeletes = new Topics<OwnHandler>()
  /** Called for each key that another set: when that was by its clock, unix time in milliseconds. */
  onArrival: ((peer: string, setAt: number) => void) | undefined
  readonly #parts: ViewParts

  constructor(parts: ViewParts) {
    this.#parts = parts
  }

  get name(): string {
    return this.#parts.gossip.name
  }

  get metadata(): unknown {
    return this.#parts.metadata
  }

  /** Unix time in milliseconds. */
  now(): number {
    return this.#parts.clock.wall()
  }

  /** The clock that the peer lives by. */
  get clock(): Clock {
    return this.#parts.clock
  }

  /** Figures of the protocol. */
  get stats(): GossipStats {
    return this.#parts.gossip.stats
  }

  /** What the protocol was told to be like. */
  get config(): Gossip['config'] {
    return this.#parts.gossip.config
  }

  /** All that the protocol knows of a peer, itself included; undefined for who is not known. */
  detail(peer: string): PeerView | undefined {
    const { gossip, clock } = this.#parts
    return gossip.peer(peer, clock.now())
  }

  /** What peers said of each other lately; `at` is unix time in milliseconds. */
  rumours(): Rumour[] {
    const { gossip, clock } = this.#parts
    const now = clock.now()
    const offset = clock.wall() - now
    return gossip.rumours(now).map((rumour) => ({ ...rumour, at: Math.round(rumour.at + offset) }))
  }

  /** The keys of a peer. */
  keys(peer: string): string[] {
    const { gossip, clock } = this.#parts
    return gossip.keys(peer, clock.now()).flatMap((key) => userKey(key) ?? [])
  }

  /** Takes note of a value that another peer set, still encoded. */
  arrived(peer: string, value: Uint8Array): void {
    const at = this.onArrival && setAt(value)
    if (at !== undefined) this.onArrival?.(peer, at)
  }

  /** The other peers known, live and dead. */
  allPeers(): string[] {
    return this.#parts.gossip.peers('all')
  }

  /** Undefined for who is not known. */
  standing(peer: string): Standing | undefined {
    return this.#parts.gossip.peer(peer)
  }

  /** Addresses to join through, other than one's own. */
  seeds(): readonly string[] {
    return this.#parts.seeds()
  }

  /** A key of a peer's key space, decoded. */
  held(peer: string, key: string): Held | undefined {
    return this.glimpse(peer, key, Infinity)
  }

  /** The same, decoded only if it takes at most so many bytes. */
  glimpse(peer: string, key: string, bytesMax: number): Glimpse | undefined {
    const { gossip, clock, decode } = this.#parts
    const found = gossip.get(peer, storedKey(key), clock.now())
    if (!found) return undefined
    const { value, version, deadline } = found
    const expiresAt = deadline === undefined ? undefined : Math.round(clock.wall() + deadline - clock.now())
    const bytes = value.length
    return { value: bytes > bytesMax ? undefined : decode(peer, value), bytes, version, expiresAt }
  }
}
