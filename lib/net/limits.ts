/** What bounds the sockets of one peer. Sizes in bytes, durations in milliseconds. */
export interface SocketLimits {
  /** Unsent bytes per link; a frame beyond is dropped, but the first is always taken. */
  readonly linkBytesMax: number
  /** Unsent bytes of a link from which its owner should hold back. */
  readonly highWaterBytes: number
  /** Unsent bytes of a link below which its owner is told to go on. */
  readonly lowWaterBytes: number
  /** Incoming connections in all. */
  readonly inboundMax: number
  /** Incoming connections from one remote address, unless it is loopback. */
  readonly inboundPerHostMax: number
  /** Incoming connections that have not said who they are; one more puts out the one that has taken longest. */
  readonly strangersMax: number
  /** For a dialled connection to come about. */
  readonly dialMs: number
  /** For each step of getting to know the other side: its first bytes, the TLS handshake, its hello. */
  readonly helloMs: number
  /** For the rest of a chunk (at most 64 KiB) of a frame that has begun. */
  readonly stallMs: number
  /** Silence after which a connection that nobody asked to keep is closed by the side that dialled it. */
  readonly idleMs: number
  /** Pause before the first repeated dial to a kept peer; doubles with each. */
  readonly retryMinMs: number
  readonly retryMaxMs: number
  /** How often idle and stalled connections are looked for: the precision of `stallMs` and `idleMs`. */
  readonly sweepMs: number
}

/** The limits of every peer; tests shorten the durations. */
export const defaultLimits: SocketLimits = {
  linkBytesMax: 32 << 20,
  highWaterBytes: 128 << 10,
  lowWaterBytes: 32 << 10,
  inboundMax: 1_024,
  inboundPerHostMax: 64,
  strangersMax: 256,
  dialMs: 3_000,
  helloMs: 5_000,
  stallMs: 20_000,
  idleMs: 30_000,
  retryMinMs: 100,
  retryMaxMs: 5_000,
  sweepMs: 1_000,
}
