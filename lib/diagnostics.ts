import { channel, type Channel, tracingChannel, type TracingChannel } from 'node:diagnostics_channel'

/**
 * What goes on inside, for those who want to watch: every channel of `node:diagnostics_channel` that this library
 * publishes on, and what it says there. A channel that nobody subscribes to costs a look at a flag.
 *
 * Subscribers are called at once, in the midst of what they are told of: they must be quick, and not call the peer.
 * What is named or said in messages comes from other peers in part, and may be anything.
 */
export interface DiagnosticMessages {
  /** A peer was discovered, or came back in a new incarnation. */
  'telepathine:peer:new': PeerMessage
  /** A peer seems alive. */
  'telepathine:peer:start': PeerMessage
  /** A peer left, or was declared dead. */
  'telepathine:peer:stop': StopMessage
  /** A peer's silence has become surprising to somebody, who says so: the beginning of a verdict. */
  'telepathine:peer:suspect': SuspicionMessage
  /** A peer that was under suspicion has been heard. */
  'telepathine:peer:trust': PeerMessage
  /** Nothing is known of a peer any more. */
  'telepathine:peer:forgotten': PeerMessage
  /** A message of the gossip protocol goes out. `digest` and `delta` are the exchanges by which losses are repaired. */
  'telepathine:message:sent': GossipMessage
  /** A message of the gossip protocol came in; it has not been read yet, and may turn out malformed. */
  'telepathine:message:received': GossipMessage
  /** Something came in and was dropped or turned away: each of them, where `peer:rejected` tells of some. */
  'telepathine:rejected': RejectedMessage
  /** A connection to or from a peer is ready. */
  'telepathine:link:up': LinkMessage
  /** A connection ended, or none came about; not when it is this peer that has no more use for it. */
  'telepathine:link:down': LinkDownMessage
  /** Much waits to be sent: `set` or `say` returned false (`held`); no longer (`drained`). */
  'telepathine:backpressure': BackpressureMessage
  /** A peer that starts has read its snapshot. */
  'telepathine:snapshot:loaded': SnapshotMessage
  /** A call that was made here goes to a worker: its first attempt, and each further one. */
  'telepathine:call:attempt': AttemptMessage
  /** A call that came in was turned away. */
  'telepathine:serve:refused': RefusedMessage
  /** A worker app here is in another state: it comes up, runs, crashed, is given up, stopped. */
  'telepathine:app:state': AppMessage
}

/**
 * The tracing channels: `tracing:telepathine:call:start` and so on; see `TracingChannel` of Node.js. `start` and `end`
 * surround the beginning of a call (or of a handler), `asyncStart` and `asyncEnd` its outcome; `error` comes before
 * those if it fails. All of one call get the same object.
 */
export interface DiagnosticTraces {
  /** A call that is made here, from the beginning to its one outcome. */
  'telepathine:call': CallMessage
  /** A call that a handler here serves, from when it begins to run. */
  'telepathine:serve': ServeMessage
}

/** Something about another peer. */
export interface PeerMessage {
  /** Name of the peer that tells: a process may have several. */
  readonly self: string
  /** Name of the peer that it is about. */
  readonly peer: string
}

/** A peer is not alive any more. */
export interface StopMessage extends PeerMessage {
  /** Whether it said farewell. */
  readonly reason: 'left' | 'failed'
}

/** A peer is under suspicion. */
export interface SuspicionMessage extends PeerMessage {
  /** Name of the peer that was the first to say so, as far as is known here. */
  readonly by: string
}

/** A message of the gossip protocol. */
export interface GossipMessage {
  /** Name of the peer that tells. */
  readonly self: string
  /** Whom it goes to; or the address that it came from, which of datagrams is a socket's. */
  readonly peer: string
  /** What it is; `unknown` for what a later version may mean. */
  readonly kind: 'heartbeat' | 'echo' | 'digest' | 'delta' | 'news' | 'unknown'
  /** How it travels. */
  readonly via: 'datagram' | 'stream'
  /** Its length. */
  readonly bytes: number
}

/** Something was turned away. */
export interface RejectedMessage {
  /** Name of the peer that tells. */
  readonly self: string
  /** Where it came from. Of datagrams that are not sealed, whoever sent them may have written anything there. */
  readonly address: string
  /** What was wrong, for people to read. */
  readonly reason: string
  /** The same as one of a few words; see the metric `telepathine_rejected_total`. */
  readonly kind: string
}

/** A connection. */
export type LinkMessage = PeerMessage

/** A connection is gone. */
export interface LinkDownMessage extends PeerMessage {
  /** By whom or what; `refused`: the port is there and nobody listens. */
  readonly how: 'closed' | 'refused' | 'unreachable'
}

/** Own updates wait to be sent. */
export interface BackpressureMessage {
  /** Name of the peer that tells. */
  readonly self: string
  /** What happened. */
  readonly state: 'held' | 'drained'
}

/** A snapshot was read. */
export interface SnapshotMessage {
  /** The file. */
  readonly file: string
  /** Incarnation of the last life; 0 when there was none, or the file could not be used. */
  readonly incarnation: number
  /** Names of the peers to join through. */
  readonly peers: readonly string[]
}

