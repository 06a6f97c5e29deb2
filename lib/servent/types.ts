import type { TelepathineOptions } from '../options.js'
import type { Telepathine } from '../telepathine.js'
import type { Peer } from './peer.js'

/** Options of {@link Servent}: those of a peer of the cluster, or a peer. */
export interface ServentOptions extends TelepathineOptions {
  /**
   * A peer to use, with all that it shares and serves already, instead of one of its own. It is started by
   * {@link Servent.listen}, and goes on when the servent is closed. Without other options.
   */
  peer?: Telepathine
}

/** Where a servent listens. */
export interface ServentAddress {
  /** Host that others reach it under. */
  readonly address: string
  /** `IPv4` or `IPv6`; a host name counts as the former. */
  readonly family: 'IPv4' | 'IPv6'
  /** For TCP and UDP alike. */
  readonly port: number
}

/**
 * What a {@link Servent} emits. Besides, whatever others emit to it ({@link Peer.emit}, {@link Servent.broadcast}):
 * `(peer, ...args)`; these names they cannot use.
 */
export interface ServentEvents {
  /** It is bound, and takes part. */
  listening: []
  /** Another servent was discovered, or is back. */
  peer: [peer: Peer]
  /** It was closed. */
  close: []
  /**
   * It could not bind (`EADDRINUSE` and the like: `listen` may be called again), or a listener or callback of the
   * user's threw. Without a listener it is a process warning.
   */
  error: [error: Error]
}
