import type { Identity } from './identity.js'
import type { KeySpace } from './keyspace.js'
import type { PhiAccrualDetector } from './phi.js'

/** What is held of a peer: `suspect` still counts as alive to users. */
export type MemberState = 'alive' | 'suspect' | 'dead' | 'left'

/** A suspicion under way. */
export interface Suspicion {
  since: number
  /** The heartbeat it was suspected at: a higher one ends it. */
  readonly beat: number
  /** Who says so; each makes the verdict come sooner. Bounded by `observersMax`. */
  readonly observers: Set<string>
}

/** What one peer knows of another in one incarnation (or of itself). */
export class Member {
  readonly identity: Identity
  readonly space: KeySpace
  state: MemberState = 'alive'
  /** Whether its metadata has come, and users have been told of it. */
  introduced = false
  /** Highest heartbeat counter known. */
  beat = 0
  /** The heartbeat it was declared dead at: only a higher one brings it back. */
  deadBeat = 0
  /** When it was declared dead or left. */
  stoppedAt = Infinity
  detector: PhiAccrualDetector | undefined = undefined
  suspicion: Suspicion | undefined = undefined
  /** When it last was asked for a sign of life. */
  askedAt = -Infinity
  /** Watched although it is not our turn: it left an exchange unanswered. */
  doubted = false
  /** It was condemned for a refused connection. */
  wasRefused = false
  /** … and came back: refused connections prove nothing about this peer. */
  refusalsLie = false
  /** Datagrams that asked for an answer since the last answer. */
  unanswered = 0
  /** When a datagram was last answered. */
  answeredAt = -Infinity
  /** Bytes that wait on the connection to it, as the host says. */
  queuedBytes = 0
  /** Since when news waits for that connection to drain; Infinity: it does not. */
  fullSince = Infinity
  /** Until when a bulk transfer of its key space is taken to be coming in. */
  incomingUntil = -Infinity
  /** What is counted in the summary: twice the version, and one more if alive; 0: not counted. */
  summed = 0
  /** Whether the summary has to look at it again. */
  stale = false

  constructor(identity: Identity, space: KeySpace) {
    this.identity = identity
    this.space = space
  }

  get name(): string {
    return this.identity.name
  }

  get isLive(): boolean {
    return this.state === 'alive' || this.state === 'suspect'
  }
}
