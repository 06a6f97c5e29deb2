/**
 * What the protocol wants done. The machine never acts: it collects effects, and the host drains them after every call
 * and performs them in this order: links, then sends (each in the order given), then notices.
 */
export interface Effects {
  /** Messages for other peers. */
  readonly sends: Send[]
  /** What to tell the user. */
  readonly notices: Notice[]
  /** Set when the peers to stay connected to have changed: the names of all of them. */
  links: readonly string[] | undefined
  /** Peers to drop all connections to (declared dead, forgotten, left). */
  readonly drops: string[]
}

/** One message for one peer. `to` is a peer's name, or a seed as it was given: what the transport can dial. */
export interface Send {
  readonly to: string
  /** `datagram`: may get lost, at most `maxDatagramBytes`. `stream`: over the pooled connection, opened if need be. */
  readonly via: 'datagram' | 'stream'
  /** The message, in parts to be sent as one. Must not be changed, and may be shared with other sends. */
  readonly parts: readonly Uint8Array[]
}

/** Why a peer is no longer alive. */
export type StopReason = 'left' | 'failed'

/** A key has a new value. `deadline`: when it ends, on the clock that `now` is read from; undefined: never. */
export interface SetNotice {
  readonly kind: 'set'
  readonly peer: string
  readonly key: string
  readonly value: Uint8Array
  readonly deadline: number | undefined
}

/** A key's time is over; this was its value. */
export interface ExpiredNotice {
  readonly kind: 'expired'
  readonly peer: string
  readonly key: string
  readonly value: Uint8Array
  readonly deadline: number
}

/** Something that happened. Values are still encoded; whoever looks decodes them. */
export type Notice =
  | SetNotice
  | { readonly kind: 'delete'; readonly peer: string; readonly key: string }
  | ExpiredNotice
  | { readonly kind: 'event'; readonly peer: string; readonly event: string; readonly value: Uint8Array }
  | { readonly kind: 'missed'; readonly peer: string; readonly count: number }
  | { readonly kind: 'peer:new'; readonly peer: string; readonly incarnation: number; readonly metadata: Uint8Array }
  | { readonly kind: 'peer:start'; readonly peer: string }
  | { readonly kind: 'peer:stop'; readonly peer: string; readonly reason: StopReason }
  | { readonly kind: 'peer:forgotten'; readonly peer: string }
  | { readonly kind: 'suspected'; readonly peer: string; readonly by: string }
  | { readonly kind: 'trusted'; readonly peer: string }
  | { readonly kind: 'rejected'; readonly from: string; readonly reason: string }
  | { readonly kind: 'drain' }
