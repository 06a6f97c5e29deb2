import type { Socket } from 'node:net'
import type { Certificates } from './certificates.js'
import type { Keyring } from './keyring.js'

/**
 * Bytes between peers, as the host needs them: whole messages, as datagrams or over pooled connections.
 * Implementations: `sockets.ts` (UDP and TCP on one port number), the simulator's virtual network.
 *
 * Duties of every implementation:
 * - It MUST deliver a message whole or not at all, and MUST NOT deliver bytes to a closed owner.
 * - `sendDatagram` MUST NOT throw or reject for anything the network does; losses are silent.
 * - `sendFrame` MUST keep the order of frames to one peer within a connection. Frames to a peer that cannot be reached
 *   are dropped, and `linkDown` says so.
 * - It MUST bound what it holds: at most `maxLinkBytes` unsent per peer (a frame beyond that is dropped; see
 *   `backlog`).
 */
export interface Transport {
  /**
   * Binds. Resolves with the address others can reach us under; rejects with the system's error, leaving nothing open.
   */
  open(options: OpenOptions, handlers: TransportHandlers): Promise<BoundAddress>
  /** Sends one datagram, at most `maxDatagramBytes`. */
  sendDatagram(to: string, parts: readonly Uint8Array[]): void
  /**
   * Sends one frame over the connection to `to`, which is dialled if there is none. Returns the bytes now waiting for
   * that peer. Writes of one tick are coalesced; a frame larger than 64 KiB does not delay small frames that come after
   * it by more than one such chunk.
   */
  sendFrame(to: string, parts: readonly Uint8Array[]): number
  /**
   * Peers to stay connected to from now on. A link to one of them that closes is dialled again at once, and `linkDown`
   * tells the outcome.
   */
  keep(names: readonly string[]): void
  /** Closes the connections to a peer without ceremony. */
  drop(name: string): void
  /** Bytes waiting to be sent to a peer; 0 without a connection. */
  backlog(to: string): number
  /**
   * Keys or certificates in `OpenOptions.security` were replaced: connections that came about by those which are gone
   * are closed in good order, and others take their place. For transports that know security; all others are refused
   * when it is asked for.
   */
  renew?(): void
  /** What went over the wire since `open`. */
  readonly traffic: Readonly<Traffic>
  /** Connections now, whether ready or on their way; for transports that have any. */
  readonly connections?: number
  /**
   * Closes everything, flushing frames already given for at most `lingerMs`. No handler is called after it resolves.
   */
  close(lingerMs?: number): Promise<void>
}

/** Where others can reach us. */
export interface BoundAddress {
  /** The host advertised. */
  readonly host: string
  /** The port, for TCP and UDP alike. */
  readonly port: number
}

/** What a transport needs to know to bind. */
export interface OpenOptions {
  /** Port for both TCP and UDP; 0 takes one that is free for both. */
  readonly port: number
  /** Host that others reach us under (advertised). */
  readonly address: string
  /** Host to bind to; may differ from `address` (containers, NAT). */
  readonly bind: string
  /** Whether to open a UDP socket at all. */
  readonly udp: boolean
  /** Name of the cluster; connections of others are refused. */
  readonly cluster: string
  /** Largest datagram to send or take, not counting what sealing adds. */
  readonly maxDatagramBytes: number
  /** Largest frame to send or take. */
  readonly maxFrameBytes: number
  /** Rewrites what is dialled: host to host, or `host:port` to `host:port`. */
  readonly addressMap: Readonly<Record<string, string>>
  /** Keys or certificates by which peers know each other, and seal what they say. Default: neither. */
  readonly security?: Security | undefined
}

/** How a cluster is closed to strangers. What it holds may be replaced while it is in use; see `Transport.renew`. */
export type Security = Keyring | Certificates


/**
 * How a link ended. `closed`: by the other side or an error, and dialling again has not been tried (the peer is not
 * kept).
 */
export type LinkDown = 'closed' | 'refused' | 'unreachable'

/** What a transport tells its owner. Handlers must not throw. */
export interface TransportHandlers {
  /** A datagram came in; `bytes` are the handler's own. `from` is the socket address, for reports only. */
  datagram(bytes: Uint8Array, from: string): void
  /** A frame came in over the connection to or from peer `from` (the name the other side gave in its hello). */
  frame(bytes: Uint8Array, from: string): void
  /** A connection to or from `peer` is ready. */
  linkUp(peer: string): void
  /** `refused`: the port is there and nobody listens, so the process is gone. `unreachable`: no answer, or no route. */
  linkDown(peer: string, how: LinkDown): void
  /** The bytes waiting for `peer` fell below the low-water mark after having been above the high one. */
  drained(peer: string): void
  /** Something came in that is not for us: counted and dropped already; report it. */
  rejected(from: string, reason: string): void
  /**
   * A connection came in that speaks HTTP. `head` are its first bytes, read already; the socket is paused, and from
   * here on the handler's, errors and all: `unshift(head)`, then `emit('connection', socket)` on a server of
   * `node:http`, then `resume()` will do. It counts as one of the incoming connections until it closes, which the
   * transport sees to at the latest when it closes itself. Without this handler such connections are rejected.
   */
  http?(socket: Socket, head: Uint8Array): void
  /** A socket failed in a way that needs the operator (never for a single peer's fault). */
  error(error: Error): void
}

/** Counters since `open`. Bytes are payload as handed to the sockets (without IP, UDP and TCP headers). */
export interface Traffic {
  /** Datagrams sent. */
  datagramsOut: number
  /** Bytes in them. */
  datagramBytesOut: number
  /** Datagrams received. */
  datagramsIn: number
  /** Bytes in them. */
  datagramBytesIn: number
  /** Frames sent. */
  framesOut: number
  /** Bytes in them. */
  frameBytesOut: number
  /** Frames received. */
  framesIn: number
  /** Bytes in them. */
  frameBytesIn: number
  /** Incoming bytes or connections that were refused: garbage, oversize, foreign cluster. */
  rejected: number
  /** Frames dropped because too much was waiting for a peer, or it could not be reached. */
  dropped: number
}

/** Nothing sent or received yet. */
export function noTraffic(): Traffic {
  return {
    datagramsOut: 0,
    datagramBytesOut: 0,
    datagramsIn: 0,
    datagramBytesIn: 0,
    framesOut: 0,
    frameBytesOut: 0,
    framesIn: 0,
    frameBytesIn: 0,
    rejected: 0,
    dropped: 0,
  }
}
