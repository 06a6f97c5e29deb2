import type { Identity } from './identity.js'
import type { KeySpace, Position } from './keyspace.js'
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

/** Our own dealings with a member. Most members are only known by what others say, and have none. */
export class Contact {
  detector: PhiAccrualDetector | undefined = undefined
  suspicion: Suspicion | undefined = undefined
  /** Watched although it is not our turn: it left an exchange unanswered. */
  doubted = false
  /** The heartbeat it was declared dead at: only a higher one brings it back. */
  deadBeat = 0
  /** When it was declared dead or left. */
  stoppedAt = Infinity
  /** When it last was asked for a sign of life. */
  askedAt = -Infinity
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
}

const noContact: Readonly<Contact> = Object.freeze(new Contact())

/**
 * What one peer knows of another in one incarnation (or of itself). As there may be many thousands, it begins as little
 * more than a name and some numbers; a log and a contact are made when there is something to put into them.
 */
export class Member implements Position {
  readonly identity: Identity
  state: MemberState = 'alive'
  /** Highest heartbeat counter known. */
  beat = 0
  /** Its first word, if it has come; users have been told of the member then. */
  metadata: Uint8Array | undefined = undefined
  /** Its log; undefined while that holds nothing but the metadata, or not even that. */
  space: KeySpace | undefined
  /** What is counted in the summary: twice the version, and one more if alive; 0: not counted. */
  summed = 0
  #contact: Contact | undefined = undefined

  constructor(identity: Identity, space?: KeySpace) {
    this.identity = identity
    this.space = space
  }

  get name(): string {
    return this.identity.name
  }

  get isLive(): boolean {
    return this.state === 'alive' || this.state === 'suspect'
  }

  /** Whether its metadata has come, and users have been told of it. */
  get introduced(): boolean {
    return this.metadata !== undefined
  }

  /** Everything that it said up to this version is known. */
  get maxVersion(): number {
    return this.space === undefined ? Number(this.introduced) : this.space.maxVersion
  }

  /** Tombstones up to this version may have been collected from its log. */
  get gcVersion(): number {
    return this.space === undefined ? 0 : this.space.gcVersion
  }

  /** Our dealings with it, for reading. */
  get contact(): Readonly<Contact> {
    return this.#contact ?? noContact
  }

  /** Our dealings with it, for noting something. */
  note(): Contact {
    return (this.#contact ??= new Contact())
  }
}