/** Where a call stands in its trace, as W3C Trace Context writes it; undefined when nobody traces. */
export interface TraceContext {
  /** `00-<trace id>-<span id>-<flags>`. */
  readonly traceparent: string
  /** What vendors add; empty when they do not. */
  readonly tracestate: string
}

/**
 * Whether the caller waits for one result, for several, or only until it is taken in, by a worker (`push`) or by a
 * queue (`enqueue`).
 */
export type CallKind = 'request' | 'stream' | 'push' | 'enqueue'

/** A call that is made here. */
export interface CallMessage {
  /** Name of the peer that calls. */
  readonly self: string
  /** Name of the service. */
  readonly service: string
  /** What kind of call it is. */
  readonly kind: CallKind
  /**
   * What travels with the call. A subscriber of `start` may set it, if OpenTelemetry has not: a trace parent that is
   * not one is left out.
   */
  trace: TraceContext | undefined
  /** Name of the worker that the last attempt went to; undefined before the first. */
  worker: string | undefined
  /** Attempts so far. */
  attempts: number
  /** What it came to, unless it failed. */
  result?: unknown
  /** How it failed. */
  error?: unknown
}

/** A call that is served here. */
export interface ServeMessage {
  /** Name of the peer that serves it. */
  readonly self: string
  /** Name of the service. */
  readonly service: string
  /** What kind of call it is. */
  readonly kind: CallKind
  /** Name of the peer that calls. */
  readonly from: string
  /** Which attempt of the caller this is, from 1. */
  readonly attempt: number
  /** What came with the call. */
  readonly trace: TraceContext | undefined
  /** What the handler threw. */
  error?: unknown
}

/** A call goes to a worker. */
export interface AttemptMessage {
  /** Name of the peer that calls. */
  readonly self: string
  /** Name of the service. */
  readonly service: string
  /** Name of the worker. */
  readonly worker: string
  /** From 1. */
  readonly attempt: number
}

/** A call was turned away. */
export interface RefusedMessage {
  /** Name of the peer that tells. */
  readonly self: string
  /** Name of the peer that calls. */
  readonly from: string
  /** The service, which need not be one that there is; empty when it is not known any more. */
  readonly service: string
  /** Why. */
  readonly reason: string
}

/** A worker app is in another state. */
export interface AppMessage {
  /** Name of the peer that runs it. */
  readonly self: string
  /** `folder/worker`. */
  readonly app: string
  /** Which state that is: `running`, `stopped` and so on. */
  readonly state: string
  /** What went wrong, if something did. */
  readonly error: string | undefined
}

/** Names of the channels. */
export type Name = keyof DiagnosticMessages
/** Names of the tracing channels. */
export type TraceName = keyof DiagnosticTraces

/** A channel and what is said on it. */
export type Told<N extends Name> = Channel<unknown, DiagnosticMessages[N]>

function told<N extends Name>(name: N): Told<N> {
  return channel(name) as Told<N>
}

/** The channels, to publish on. */
export const channels: { readonly [N in Name]: Told<N> } = {
  'telepathine:peer:new': told('telepathine:peer:new'),
  'telepathine:peer:start': told('telepathine:peer:start'),
  'telepathine:peer:stop': told('telepathine:peer:stop'),
  'telepathine:peer:suspect': told('telepathine:peer:suspect'),
  'telepathine:peer:trust': told('telepathine:peer:trust'),
  'telepathine:peer:forgotten': told('telepathine:peer:forgotten'),
  'telepathine:message:sent': told('telepathine:message:sent'),
  'telepathine:message:received': told('telepathine:message:received'),
  'telepathine:rejected': told('telepathine:rejected'),
  'telepathine:link:up': told('telepathine:link:up'),
  'telepathine:link:down': told('telepathine:link:down'),
  'telepathine:backpressure': told('telepathine:backpressure'),
  'telepathine:snapshot:loaded': told('telepathine:snapshot:loaded'),
  'telepathine:call:attempt': told('telepathine:call:attempt'),
  'telepathine:serve:refused': told('telepathine:serve:refused'),
  'telepathine:app:state': told('telepathine:app:state'),
}

/** The tracing channels, to publish on. */
export const traces: { readonly [N in TraceName]: TracingChannel<unknown, DiagnosticTraces[N]> } = {
  'telepathine:call': tracingChannel<unknown, CallMessage>('telepathine:call'),
  'telepathine:serve': tracingChannel<unknown, ServeMessage>('telepathine:serve'),
}

/**
 * Has a function called with what is said on a channel, with its type. The same as `subscribe` of
 * `node:diagnostics_channel`.
 *
 * @returns what ends it
 */
export function subscribe<N extends Name>(name: N, listener: (message: DiagnosticMessages[N]) => void): () => void {
  const heard = (message: unknown): void => listener(message as DiagnosticMessages[N])
  channels[name].subscribe(heard)
  return () => channels[name].unsubscribe(heard)
}
