import { Reader, Writer } from './bytes.js'
import type { GossipConfig } from './config.js'
import { readEntries, writeCounted } from './digest.js'
import type { DigestEntry } from './digest.js'
import type { Send } from './effects.js'
import { Kind } from './entry.js'
import type { Entry } from './entry.js'
import type { Member } from './member.js'
import type { Mesh } from './mesh.js'
import { Message, readName } from './message.js'
import type { Header } from './message.js'
import type { Outbox } from './outbox.js'
import { PhiAccrualDetector } from './phi.js'
import type { Post } from './post.js'
import { happens, shuffle } from './random.js'
import type { Random } from './random.js'
import { valueOf } from './valueheap.js'

/** Suspicions and verdicts are kept in their speaker's log this long, for those who missed them. */
export const rumourMs = 60_000
/** Observers that must confirm a suspicion for the shortest wait (Lifeguard's K). */
const confirmationsWanted = 3
/** Observers counted for one suspicion. */
const observersMax = 16
/** A heartbeat beyond this was never sent by anybody; the suspect must always be able to go one further. */
const rumouredBeatMax = 2 ** 40
/** An observer is asked to echo a heartbeat once in this time, to see that datagrams get through. */
const echoEveryMs = 10_000
/**
 * While many join or leave, each changes who follows whom. Places are taken once the rings have been quiet for a
 * moment, so that no connection is made to a neighbour of a few milliseconds. Where all are neighbours there is little
 * to wait for.
 */
const settleMs = 500
const settleMsMax = 1_500
const settleMsFew = 30
/** How many of those that changed lately a heartbeat tells of, so that whoever was passed by notices. */
const hotMax = 8
/** Dead members asked at a time. */
const probesAtATime = 16
/** How likely a heartbeat is sent as a datagram too, while datagrams to that peer seem not to get through. */
const retryDatagramChance = 0.1
/** While somebody is late, how often to look. */
const lateCheckMs = 100

/** What a heartbeat says of its sender's state. */
export interface Knowledge {
  /** All it knows, in one number. */
  readonly summary: number
  /** Some of what changed there lately. */
  readonly hot: readonly DigestEntry[]
}

/** Says something about a peer into one's own log. */
export type Announce = (kind: Kind, value: Uint8Array, lifetimeMs: number, now: number) => void

/**
 * Who is alive.
 *
 * Each peer sends its heartbeat, a counter, to the few that follow it on the ring; each of these runs a phi accrual
 * detector on it. A silence that becomes surprising is asked about first; if no answer comes, the observer says that it
 * suspects. Every peer hears that, and the wait for the verdict shrinks with each further observer that says the same
 * (Lifeguard: Dadgar, Phillips, Currey, arXiv 1707.00788). The suspect hears it too, and ends it by answering with a
 * higher counter. A connection that cannot be opened again because nobody listens is a verdict at once.
 *
 * Whatever a peer says itself carries its counter, and a dead peer comes back only with a counter higher than the one
 * it was declared dead at: nothing late or replayed can raise it.
 */
export class Liveness {
  readonly #config: GossipConfig
  readonly #mesh: Mesh
  readonly #post: Post
  readonly #outbox: Outbox
  readonly #random: Random
  readonly #announce: Announce
  readonly #revived: (member: Member, now: number) => void
  /** Those that follow us and hear our heartbeat. At most `observers`. */
  #observers: Member[] = []
  /** The names of those for whom the same datagram will do: all of them, most of the time. */
  #reached: string[] = []
  /** Until when it will, unless a way turns out to be closed meanwhile; and how many had when that was found out. */
  #reachedUntil = -Infinity
  #closures = 0
  /** Those that we follow and watch. At most `observers`. */
  #watched: Member[] = []
  /** Others that we watch for a while: they left an exchange unanswered. */
  readonly #doubted = new Set<Member>()
  /** Members under suspicion. */
  readonly #suspects = new Set<Member>()
  /** The counter of our last answer to a suspicion. */
  #refutedAt = 0
  /** Dead members yet to be asked whether they live. Bounded by the members there are. */
  #probes: Member[] = []
  /** When the rings began to change, and when to look up who follows whom. */
  #changedAt: number | undefined
  #placesDue = Infinity
  #nextBeat = 0
  #nextCheck = 0
  #lastCheck = 0

