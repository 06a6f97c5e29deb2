/**
 * What is said over the WebSocket at `/live`: a picture of the cluster as one peer sees it, kept up to date. All
 * messages are JSON texts.
 *
 * 1. The client opens `ws://peer/live`, with the subprotocol {@link liveProtocol} if it likes, and says `hello`.
 * 2. The peer answers with a `snapshot`: whole tables.
 * 3. From then on it sends a `delta` at most every {@link tickMs}: what has changed since the message before. However
 *    often something changes meanwhile, it is told once, as it is then.
 * 4. The client may say what it `want`s besides the tables: the keys that fit a search, the stream of what happens.
 *
 * A client that does not keep up is sent nothing while much waits for it, and then another snapshot in place of the
 * deltas that it missed; one that stays behind is closed. So a peer holds a bounded amount for each.
 *
 * Everything in it that is a text comes from other peers and may be anything: it is to be shown, never to be run.
 */

/** The WebSocket subprotocol, which names the version. A later version that cannot be read as this one has another. */
export const liveProtocol = 'telepathine.live.v1'
/** The version that `hello` asks for and a snapshot has. New fields and tables may come within a version. */
export const liveVersion = 1
/** Time between two deltas at least, in milliseconds. */
export const tickMs = 200

/** Why the peer closes the connection; beside WebSocket's own 1001 when it stops. */
export const LiveClose = {
  /** What the client said makes no sense, or it said too much. */
  badRequest: 4400,
  /** Reading takes a token, and none or a wrong one was in `hello` or in the header Authorization. */
  unauthorized: 4401,
  /** No `hello` came. */
  timeout: 4408,
  /** The version asked for is not spoken here. */
  version: 4409,
  /** The client has not kept up for too long. */
  slow: 4429,
} as const

// ---- what clients say

/** What a client may say. */
export type LiveRequest =
  | {
      readonly type: 'hello'
      readonly version: number
      /** From where no header Authorization can be sent. A wrong one is not let in, whatever may be read without. */
      readonly token?: string
      readonly want?: LiveWant
    }
  | { readonly type: 'want'; readonly want: LiveWant }

/** What a client wants besides the tables. What is left out stays as it was; null: no longer. */
export interface LiveWant {
  readonly keys?: KeyWant | null
  readonly stream?: StreamWant | null
}

/** A search among the keys of all peers: those whose name holds `text`, whatever the case. */
export interface KeyWant {
  readonly text?: string
  /** Only of this peer. */
  readonly peer?: string
}

/** Which happenings to tell of: those of these kinds whose peer or name holds `text`, whatever the case. */
export interface StreamWant {
  readonly text?: string
  readonly kinds?: readonly HappeningKind[]
}

// ---- what the peer says

/** What a peer may say. */
export type LiveMessage = LiveSnapshot | LiveDelta

/** The whole picture; whatever came before is void, but for the stream. */
export interface LiveSnapshot {
  readonly type: 'snapshot'
  readonly version: number
  /** Unix time in milliseconds, by the peer's clock; so in all messages. */
  readonly at: number
  readonly self: SelfInfo
  readonly tables: { readonly [T in TableName]: readonly Tables[T][] }
  readonly queue: QueueState | null
  /** The last minutes; see {@link Sample}. The oldest first. */
  readonly history: readonly Sample[]
}

/** What has changed since the message before. What has not is left out. */
export interface LiveDelta {
  readonly type: 'delta'
  readonly at: number
  readonly tables?: { readonly [T in TableName]?: TablePatch<Tables[T]> }
  readonly queue?: QueueState | null
  /** A new one for the history. */
  readonly sample?: Sample
  readonly keys?: KeysPatch
  /** What happened, the oldest first. */
  readonly stream?: readonly Happening[]
  /** How much more happened, that fits the filter and was not told of: it was too much at a time. */
  readonly missed?: number
}

/** A table's rows, each with a `key` of its own. */
export interface Tables {
  readonly peers: PeerRow
  readonly rumours: RumourRow
  readonly workers: WorkerRow
  readonly apps: AppRow
  readonly queues: QueueRow
}

/** The name of a table. */
export type TableName = keyof Tables

/** Rows that are new, with all their fields, or have changed, with the fields that did; and keys of those that went. */
export interface TablePatch<Row> {
  readonly set?: readonly (Partial<Row> & { readonly key: string })[]
  readonly gone?: readonly string[]
}

/** The peer that is looked at, and through which everything is seen. */
export interface SelfInfo {
  readonly name: string
  readonly cluster: string
  readonly incarnation: number
  /** Whether writing is open to all who reach this page, takes the token, or is refused. */
  readonly writes: 'open' | 'token' | 'never'
  /** Whether this client may: it came with the token, or none is needed. */
  readonly mayWrite: boolean
  /** The value of phi at which a peer is suspected. */
  readonly phiThreshold: number
  readonly heartbeatIntervalMs: number
}

