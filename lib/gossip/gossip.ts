import { counterMax, Malformed, textLength } from './bytes.js'
import type { Reader } from './bytes.js'
import { entryOverheadBytes } from './config.js'
import type { GossipConfig } from './config.js'
import type { Effects } from './effects.js'
import { Kind } from './entry.js'
import type { Entry } from './entry.js'
import { TelepathineError } from './errors.js'
import { Exchange } from './exchange.js'
import { Expiry } from './expiry.js'
import { FlowControl } from './flow.js'
import { identify } from './identity.js'
import { KeySpace } from './keyspace.js'
import type { SpaceListener } from './keyspace.js'
import { Liveness, readRumour, rumourMs } from './liveness.js'
import { Member } from './member.js'
import type { MemberState } from './member.js'
import { Mesh } from './mesh.js'
import { clusterTag, Message, readHeader } from './message.js'
import type { Header } from './message.js'
import { News } from './news.js'
import type { Notary } from './notary.js'
import { Outbox } from './outbox.js'
import type { ClassTraffic, TrafficClass } from './outbox.js'
import { open, Post, queuedBytesHigh } from './post.js'
import type { Random } from './random.js'
import { lifetimeMsMax } from './records.js'
import { Sections } from './sections.js'
import { Seeds } from './seeds.js'
import { Testimony } from './testimony.js'
import { Transfers } from './transfers.js'
import { copyOfValue, valueOf } from './valueheap.js'

/** How often to look whom to forget. */
const forgetCheckMs = 1_000
/** A life that goes beyond one that others remember goes so far beyond it at most, in milliseconds. */
const outbidSpread = 4_096
/** News that its sender sent so many heartbeats ago is old: read, but not passed on. */
const staleBeats = 20
/** A farewell is kept in its speaker's log as long as suspicions are. */
const farewellMs = 60_000

/** What is known of a peer. */
export interface PeerView {
  readonly name: string
  readonly incarnation: number
  readonly state: MemberState
  readonly maxVersion: number
  readonly gcVersion: number
  /** Highest heartbeat counter known. */
  readonly beat: number
  /** How surprising its silence is; 0 for peers that others watch. */
  readonly phi: number
  /** Whether it is watched from here. */
  readonly isWatched: boolean
  /** Where it stands on the first ring, 0 .. 2^32 - 1. */
  readonly place: number
  /** What its keys and values count towards `maxStateBytes`. */
  readonly stateBytes: number
}

/** What one peer said about another, or about itself in answer. */
export interface Rumour {
  readonly by: string
  readonly about: string
  readonly verdict: 'suspect' | 'dead' | 'alive'
  /** When it was said, on the clock that `now` is read from. */
  readonly at: number
  /** Whether nothing later has been heard of whom it is about. */
  readonly stands: boolean
}

/** A value as it is held, still encoded. */
export interface HeldValue {
  readonly value: Uint8Array
  readonly version: number
  /** On the clock that `now` is read from; undefined: never ends. */
  readonly deadline: number | undefined
}

/** Counters and gauges of one peer. */
export interface GossipStats {
  /** Sent messages and bytes by class of traffic. */
  readonly sent: Readonly<Record<TrafficClass, Readonly<ClassTraffic>>>
  /** Messages and bytes received from other peers, by class of traffic. */
  readonly received: Readonly<Record<TrafficClass, Readonly<ClassTraffic>>>
  /** Received messages that were dropped as malformed or foreign. */
  readonly rejected: number
  /** Own updates that wait to be sent. */
  readonly pendingBytes: number
  /** What flow control allows this peer to send of its own updates. */
  readonly bytesPerSecondMax: number
  /** How often `set` and `say` were told to hold back, and how often they were refused for too much that waits. */
  readonly held: number
  readonly refused: number
  /** How old the first own update is that another peer was heard to lack of late; 0: nobody is behind. */
  readonly lagMs: number
  /** Exchanges begun in the regular course, for a difference, and those that nobody answered. */
  readonly exchanges: { readonly regular: number; readonly pulled: number; readonly unanswered: number }
  /** Reasons to believe that something is lacking here, which are being looked into. */
  readonly differences: number
}