  constructor(parts: {
    config: GossipConfig
    mesh: Mesh
    post: Post
    outbox: Outbox
    random: Random
    announce: Announce
    /** Called when a member that was held for dead has spoken to us itself: others may not know. */
    revived: (member: Member, now: number) => void
  }) {
    this.#config = parts.config
    this.#mesh = parts.mesh
    this.#post = parts.post
    this.#outbox = parts.outbox
    this.#random = parts.random
    this.#announce = parts.announce
    this.#revived = parts.revived
  }

  start(now: number): void {
    // peers that start together must not beat together
    this.#nextBeat = now + this.#random.unit() * this.#config.heartbeatIntervalMs
    this.#nextCheck = now + this.#config.heartbeatIntervalMs
    this.#lastCheck = now
    this.#probes = []
    this.#changedAt = undefined
    this.#placesDue = now
    this.#observers = []
    this.#reachedUntil = -Infinity
    this.#watched = []
    this.#doubted.clear()
    this.#suspects.clear()
  }

  get nextWake(): number {
    return Math.min(this.#nextBeat, this.#nextCheck, this.#placesDue)
  }

  // ---- time

  tick(now: number): void {
    if (this.#mesh.ringsChanged) {
      this.#mesh.ringsChanged = false
      this.#changedAt ??= now
      const few = this.#mesh.liveCount <= this.#config.observers
      this.#placesDue = few ? now + settleMsFew : Math.min(this.#changedAt + settleMsMax, now + settleMs)
    }
    if (now >= this.#placesDue) this.#takePlaces(now)
    if (now >= this.#nextBeat) {
      this.#beat(now)
      const { heartbeatIntervalMs } = this.#config
      this.#nextBeat = now + heartbeatIntervalMs * (0.95 + 0.1 * this.#random.unit())
    }
    if (now >= this.#nextCheck) this.#check(now)
  }

  /** Who follows whom has changed. */
  #takePlaces(now: number): void {
    this.#changedAt = undefined
    this.#placesDue = Infinity
    const ring = this.#mesh.rings[0]
    const { self } = this.#mesh
    const before = new Set(this.#observers)
    this.#observers = ring.following(self, this.#config.observers)
    this.#reachedUntil = -Infinity
    const watched = ring.preceding(self, this.#config.observers)
    for (const member of this.#watched) {
      if (!watched.includes(member) && !member.contact.doubted) member.note().detector = undefined
    }
    for (const member of watched) this.#watch(member, now)
    this.#watched = watched
    const neighbours = new Set([...this.#observers, ...watched])
    this.#outbox.link([...neighbours].map((member) => member.name))
    for (const member of this.#observers) if (!before.has(member)) this.#sendBeat(member, now, false)
  }

  #watch(member: Member, now: number): void {
    if (member.contact.detector !== undefined) return
    const { heartbeatIntervalMs, minDeviationMs, acceptablePauseMs } = this.#config
    const detector = new PhiAccrualDetector({
      firstIntervalMs: heartbeatIntervalMs,
      maxIntervalMs: heartbeatIntervalMs * 2 + acceptablePauseMs,
      minDeviationMs,
      acceptablePauseMs,
    })
    detector.expect(now)
    member.note().detector = detector
  }

  #beat(now: number): void {
    this.#mesh.self.beat++
    // looking at each of them every time would cost more than all the rest
    if (now > this.#reachedUntil || this.#post.closures !== this.#closures) this.#beatApart(now)
    this.#post.datagrams('liveness', this.#reached, [this.#heartbeat(false, now)])
  }

  /** Finds out for whom the same datagram will do, and until when; sends the others what they need instead. */
  #beatApart(now: number): void {
    this.#reached = []
    this.#reachedUntil = Infinity
    this.#closures = this.#post.closures
    for (const member of this.#observers) {
      const answerUntil = member.contact.answeredAt + echoEveryMs
      if (now <= answerUntil && this.#post.datagramsReach(member)) {
        this.#reached.push(member.name)
        this.#reachedUntil = Math.min(this.#reachedUntil, answerUntil)
      } else {
        this.#reachedUntil = -Infinity
        this.#sendBeat(member, now, now > answerUntil)
      }
    }
  }

  #sendBeat(member: Member, now: number, wantsEcho: boolean): void {
    const parts = [this.#heartbeat(wantsEcho, now)]
    if (this.#post.datagramsReach(member)) {
      this.#post.datagram('liveness', member.name, parts)
      if (wantsEcho) this.#post.asked(member)
      return
    }
    this.#post.stream('liveness', member.name, parts)
    // a way that was closed is tried again now and then
    if (!this.#config.udp || !happens(this.#random, retryDatagramChance)) return
    this.#post.datagram('liveness', member.name, parts)
  }

  #heartbeat(wantsEcho: boolean, now: number): Uint8Array {
    const message = this.#post.begin(Message.heartbeat)
    message.u8(wantsEcho ? 1 : 0)
    message.u48(this.#mesh.summaryValue(now))
    const hot = this.#mesh.hot(now).filter((member) => member !== this.#mesh.self && this.#mesh.isShared(member, now))
    writeCounted(message, hot.length > hotMax ? shuffle(this.#random, hot).slice(0, hotMax) : hot, now)
    return message.take()
  }

  /** Asks for a sign of life by all ways there are. */
  #ask(member: Member, now: number): void {
    member.note().askedAt = now
    const parts = [this.#heartbeat(true, now)]
    if (this.#config.udp) this.#post.datagram('liveness', member.name, parts)
    this.#post.stream('liveness', member.name, parts)
  }

  /** Looks at everybody watched, and at suspicions that have come of age. */
  #check(now: number): void {
    // if we come late we were stalled ourselves, and could not have heard anybody
    const stalledMs = now - Math.max(this.#nextCheck, this.#lastCheck)
    const stalled = stalledMs > this.#config.heartbeatIntervalMs / 2
    // when the first of them is late, or could be
    let lateAt = Infinity
    for (const list of [this.#watched, this.#doubted]) {
      for (const member of list) {
        const { detector } = member.contact
        if (!member.isLive || detector === undefined) {
          this.#doubted.delete(member)
          continue
        }
        if (stalled) detector.forgive(stalledMs, now)
        const quietUntil = (detector.lastHeartbeat ?? now) + this.#usualSilenceMs
        lateAt = Math.min(lateAt, quietUntil)
        if (now >= quietUntil) this.#judge(member, detector, now)
      }
    }
    for (const member of this.#suspects) {
      const { suspicion } = member.contact
      if (suspicion === undefined || !member.isLive) {
        this.#suspects.delete(member)
        continue
      }
      if (stalled) suspicion.since += stalledMs
      lateAt = now
      const mine = suspicion.observers.has(this.#mesh.self.name)
      // who only heard of it waits a little longer for the verdict of those who watch
      if (now - suspicion.since < this.#patience(suspicion.observers.size) * (mine ? 1 : 2)) continue
      this.#condemn(member, mine, now)
    }
    for (const member of this.#probes.splice(0, probesAtATime)) {
      if (member.state === 'dead') this.#post.send('liveness', member, [this.#heartbeat(true, now)])
    }
    if (this.#probes.length > 0) lateAt = now
    this.#lastCheck = now
    const { heartbeatIntervalMs } = this.#config
    const soonest = now + (lateAt <= now ? lateCheckMs : heartbeatIntervalMs / 2)
    this.#nextCheck = Math.max(soonest, Math.min(lateAt, now + heartbeatIntervalMs))
  }

  /** A silence that nobody need ask about. */
  get #usualSilenceMs(): number {
    return this.#config.heartbeatIntervalMs * 1.2 + this.#config.acceptablePauseMs / 2
  }

  /** Asks about a silence, then suspects. */
  #judge(member: Member, detector: PhiAccrualDetector, now: number): void {
    const { heartbeatIntervalMs, phiThreshold } = this.#config
    const { askedAt, suspicion } = member.contact
    if (now - askedAt >= heartbeatIntervalMs / 2) this.#ask(member, now)
    if (detector.phi(now) >= phiThreshold && !suspicion?.observers.has(this.#mesh.self.name)) {
      this.#announce(Kind.suspect, this.#aboutPeer(member), rumourMs, now)
      this.#suspect(member, member.beat, this.#mesh.self.name, now)
    }
  }

  /** The wait from suspicion to verdict with so many observers who say the same (Lifeguard, section IV-B). */
  #patience(observers: number): number {
    const { suspicionMinMs, suspicionMaxMs } = this.#config
    const wanted = Math.min(confirmationsWanted, Math.max(0, this.#mesh.liveCount - 2))
    if (wanted === 0) return suspicionMinMs
    const shrink = Math.log(observers) / Math.log(wanted + 1)
    return Math.max(suspicionMinMs, suspicionMaxMs - (suspicionMaxMs - suspicionMinMs) * shrink)
  }

  #suspect(member: Member, beat: number, by: string, now: number): void {
    const contact = member.note()
    if (contact.suspicion === undefined) {
      contact.suspicion = { since: now, beat, observers: new Set() }
      member.state = 'suspect'
      this.#suspects.add(member)
      if (member.introduced) this.#outbox.notify({ kind: 'suspected', peer: member.name, by })
      this.#nextCheck = Math.min(this.#nextCheck, now + lateCheckMs)
    }
    if (contact.suspicion.observers.size < observersMax) contact.suspicion.observers.add(by)
  }

  /** The verdict; told to all if it is our own. */
  #condemn(member: Member, tell: boolean, now: number): void {
    if (tell) this.#announce(Kind.dead, this.#aboutPeer(member), rumourMs, now)
    this.#mesh.stop(member, 'dead', now)
    this.#suspects.delete(member)
    this.#outbox.drop(member.name)
  }

  #aboutPeer(member: Member): Uint8Array {
    const writer = new Writer(64)
    writer.text(member.name)
    writer.varint(member.identity.incarnation)
    writer.varint(member.beat)
    return writer.take()
  }

  // ---- what comes in

  /** A message came from the member itself; its counter says whether it is news of life. */
  heard(member: Member, beat: number, now: number): void {
    const wasDead = member.state === 'dead'
    this.heardOf(member, beat, now)
    if (!wasDead || !member.isLive) return
    this.#revived(member, now)
    // if one comes back, the fault may have been in between: then others have come back with it
    if (this.#probes.length > 0) return
    this.#probes = shuffle(this.#random, [...this.#mesh.stopped].filter((other) => other.state === 'dead'))
    this.#nextCheck = Math.min(this.#nextCheck, now + lateCheckMs)
  }

  /** Somebody knows of this heartbeat of the member. */
  heardOf(member: Member, beat: number, now: number): void {
    if (beat <= member.beat) return
    member.beat = beat
    const { detector, doubted, suspicion, deadBeat, wasRefused } = member.contact
    detector?.heartbeat(now)
    if (doubted) this.#trust(member)
    if (suspicion !== undefined && beat > suspicion.beat) this.#acquit(member)
    if (member.state !== 'dead' || beat <= deadBeat) return
    // condemned for a refused connection, and alive all the same: that proves nothing about this peer from now on
    if (wasRefused) member.note().refusalsLie = true
    this.#mesh.revive(member, now)
  }

  /** Answers if asked, the way the question came. Returns what the sender says it knows. */
  onHeartbeat(reader: Reader, header: Header, member: Member, via: Send['via']): Knowledge {
    const wantsEcho = (reader.u8() & 1) !== 0
    const knowledge = { summary: reader.u48(), hot: readEntries(reader) }
    if (wantsEcho) {
      const message = this.#post.begin(Message.echo)
      message.varint(header.beat)
      if (via === 'datagram') this.#post.datagram('liveness', member.name, [message.take()])
      else this.#post.stream('liveness', member.name, [message.take()])
    }
    return knowledge
  }

  onEcho(reader: Reader, member: Member, via: Send['via'], now: number): void {
    reader.varint()
    if (via === 'datagram') this.#post.answered(member, now)
  }

  /** A peer left an exchange unanswered: it is watched from now on, until it is heard. */
  doubt(member: Member, now: number): void {
    if (!member.isLive || member.contact.detector !== undefined || member === this.#mesh.self) return
    this.#watch(member, now)
    member.note().doubted = true
    this.#doubted.add(member)
  }

  /** Somebody holds a member for alive that we hold for dead, or the other way round: see for ourselves. */
  disagree(member: Member, now: number): void {
    if (member.isLive) this.doubt(member, now)
    else if (member.state === 'dead' && now - member.contact.askedAt >= this.#config.heartbeatIntervalMs) {
      member.note().askedAt = now
      this.#post.send('liveness', member, [this.#heartbeat(true, now)])
    }
  }

  /** Somebody says that it knows of this heartbeat, but may say anything: if that matters, see for ourselves. */
  heardRumour(member: Member, beat: number, now: number): void {
    if (member.state === 'dead' && beat > member.contact.deadBeat) this.disagree(member, now)
  }

  #trust(member: Member): void {
    const contact = member.note()
    contact.doubted = false
    this.#doubted.delete(member)
    if (!this.#watched.includes(member)) contact.detector = undefined
  }

  #acquit(member: Member): void {
    member.note().suspicion = undefined
    this.#suspects.delete(member)
    if (member.state !== 'suspect') return
    member.state = 'alive'
    if (member.introduced) this.#outbox.notify({ kind: 'trusted', peer: member.name })
  }

  /** Nobody listens where the member was reached before: its process is gone. */
  refused(member: Member, now: number): void {
    if (!member.isLive || member.contact.refusalsLie) return
    member.note().wasRefused = true
    this.#condemn(member, true, now)
  }

  /** What another peer said in its log about somebody, or about itself. */
  rumour(speaker: Member, entry: Entry, now: number): void {
    if (entry.kind === Kind.leave) {
      this.#mesh.stop(speaker, 'left', now)
      this.#outbox.drop(speaker.name)
      return
    }
    const about = readRumour(entry)
    if (about === undefined) return
    const { beat } = about
    const subject = this.#mesh.named(about.name)
    if (subject === undefined || subject.identity.incarnation !== about.incarnation) return
    if (entry.kind === Kind.alive) {
      if (subject === speaker) this.heardOf(subject, beat, now)
      return
    }
    if (beat > rumouredBeatMax) return
    if (subject === this.#mesh.self) this.#refute(beat, now)
    else if (!subject.isLive || beat < subject.beat) return
    else if (entry.kind === Kind.suspect) this.#suspect(subject, beat, speaker.name, now)
    else {
      subject.beat = beat
      this.#condemn(subject, false, now)
    }
  }

  /** Somebody doubts that we live: say so, beyond the heartbeat they know. */
  #refute(beat: number, now: number): void {
    const { self } = this.#mesh
    if (this.#refutedAt > beat) return
    self.beat = Math.max(self.beat, beat) + 1
    this.#refutedAt = self.beat
    this.#announce(Kind.alive, this.#aboutPeer(self), rumourMs, now)
  }
}

/** What a suspicion, verdict or answer says; undefined when it makes no sense. */
export function readRumour(entry: Entry): { name: string; incarnation: number; beat: number } | undefined {
  try {
    const reader = new Reader(valueOf(entry))
    return { name: readName(reader), incarnation: reader.counter(), beat: reader.counter() }
  } catch {
    return undefined
  }
}