/** A peer, the one that is looked at included. */
export interface PeerRow {
  /** Its name, `host:port`. */
  readonly key: string
  readonly state: 'alive' | 'suspect' | 'dead' | 'left'
  readonly incarnation: number
  /** Unix time in milliseconds since when it has been up, or down, as seen from here. */
  readonly since: number
  /** Where it stands on the ring, 0 to 1. The same everywhere. */
  readonly place: number
  /** How surprising its silence is; null for a peer that others watch. */
  readonly phi: number | null
  /** Up to which version its log is known here. */
  readonly version: number
  /** How many keys it has; null while that is not counted yet. */
  readonly keys: number | null
  /** What its keys and values take. */
  readonly bytes: number
  /** What it gave as metadata, as a short text; empty when nothing. */
  readonly metadata: string
}

/** What a peer said about another, in the last minute. */
export interface RumourRow {
  readonly key: string
  /** Who says so. */
  readonly by: string
  /** Of whom; of itself when it answers. */
  readonly about: string
  readonly verdict: 'suspect' | 'dead' | 'alive'
  /** Unix time in milliseconds when it was said, about. */
  readonly at: number
  /** Whether it still stands: nothing later has been heard of whom it is about. */
  readonly stands: boolean
}

/** A service at a peer. Worker apps are services named `apps/<folder>/<worker>`. */
export interface WorkerRow {
  readonly key: string
  readonly service: string
  readonly peer: string
  readonly version: string
  readonly tags: string
  /** How many calls it runs at a time. */
  readonly concurrency: number
  /** What the peer says its load is, as a text. */
  readonly load: string
  /** Calls that run or wait at the peer, of all its services. */
  readonly inflight: number
  /** The rest is null for peers that do not tell it: calls of this service that run, and that wait. */
  readonly running: number | null
  readonly waiting: number | null
  /** A second, lately. */
  readonly calls: number | null
  readonly errors: number | null
  /** Calls turned away for want of room, a second, lately. */
  readonly refused: number | null
  /** Half of the calls of late took no longer; 99 in a hundred. Milliseconds. */
  readonly p50: number | null
  readonly p99: number | null
}

/** A worker app at a peer. */
export interface AppRow {
  readonly key: string
  readonly app: string
  /** Empty for the row that stands for an app which no peer has taken up yet. */
  readonly peer: string
  /** Whether the cluster is to run it. */
  readonly isWanted: boolean
  readonly state: string
  /** Of what was deployed; null for one that the peer had. */
  readonly version: number | null
  /** What went wrong; empty: nothing. */
  readonly error: string
}

/** The jobs of one name in the queue of the peer that is looked at; null: its engine does not tell. */
export interface QueueRow {
  /** Their name. */
  readonly key: string
  /** May be taken now. */
  readonly waiting: number
  /** Wait for their time. */
  readonly delayed: number | null
  /** In the hands of workers. */
  readonly running: number | null
  /** Given up. */
  readonly dead: number | null
}

/** How it is with the queue of the peer that is looked at; null in its place: there is none. */
export interface QueueState {
  /** Unix time in milliseconds since when its engine has not answered, and the rows are what it said before. */
  readonly silentSince: number | null
  /** How many names there are that have no row: it was too much to show. */
  readonly more: number
}

/** A key that the search found. */
export interface KeyRow {
  readonly peer: string
  readonly key: string
  /** The value as JSON, cut short. */
  readonly text: string
  /** What it takes, encoded. */
  readonly bytes: number
  readonly version: number
  /** Unix time in milliseconds; null: never. */
  readonly expiresAt: number | null
}

/** What has changed among the keys that fit the search. */
export interface KeysPatch {
  /** The answer to a new search, or to the same again after too many changes: what was known is void. */
  readonly found?: {
    readonly want: KeyWant
    /** How many keys fit; not all of them need be among the rows that follow. */
    readonly count: number
  }
  readonly set?: readonly KeyRow[]
  readonly gone?: readonly { readonly peer: string; readonly key: string }[]
}

/** The kinds of what happens. */
export const happeningKinds = ['say', 'set', 'delete', 'expired', 'peer', 'rumour', 'missed', 'rejected'] as const

/** The kind of what happened. */
export type HappeningKind = (typeof happeningKinds)[number]

/** Something that happened. */
export interface Happening {
  /** Rises with each. */
  readonly id: number
  /** Unix time in milliseconds when it came to be known here. */
  readonly at: number
  readonly kind: HappeningKind
  /** Whose: who said or set it, or whom it is about. */
  readonly peer: string
  /** The event or key; for `peer` what became of it, for `rumour` the verdict. */
  readonly name: string
  /** The value as JSON, cut short; for `rumour` who says so. */
  readonly text: string
}

/** What a {@link Sample} holds, in this order. Rates are a second, over the time since the sample before. */
export const sampleFields = [
  /** Unix time in milliseconds. */
  'at',
  /** Bytes that this peer sent: fresh news, repair (anti-entropy), heartbeats, calls. */
  'news', 'repair', 'liveness', 'work',
  /** Messages that it sent, of all these. */
  'messages',
  /** Peers, itself included, by state. */
  'alive', 'suspect', 'dead',
  /** Keys set by others that arrived here. */
  'arrivals',
  /** How long it took from `set` there to here: half of them less, nearly all less. Milliseconds; null: none came. */
  'lag50', 'lag99',
] as const

/** Figures of the peer that is looked at; see {@link sampleFields}. */
export type Sample = readonly (number | null)[]

/** How many samples are kept. */
export const samplesMax = 300
/** Time between two. */
export const sampleMs = 2_000
