import { dropOldest } from './bounded.js'
import type { GossipConfig } from './config.js'
import type { Expiry } from './expiry.js'
import { identify } from './identity.js'
import { KeySpace } from './keyspace.js'
import type { SpaceListener } from './keyspace.js'
import { Member } from './member.js'
import type { Notary } from './notary.js'
import type { Outbox } from './outbox.js'
import { Ring } from './ring.js'
import { Roster } from './roster.js'
import { Summary } from './summary.js'

/** How long "lately" is: members that changed within it are told of first in a digest. */
const hotMs = 3_000
/** How many of them are told of apart; a digest in a datagram has room for fewer. */
const hotMax = 256
/** How many forgotten lives are remembered, so that a late message does not raise them. */
const forgottenMax = 4_096

/** How somebody's life ended, and how long ago. */
export interface Stopped {
  readonly how: 'dead' | 'left'
  readonly agoMs: number
}

/**
 * Everybody known here, oneself included: by name, by id, on the two rings; what changed lately; who was forgotten.
 * Bounded by `maxPeers`.
 */
export class Mesh {
  readonly rings: readonly [Ring, Ring] = [new Ring(0), new Ring(1)]
  readonly summary = new Summary()
  /** The dead and the left that are still remembered. */
  readonly stopped = new Set<Member>()
  self!: Member
  /** Set where logs are signed. */
  readonly notary: Notary | undefined
  readonly #config: GossipConfig
  readonly #expiry: Expiry
  readonly #listener: SpaceListener
  readonly #outbox: Outbox
  readonly #roster = new Roster()
  /** Members that changed lately, the latest last, with the time. Bounded by `hotMax`. */
  readonly #hot = new Map<Member, number>()
  /** The last life of each that was forgotten, by name. Bounded by `forgottenMax`. */
  readonly #forgotten = new Map<string, { readonly incarnation: number; readonly beat: number }>()
  /** Ids of lives that are over, so that nobody is asked for them. Bounded by `forgottenMax`. */
  readonly #pastIds = new Set<number>()
  /** Set when the rings changed and neighbours must be looked up anew. */
  ringsChanged = true

  constructor(config: GossipConfig, expiry: Expiry, listener: SpaceListener, outbox: Outbox, notary?: Notary) {
    this.#config = config
    this.#expiry = expiry
    this.#listener = listener
    this.#outbox = outbox
    this.notary = notary
  }

  /** Takes its place as oneself; a former life of ours goes. */
  settle(self: Member): void {
    const former = this.#roster.named(self.name)
    if (former !== undefined) {
      this.#roster.remove(former)
      this.#hot.delete(former)
      this.#leave(former)
      this.summary.touch(former)
    }
    this.self = self
    this.#roster.add(self)
    self.metadata = this.#config.metadata
    this.#enter(self)
  }

  get size(): number {
    return this.#roster.size
  }

  /** In no order, which changes when one is forgotten. */
  members(): readonly Member[] {
    return this.#roster.all()
  }

  named(name: string): Member | undefined {
    return this.#roster.named(name)
  }

  withId(id: number): Member | undefined {
    return this.#roster.withId(id)
  }

  /** Whether this life is over for us: a later one was forgotten, or this one, at this heartbeat or a later one. */
  isForgotten(name: string, incarnation: number, beat: number): boolean {
    const last = this.#forgotten.get(name)
    if (last === undefined) return false
    return incarnation < last.incarnation || (incarnation === last.incarnation && beat <= last.beat)
  }

  /** Whether this life was forgotten or replaced. Should it live after all, it will say so itself. */
  isPast(id: number): boolean {
    return this.#pastIds.has(id)
  }

