import type { StopReason } from './gossip/effects.js'
import type { Telepathine } from './telepathine.js'

/** Called for an event that another peer said. `this.event` is its name. */
export type HearHandler<T = unknown> = (this: Telepathine, data: T, fromPeer: string) => unknown

/** Called for a key that another peer set. `this.event` is the key. `expiresAt` is unix time in milliseconds. */
export type KnowHandler<T = unknown> = (
  this: Telepathine,
  peer: string,
  value: T,
  key: string,
  expiresAt: number | undefined,
) => unknown

/** What {@link Telepathine.watch} yields. */
export interface Known {
  /** Name of the peer that set it. */
  readonly peer: string
  /** The key, in full. */
  readonly key: string
  /** The value, decoded. */
  readonly value: unknown
  /** Unix time in milliseconds; undefined: never. */
  readonly expiresAt: number | undefined
}

/** What {@link Telepathine.listen} yields. */
export interface Heard {
  /** Name of the event. */
  readonly event: string
  /** What was said with it; undefined when nothing. */
  readonly data: unknown
  /** Name of the peer that said it. */
  readonly from: string
}

/** A peer that was discovered. */
export interface PeerInfo {
  /** Address and port: `127.0.0.1:9000`, `[::1]:9000`. */
  readonly name: string
  /** Host that it is reached under. */
  readonly address: string
  /** For TCP and UDP alike. */
  readonly port: number
  /** Rises with every start of the peer. */
  readonly incarnation: number
  /** What the peer gave as option `metadata`; undefined when nothing. */
  readonly metadata: unknown
}

/** What came in and was not for this peer: of another cluster, malformed, too large. */
export interface Rejection {
  /** Where it came from. Of datagrams that are not sealed, whoever sent them may have written anything there. */
  readonly address: string
  /** What was wrong with it, for people to read. */
  readonly reason: string
  /** How much was dropped or turned away since the last time that `peer:rejected` told of something, this included. */
  readonly count: number
}

/**
 * The events of a {@link Telepathine} and their arguments, in this order. Keys and events have names of their own as
 * well, made of what others choose: `set:<key>` with `(peer, value, expiresAt)` and `say:<event>` with `(data,
 * fromPeer)`; wildcards are EventEmitter2's.
 */
export interface TelepathineEvents {
  /** This peer is bound and running. */
  start: [peer: Telepathine]
  /** This peer has closed everything. */
  stop: [peer: Telepathine]
  /** Another peer set a key. */
  set: [peer: string, key: string, value: unknown, expiresAt: number | undefined]
  /** Another peer deleted a key. */
  delete: [peer: string, key: string]
  /** A key's time is over; `peer` is its owner, this peer included. Once at each observer. */
  'key:expired': [peer: string, key: string, value: unknown, expiresAt: number]
  /** A peer was discovered, or came back with a new incarnation. */
  'peer:new': [peer: PeerInfo]
  /** A peer seems alive. */
  'peer:start': [name: string]
  /** A peer left, or seems dead. */
  'peer:stop': [name: string, reason: StopReason]
  /** A peer has been dead for `forgetAfterMS`; nothing is known of it any more. */
  'peer:forgotten': [name: string]
  /**
   * Something came in and was dropped: not of this cluster, without its key, malformed, too much. Told once in 10 s for
   * each host and reason, and 16 times in all; {@link Telepathine.rejections} counts everything.
   */
  'peer:rejected': [rejection: Rejection]
  /** Events that a peer said were dropped, by a bound, before they got here. */
  'events:missed': [peer: string, count: number]
  /** What waited to be sent has gone; `set` and `say` return true again. */
  drain: []
  /** The peer could not bind, a handler threw, a socket or the snapshot file failed. */
  error: [error: Error]
}