/** What one peer holds of a cluster. */
export interface GossipCensus {
  /** How many peers there are in each state, this one included. */
  readonly members: Readonly<Record<MemberState, number>>
  /** How surprising the silence of the most silent peer is that is watched here. */
  readonly phiMax: number
  /** What is held of own keys and events, and of those of all others. */
  readonly own: HeldAmount
  readonly others: HeldAmount
}

/** How much is held. */
export interface HeldAmount {
  keys: number
  /** What `maxStateBytes` and `maxEventBytes` count. */
  stateBytes: number
  eventBytes: number
}

/**
 * The protocol as a machine without a world: it is told what came in and what time it is, and collects what is to be
 * done ({@link Effects}) until it is drained. It opens nothing, waits for nothing, reads no clock and throws no dice of
 * its own; the same calls give the same effects. The host gives it a life (`lib/host/host.ts`), the simulator
 * thousands.
 */
export class Gossip {
  readonly config: GossipConfig
  readonly #tag: readonly [number, number]
  readonly #random: Random
  readonly #notary: Notary | undefined
  readonly #outbox = new Outbox()
  readonly #expiry = new Expiry()
  readonly #seeds: Seeds
  /** Own key space; outlives the lives of this peer. */
  readonly #own: KeySpace
  #life: Life | undefined
  #rejected = 0
  #held = 0
  #refused = 0
  readonly #received: Record<TrafficClass, ClassTraffic> = {
    news: { messages: 0, bytes: 0 },
    repair: { messages: 0, bytes: 0 },
    liveness: { messages: 0, bytes: 0 },
  }
  /** Whether own log has grown since the last tick. */
  #grown = false
  /** Whether `set` or `say` returned false and a `drain` is owed. */
  #saturated = false
  #nextForget = Infinity
  /** The heartbeat that a life begins with. */
  #beat = 0
  /** The time that was passed in last; for notices made on the way. */
  #now = 0

  /** With a `notary`, for connections that are `identified`, nobody can write in another's log. */
  constructor(config: GossipConfig, random: Random, notary?: Notary) {
    this.config = config
    this.#tag = clusterTag(config.cluster)
    this.#random = random
    this.#notary = notary
    this.#own = new KeySpace('', config, this.#expiry, this.#listener, notary !== undefined)
    this.#seeds = new Seeds(() => this.#alive.mesh)
  }

  /** Own name; empty before the first start. */
  get name(): string {
    return this.#own.name
  }

  get incarnation(): number {
    return this.#life?.mesh.self.identity.incarnation ?? 0
  }

  // ---- life

  /**
   * Begins a life. `incarnation` (milliseconds since 1970, as a rule) must be higher than that of any life before under
   * this name. Own keys are kept from the life before.
   */
  start(name: string, incarnation: number, now: number): void {
    this.#now = now
    this.#own.name = name
    const { config } = this
    const random = this.#random
    const mesh = new Mesh(config, this.#expiry, this.#listener, this.#outbox, this.#notary)
    const post = new Post(config, mesh, this.#outbox)
    const sections = new Sections(mesh, config, (member, beat, rumoured, at) => {
      liveness.heardOf(member, beat, at)
      if (rumoured > beat) liveness.heardRumour(member, rumoured, at)
    })
    const flow = new FlowControl()
    const news = new News(config, mesh, post, sections, flow)
    const transfers = new Transfers(mesh, post, sections)
    const announce = (kind: Kind, value: Uint8Array, lifetimeMs: number, at: number): void => {
      this.#write(kind, '', value, at + lifetimeMs, at)
    }
    const tell = (member: Member, at: number): void => news.met(member, at)
    const outbox = this.#outbox
    const liveness = new Liveness({ config, mesh, post, outbox, random, announce, revived: tell })
    const seeds = this.#seeds
    const parts = { config, mesh, post, sections, transfers, liveness, flow, random, seeds }
    const exchange = new Exchange({ ...parts, introduced: tell })
    this.#life = { mesh, post, sections, flow, news, transfers, liveness, exchange }
    this.#embody(incarnation, false)
    news.start()
    liveness.start(now)
    exchange.start(now)
    seeds.restart(now)
    this.#nextForget = now + forgetCheckMs
  }

  /** Own keys begin to count from version 1 in a new incarnation. */
  #embody(incarnation: number, keepEvents: boolean): void {
    const { mesh } = this.#alive
    const owner = { cluster: this.config.cluster, name: this.#own.name, incarnation }
    // suspicions of the former life are answered beyond its heartbeats
    let beat = (): number => this.#beat
    this.#own.testimony = this.#notary && Testimony.own(this.#notary, owner, () => beat())
    this.#own.renew(this.config.metadata, keepEvents, this.#now)
    const self = new Member(identify(this.#own.name, incarnation), this.#own)
    self.beat = beat()
    beat = () => self.beat
    mesh.settle(self)
    this.#grown = true
  }

  get #alive(): Life {
    if (this.#life !== undefined) return this.#life
    throw new TelepathineError('ERR_STOPPED', 'the peer is not running: call start() first')
  }

  /** Tells everyone that this peer leaves. The host performs what is drained, then closes; `start` may follow. */
  leave(now: number): void {
    const { news, mesh, transfers } = this.#alive
    this.#now = now
    this.#write(Kind.leave, '', new Uint8Array(0), now + farewellMs, now)
    if (mesh.liveCount > 0) news.farewell(now)
    transfers.clear()
    for (const member of mesh.members()) if (member !== mesh.self) member.space?.clear()
    this.#life = undefined
  }

  /** Adds an address to join through, tried until it answers. False when it is known already, or our own. */
  join(address: string): boolean {
    return address !== this.name && this.#seeds.add(address)
  }

  // ---- input

  /**
   * A whole message came in. Whatever the bytes, nothing is thrown: what is malformed is dropped and counted. Who sent
   * it stands in the message; `from` is for reports, and over connections that are `identified` must be the same.
   *
   * False: it was a heartbeat with nothing new in it, as nearly all are when all is quiet; there is nothing to drain,
   * and `nextWake` is what it was.
   */
  receive(bytes: Uint8Array, via: 'datagram' | 'stream', from: string, now: number): boolean {
    const life = this.#life
    if (life === undefined) return false
    this.#now = now
    try {
      const reader = open(bytes, via)
      if (reader === undefined) throw new Malformed('damaged on the way')
      const header = readHeader(reader, this.#tag)
      const forged = typeof header !== 'string' && this.config.identified && header.name !== from
      if (typeof header === 'string') this.#reject(from, header)
      else if (forged) this.#reject(from, `speaks in the name of ${header.name}`)
      else if (!this.#dispatch(life, reader, header, via, now)) return false
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      this.#reject(from, error.message)
    }
    if (life.sections.outbid > 0) this.#outbid(life)
    return true
  }

  /** Whether anything came of it. */
  #dispatch(life: Life, reader: Reader, header: Header, via: 'datagram' | 'stream', now: number): boolean {
    const { mesh, liveness, exchange, news, sections } = life
    const named = mesh.named(header.name)
    if (named === mesh.self) return false
    const received = this.#received[classOf(header.kind)]
    received.messages++
    received.bytes += reader.source.length
    const sender = named?.identity.incarnation === header.incarnation ? named : undefined
    if (sender !== undefined) liveness.heard(sender, header.beat, now)
    const isStranger = sender === undefined && (named === undefined || named.identity.incarnation < header.incarnation)
    switch (header.kind) {
      case Message.heartbeat:
        if (sender !== undefined) {
          const knowledge = liveness.onHeartbeat(reader, header, sender, via)
          return exchange.compareWith(header.name, knowledge, now) || !this.#outbox.isEmpty
        }
        if (isStranger) exchange.lacks(header.name, now)
        break
      case Message.echo:
        if (sender !== undefined) liveness.onEcho(reader, sender, via, now)
        break
      case Message.digest:
        exchange.onDigest(reader, header, sender, via, now)
        break
      case Message.delta:
        exchange.onDelta(reader, header, sender, via, now)
        break
      case Message.news:
        news.receive(reader, sender === undefined || header.beat >= sender.beat - staleBeats, () => {
          sections.readAll(reader, header.name, now, (outcome) => {
            exchange.flows(outcome, via, now)
            const missing = outcome.gap || (outcome.introduced && outcome.reached < outcome.latest)
            if (missing) exchange.misses(outcome, header.name, now)
          })
        })
        break
      default:
        throw new Malformed('unknown kind of message')
    }
    return true
  }

  /** Others remember a later life under our name than this one (a clock that fell): begin another, beyond it. */
  #outbid(life: Life): void {
    // a former life of ours may have outbid the same one, unknown to whoever told us: the two must not be taken for one
    const incarnation = life.sections.outbid + 1 + this.#random.below(outbidSpread)
    life.sections.outbid = 0
    if (incarnation <= this.incarnation || incarnation > counterMax) return
    // who remembers the later life has heard nothing of this one
    this.#beat = life.mesh.self.beat
    this.#embody(incarnation, true)
    life.transfers.clear()
    life.news.start()
  }

  /**
   * Certificates were replaced. A life goes on with the one that it began with, unless that is not believed any more:
   * then another takes its place, so that newcomers believe us too.
   */
  renew(now: number): void {
    const certificate = this.#own.testimony?.certificate
    if (this.#life === undefined || certificate === undefined) return
    if (this.#notary?.trust(certificate, this.name, this.incarnation) !== undefined) return
    this.tick(now)
    this.#beat = this.#life.mesh.self.beat
    this.#embody(this.incarnation + 1, false)
    this.#life.transfers.clear()
    this.#life.news.start()
  }

  #reject(from: string, reason: string): void {
    this.#rejected++
    this.#outbox.notify({ kind: 'rejected', from, reason })
  }

  /** A connection to a peer is ready. */
  linkUp(peer: string, now: number): void {
    this.backlog(peer, 0, now)
  }

  /** A connection ended, or could not be opened. */
  linkDown(peer: string, how: 'closed' | 'refused' | 'unreachable', now: number): void {
    if (this.#life === undefined) return
    this.#now = now
    const { mesh, liveness, transfers, news } = this.#life
    transfers.stop(peer)
    const member = mesh.named(peer)
    if (member === undefined) return
    const contact = member.note()
    contact.queuedBytes = 0
    contact.fullSince = Infinity
    news.unblock()
    if (how === 'refused') liveness.refused(member, now)
  }

  /** Tells how many bytes wait for a peer: after each send over its connection, and when it drained. */
  backlog(peer: string, bytes: number, now: number): void {
    if (this.#life === undefined) return
    this.#now = now
    const { mesh, transfers, news } = this.#life
    const member = mesh.named(peer)
    if (member !== undefined) {
      const contact = member.note()
      if (bytes < contact.queuedBytes) news.unblock()
      contact.queuedBytes = bytes
      if (bytes < queuedBytesHigh) contact.fullSince = Infinity
    }
    transfers.pump(peer, bytes, now)
  }

  // ---- time

  /** Time has passed. To be called at `nextWake` or later; early calls do no harm. */
  tick(now: number): void {
    const life = this.#life
    if (life === undefined) return
    this.#now = now
    const { mesh, news, liveness, exchange, flow } = life
    this.#expiry.due(now, (space, entry) => space.end(entry, now))
    if (this.#grown) {
      this.#grown = false
      mesh.grew(mesh.self, now)
    }
    liveness.tick(now)
    news.flush(now)
    exchange.tick(now)
    if (now >= this.#nextForget) {
      this.#nextForget = now + forgetCheckMs
      this.#forget(mesh, now)
    }
    if (this.#saturated && news.pendingBytes * 2 < flow.patience(this.config.sendBudgetBytes)) {
      this.#saturated = false
      this.#outbox.notify({ kind: 'drain' })
    }
  }

  /** When to call `tick` next; may be in the past (at once), and is Infinity while there is nothing to wait for. */
  nextWake(): number {
    const life = this.#life
    if (life === undefined) return Infinity
    if (this.#grown || !this.#outbox.isEmpty) return this.#now
    const { liveness, exchange, news, mesh } = life
    const forget = mesh.stopped.size > 0 ? this.#nextForget : Infinity
    const wake = Math.min(liveness.nextWake, exchange.nextWake, news.nextWake(this.#now))
    return Math.min(wake, this.#expiry.nextDue, forget)
  }

  #forget(mesh: Mesh, now: number): void {
    const { forgetAfterMs } = this.config
    for (const member of mesh.stopped) {
      // from half time on it is no longer part of what is shared
      const { stoppedAt } = member.contact
      if (now >= stoppedAt + forgetAfterMs / 2) mesh.summary.touch(member)
      if (now >= stoppedAt + forgetAfterMs) mesh.forget(member)
    }
  }

  /** Takes out what there is to do. */
  drain(): Effects {
    const effects = this.#outbox.drain()
    for (const peer of effects.drops) this.#life?.transfers.stop(peer)
    if (effects.drops.length > 0) this.#life?.news.unblock()
    return effects
  }

  // ---- what the user does

  /**
   * Sets an own key. False: more waits to be sent than the budget; a `drain` notice follows. `ttlMs` undefined: for
   * good. Throws `ERR_TOO_LARGE` for a key, value or key space over its limit, `ERR_OVERLOAD` at the hard bound of what
   * may wait.
   */
  set(key: string, value: Uint8Array, ttlMs: number | undefined, now: number): boolean {
    this.#checkKey(key)
    this.#checkValue(value)
    const { maxStateBytes } = this.config
    const size = this.#own.stateBytes + entryOverheadBytes + key.length + value.length
    if (size > maxStateBytes && size - this.#own.sizeOf(key) > maxStateBytes) {
      const limit = `maxStateBytes is ${maxStateBytes}`
      throw new TelepathineError('ERR_TOO_LARGE', `this peer's keys and values would take ${size} bytes; ${limit}`)
    }
    this.#checkBacklog()
    this.#write(Kind.set, key, value, ttlMs === undefined ? Infinity : now + Math.max(0, ttlMs), now)
    return this.#isRelaxed()
  }

  /** Deletes an own key; whether it was there. */
  delete(key: string, now: number): boolean {
    if (this.#own.get(key, now) === undefined) return false
    this.#write(Kind.tombstone, key, new Uint8Array(0), now + this.config.tombstoneGraceMs, now)
    return true
  }

  /**
   * Says an event. Returns and throws as `set` does. `mayWait`: it may go out with the next exchange instead of at
   * once.
   */
  say(event: string, value: Uint8Array, lifetimeMs: number, mayWait: boolean, now: number): boolean {
    this.#checkKey(event)
    this.#checkValue(value)
    this.#checkBacklog()
    this.#write(Kind.event, event, value, now + lifetimeMs, now, mayWait)
    return this.#isRelaxed()
  }

  #write(kind: Kind, key: string, value: Uint8Array, deadline: number, now: number, mayWait = false): void {
    this.#now = now
    this.#own.write(kind, key, value, Math.min(deadline, deadline === Infinity ? Infinity : now + lifetimeMsMax), now)
    this.#grown = true
    this.#life?.news.wrote(key.length + value.length + 16, mayWait, now)
  }

  #isRelaxed(): boolean {
    if (this.#life === undefined) return true
    const { news, flow } = this.#life
    if (news.pendingBytes < flow.patience(this.config.sendBudgetBytes)) return true
    this.#saturated = true
    this.#held++
    return false
  }

  #checkKey(key: string): void {
    const { maxKeyBytes } = this.config
    if (key.length * 3 > maxKeyBytes && textLength(key) > maxKeyBytes) {
      const limit = `maxKeyBytes is ${maxKeyBytes}`
      throw new TelepathineError('ERR_TOO_LARGE', `a name of ${textLength(key)} bytes is too long; ${limit}`)
    }
  }

  #checkValue(value: Uint8Array): void {
    const { maxValueBytes } = this.config
    if (value.length > maxValueBytes) {
      const limit = `maxValueBytes is ${maxValueBytes}`
      throw new TelepathineError('ERR_TOO_LARGE', `a value of ${value.length} bytes is too large; ${limit}`)
    }
  }

  #checkBacklog(): void {
    const pending = this.#life?.news.pendingBytes ?? 0
    if (pending < this.config.maxBacklogBytes) return
    this.#saturated = true
    this.#refused++
    const advice = 'wait for drain when set or say return false'
    throw new TelepathineError('ERR_OVERLOAD', `${pending} bytes wait to be sent, the most allowed; ${advice}`)
  }

  /** Begins an exchange with a random peer now. */
  exchange(now: number): void {
    this.#now = now
    this.#life?.exchange.exchange(now)
  }

  /** A key of a peer (or of oneself), as known here; undefined when there is none in force. */
  get(peer: string, key: string, now: number): HeldValue | undefined {
    const entry = key === '' ? undefined : this.#space(peer)?.get(key, now)
    if (entry === undefined) return undefined
    const deadline = entry.deadline === Infinity ? undefined : entry.deadline
    return { value: valueOf(entry), version: entry.version, deadline }
  }

  keys(peer: string, now: number): string[] {
    return this.#space(peer)?.keys(now) ?? []
  }

  /** Names of other peers: alive or suspect (`live`), dead or left (`dead`), or both. */
  peers(which: 'all' | 'live' | 'dead'): string[] {
    const names: string[] = []
    const mesh = this.#life?.mesh
    if (mesh === undefined) return names
    for (const member of mesh.members()) {
      if (member === mesh.self || !member.introduced) continue
      if (which === 'all' || member.isLive === (which === 'live')) names.push(member.name)
    }
    return names
  }

  /** `now` is for phi; default: the time that was passed in last. */
  peer(name: string, now = 0): PeerView | undefined {
    const member = this.#life?.mesh.named(name)
    if (member === undefined) return undefined
    const { identity, state, beat, maxVersion, gcVersion } = member
    const { incarnation, places: [place] } = identity
    const { detector } = member.contact
    const phi = detector?.phi(Math.max(now, this.#now)) ?? 0
    const stateBytes = member.space?.stateBytes ?? 0
    const isWatched = detector !== undefined
    return { name, incarnation, state, maxVersion, gcVersion, beat, phi, isWatched, place, stateBytes }
  }

  /** Who suspects whom, or holds whom for dead, by what all said lately; and what was answered. */
  rumours(now: number): Rumour[] {
    const rumours: Rumour[] = []
    for (const { name: by, space } of this.#life?.mesh.members() ?? []) {
      for (const entry of space?.rumours(now) ?? []) {
        const verdict = verdicts.get(entry.kind)
        const said = verdict && readRumour(entry)
        if (!verdict || !said) continue
        const { name: about, incarnation, beat } = said
        const subject = this.#life?.mesh.named(about)
        const stands = subject?.identity.incarnation === incarnation && subject.beat <= beat
        rumours.push({ by, about, verdict, at: entry.deadline - rumourMs, stands })
      }
    }
    return rumours
  }

  /** Counters since this machine was made, and what is so at the moment. */
  get stats(): GossipStats {
    const { news, flow, exchange } = this.#life ?? {}
    return {
      sent: this.#outbox.sent,
      received: this.#received,
      rejected: this.#rejected,
      pendingBytes: news?.pendingBytes ?? 0,
      bytesPerSecondMax: flow?.rate ?? 0,
      held: this.#held,
      refused: this.#refused,
      lagMs: flow?.lagMs(this.#now) ?? 0,
      exchanges: exchange?.counts ?? { regular: 0, pulled: 0, unanswered: 0 },
      differences: exchange?.differences ?? 0,
    }
  }

  /** Counts what is known; takes time with the number of peers. */
  census(now: number): GossipCensus {
    const members: Record<MemberState, number> = { alive: 0, suspect: 0, dead: 0, left: 0 }
    const others: HeldAmount = { keys: 0, stateBytes: 0, eventBytes: 0 }
    let phiMax = 0
    for (const member of this.#life?.mesh.members() ?? []) {
      if (!member.introduced) continue
      members[member.state]++
      phiMax = Math.max(phiMax, member.contact.detector?.phi(now) ?? 0)
      const { space } = member
      if (space === undefined || space === this.#own) continue
      others.keys += Math.max(0, space.valueCount - 1)
      others.stateBytes += space.stateBytes
      others.eventBytes += space.eventBytes
    }
    const { valueCount, stateBytes, eventBytes } = this.#own
    return { members, phiMax, own: { keys: Math.max(0, valueCount - 1), stateBytes, eventBytes }, others }
  }

  #space(peer: string): KeySpace | undefined {
    return peer === this.name ? this.#own : this.#life?.mesh.named(peer)?.space
  }

  // ---- what key spaces tell

  readonly #listener: SpaceListener = {
    changed: (space, entry) => {
      const deadline = entry.deadline === Infinity ? undefined : entry.deadline
      this.#outbox.notify({ kind: 'set', peer: space.name, key: entry.key, value: valueOf(entry), deadline })
    },
    removed: (space, key) => {
      this.#outbox.notify({ kind: 'delete', peer: space.name, key })
    },
    expired: (space, entry) => {
      const { key, deadline } = entry
      this.#outbox.notify({ kind: 'expired', peer: space.name, key, value: copyOfValue(entry), deadline })
    },
    said: (space, entry) => {
      this.#outbox.notify({ kind: 'event', peer: space.name, event: entry.key, value: valueOf(entry) })
    },
    missed: (space, count) => {
      this.#outbox.notify({ kind: 'missed', peer: space.name, count })
    },
    announced: (space, entry) => this.#announced(space, entry),
  }

  #announced(space: KeySpace, entry: Entry): void {
    const life = this.#life
    const member = life?.mesh.named(space.name)
    if (life === undefined || member === undefined || member.space !== space) return
    if (entry.kind === Kind.set) life.mesh.introduce(member, copyOfValue(entry))
    else life.liveness.rumour(member, entry, this.#now)
  }
}

const verdicts: ReadonlyMap<Kind, Rumour['verdict']> = new Map([
  [Kind.suspect, 'suspect'],
  [Kind.dead, 'dead'],
  [Kind.alive, 'alive'],
])

/** Which class of traffic a kind of message belongs to. */
function classOf(kind: number): TrafficClass {
  if (kind === Message.news) return 'news'
  return kind === Message.digest || kind === Message.delta ? 'repair' : 'liveness'
}

/** What one life of a peer is made of. */
interface Life {
  readonly mesh: Mesh
  readonly post: Post
  readonly sections: Sections
  readonly flow: FlowControl
  readonly news: News
  readonly transfers: Transfers
  readonly liveness: Liveness
  readonly exchange: Exchange
}