  /**
   * The member with this name in this incarnation, made if need be: undefined when a newer incarnation is known, it was
   * forgotten, or too many are known. A newer incarnation takes the place of an older one.
   */
  meet(name: string, incarnation: number, beat: number, stopped: Stopped | undefined, now: number): Member | undefined {
    const known = this.#roster.named(name)
    if (known !== undefined) {
      if (known.identity.incarnation === incarnation) return known
      if (known.identity.incarnation > incarnation || known === this.self) return undefined
    } else if (this.#roster.size > this.#config.maxPeers) return undefined
    if (this.isForgotten(name, incarnation, beat)) return undefined
    if (stopped !== undefined && stopped.agoMs >= this.#config.forgetAfterMs / 2) return undefined
    const identity = identify(name, incarnation)
    this.#forgotten.delete(name)
    this.#pastIds.delete(identity.id)
    if (known !== undefined) this.#supersede(known, now)
    const member = new Member(identity)
    member.beat = beat
    if (stopped !== undefined) {
      member.state = stopped.how
      member.note().deadBeat = beat
      member.note().stoppedAt = now - stopped.agoMs
      this.stopped.add(member)
    }
    this.#roster.add(member)
    return member
  }

  /** A member's log, made if there is none yet. */
  spaceOf(member: Member, now: number): KeySpace {
    if (member.space === undefined) {
      const signed = this.notary !== undefined
      member.space = new KeySpace(member.name, this.#config, this.#expiry, this.#listener, signed)
      if (member.metadata !== undefined) member.space.adopt(member.metadata, now)
    }
    return member.space
  }

  /** Its metadata has come: users get to know it. */
  introduce(member: Member, metadata: Uint8Array): void {
    if (member.introduced) return
    member.metadata = metadata
    const { name, incarnation } = member.identity
    this.#outbox.notify({ kind: 'peer:new', peer: name, incarnation, metadata })
    if (!member.isLive) return
    this.#enter(member)
    this.#outbox.notify({ kind: 'peer:start', peer: name })
  }

  /** It is no longer alive. */
  stop(member: Member, how: 'dead' | 'left', now: number): void {
    if (!member.isLive) return
    member.state = how
    member.note().deadBeat = member.beat
    member.note().stoppedAt = now
    this.stopped.add(member)
    this.#leave(member)
    this.grew(member, now)
    if (member.introduced) {
      this.#outbox.notify({ kind: 'peer:stop', peer: member.name, reason: how === 'left' ? 'left' : 'failed' })
    }
  }

  /** It turned out to be alive after all. */
  revive(member: Member, now: number): void {
    member.state = 'alive'
    member.note().stoppedAt = Infinity
    member.note().suspicion = undefined
    this.stopped.delete(member)
    this.grew(member, now)
    if (!member.introduced) return
    this.#enter(member)
    this.#outbox.notify({ kind: 'peer:start', peer: member.name })
  }

  /** Drops what is held of it. */
  forget(member: Member): void {
    this.#remove(member)
    const { name, incarnation } = member.identity
    this.#forgotten.set(name, { incarnation, beat: member.beat })
    dropOldest(this.#forgotten, forgottenMax)
    if (member.introduced) this.#outbox.notify({ kind: 'peer:forgotten', peer: member.name })
  }

  /** Its key space has grown, or it died or came back: others are told of it first for a while. */
  grew(member: Member, now: number): void {
    this.summary.touch(member)
    this.#hot.delete(member)
    this.#hot.set(member, now)
    dropOldest(this.#hot, hotMax)
  }

  /** Members that changed lately, in no order; those of long ago are let go. */
  hot(now: number): Member[] {
    for (const [member, at] of this.#hot) {
      if (at > now - hotMs) break
      this.#hot.delete(member)
    }
    return [...this.#hot.keys()]
  }

  /** Whether its state is still gossiped: dead peers are, for half the time that they are remembered. */
  isShared(member: Member, now: number): boolean {
    return member.introduced && now < member.contact.stoppedAt + this.#config.forgetAfterMs / 2
  }

  /** All that is known and shared, in one number. */
  summaryValue(now: number): number {
    return this.summary.value(this.#counts, now)
  }

  readonly #counts = (member: Member, now: number): boolean =>
    this.isShared(member, now) && this.#roster.named(member.name) === member

  get liveCount(): number {
    return this.rings[0].size - 1
  }

  /** A later life of the same peer is known: this one is over, and its keys with it. */
  #supersede(member: Member, now: number): void {
    this.stop(member, 'dead', now)
    if (member.introduced) {
      for (const key of member.space?.keys(now) ?? []) this.#outbox.notify({ kind: 'delete', peer: member.name, key })
    }
    this.#remove(member)
  }

  #remove(member: Member): void {
    this.#leave(member)
    this.#roster.remove(member)
    this.#hot.delete(member)
    this.stopped.delete(member)
    this.#pastIds.add(member.identity.id)
    dropOldest(this.#pastIds, forgottenMax)
    this.summary.touch(member)
    member.space?.clear()
  }

  #enter(member: Member): void {
    this.rings[0].add(member)
    this.rings[1].add(member)
    this.ringsChanged = true
  }

  #leave(member: Member): void {
    this.rings[0].remove(member)
    this.rings[1].remove(member)
    const contact = member.note()
    contact.detector = undefined
    contact.suspicion = undefined
    contact.doubted = false
    contact.queuedBytes = 0
    contact.fullSince = Infinity
    this.ringsChanged = true
  }
}
