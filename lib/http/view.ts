import type { StopReason } from '../gossip/effects.js'
import type { Gossip } from '../gossip/gossip.js'
import type { Clock } from '../host/clock.js'
import { storedKey } from '../names.js'
import { Topics } from '../topics.js'

/** A key's value as it is held. */
export interface Held {
  readonly value: unknown
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
    const { gossip, clock, decode } = this.#parts
    const found = gossip.get(peer, storedKey(key), clock.now())
    if (!found) return undefined
    const { value, version, deadline } = found
    const expiresAt = deadline === undefined ? undefined : Math.round(clock.wall() + deadline - clock.now())
    return { value: decode(peer, value), version, expiresAt }
  }
}
