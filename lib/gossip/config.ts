/**
 * The numbers that the protocol runs on, already checked (see `lib/options.ts` for the user's side of them).
 * All durations are milliseconds, all sizes bytes.
 */
export interface GossipConfig {
  /** Name of the cluster; a message that carries another one is dropped and reported. */
  readonly cluster: string
  /** What this peer tells all others about itself, encoded by the host. */
  readonly metadata: Uint8Array
  /** Whether small messages may go as datagrams at all. */
  readonly udp: boolean
  /** Whether connections prove who is at the other end: then nobody may speak there in another's name. */
  readonly identified: boolean
  /** Pause between two exchanges that this peer begins when all is quiet; shorter while news is about. */
  readonly gossipIntervalMs: number
  /** Pause between two heartbeats to each observer. */
  readonly heartbeatIntervalMs: number
  /** How many peers watch each peer. */
  readonly observers: number
  /** Suspicion level at which an observer suspects. */
  readonly phiThreshold: number
  /** Silence, on top of the usual interval, that is nothing to worry about. */
  readonly acceptablePauseMs: number
  /** Least standard deviation assumed of heartbeat intervals. */
  readonly minDeviationMs: number
  /** Wait between suspicion and verdict when enough observers confirm it. */
  readonly suspicionMinMs: number
  /** Wait between suspicion and verdict when nobody confirms it. */
  readonly suspicionMaxMs: number
  /** How long a dead peer's state is kept. It is gossiped on for the first half of that. */
  readonly forgetAfterMs: number
  /** How long a deleted or expired key is remembered as such. A peer further behind gets the whole key space anew. */
  readonly tombstoneGraceMs: number
  /** How many parts a broadcast is split into at each hop. */
  readonly arcs: number
  /** Largest datagram. */
  readonly maxDatagramBytes: number
  /** Largest message over a connection. */
  readonly maxFrameBytes: number
  readonly maxKeyBytes: number
  readonly maxValueBytes: number
  /** Bound on one peer's keys and values, each counted with {@link entryOverheadBytes}. */
  readonly maxStateBytes: number
  /** Bound on one peer's events that are kept for those who join or missed them; the oldest go first. */
  readonly maxEventBytes: number
  /** Bound on the peers known, dead ones included. */
  readonly maxPeers: number
  /** Own updates waiting to be sent from which `set` and `say` return false. */
  readonly sendBudgetBytes: number
  /** Own updates waiting to be sent from which `set` and `say` throw `ERR_OVERLOAD`. */
  readonly maxBacklogBytes: number
}

/** What an entry counts beside its key and value, towards `maxStateBytes` and `maxEventBytes`. */
export const entryOverheadBytes = 100

/** What a peer runs on when nothing else is asked for. The reasons stand in ARCHITECTURE.md. */
export const defaultConfig: GossipConfig = {
  cluster: 'telepathine',
  metadata: new Uint8Array(0),
  udp: true,
  identified: false,
  gossipIntervalMs: 1_000,
  heartbeatIntervalMs: 500,
  observers: 8,
  phiThreshold: 8,
  acceptablePauseMs: 750,
  minDeviationMs: 125,
  suspicionMinMs: 400,
  suspicionMaxMs: 2_500,
  forgetAfterMs: 15 * 60_000,
  tombstoneGraceMs: 60_000,
  arcs: 8,
  maxDatagramBytes: 1_400,
  maxFrameBytes: 16 << 20,
  maxKeyBytes: 1_024,
  maxValueBytes: 8 << 20,
  maxStateBytes: 64 << 20,
  maxEventBytes: 64 << 20,
  maxPeers: 20_000,
  sendBudgetBytes: 1 << 20,
  maxBacklogBytes: 64 << 20,
}
