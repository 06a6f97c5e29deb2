import type { Reader, Writer } from './bytes.js'
import { dropOldest } from './bounded.js'
import type { GossipConfig } from './config.js'
import { entryBytesMax, readEntries, writeCounted, writeEntry, writeUnknown } from './digest.js'
import type { DigestEntry } from './digest.js'
import type { Send } from './effects.js'
import type { FlowControl } from './flow.js'
import { identify } from './identity.js'
import { canAdvance, mustReset } from './keyspace.js'
import type { Knowledge, Liveness } from './liveness.js'
import type { Member } from './member.js'
import type { Mesh } from './mesh.js'
import { Message } from './message.js'
import type { Header } from './message.js'
import type { Post } from './post.js'
import { happens, pick } from './random.js'
import type { Random } from './random.js'
import type { SectionOutcome, Sections } from './sections.js'
import type { Seeds } from './seeds.js'
import type { Need, Transfers } from './transfers.js'

/**
 * How long to wait before taking a difference for a loss: what is missing may be on its way. Where bulk brings what
 * came by itself meanwhile, the lines are slow, and the wait doubles; it halves with time.
 */
const graceMsMin = 15
const graceMsMax = 1_000
const graceHalvesMs = 2_000
/** From here on lines count as slow. */
const slowMs = 100
/** Least pause between two exchanges begun for a difference; doubles while they bring nothing. */
const pullPauseMs = 100
/** A question for certain logs that is not answered by then is asked again, so often. */
const retryMs = 100
const attemptsMax = 3
/** First pause between regular exchanges of a newcomer; doubles up to `gossipIntervalMs`. */
const pauseMsFirst = 50
/** Exchanges without an answer are given up, and the partner is watched. */
const answerMs = 1_000
/** Exchanges under way, and differences to look into, at the most. */
const underWayMax = 256
/** Strangers looked into at the most between two regular exchanges: their names are whatever they say. */
const strangersMax = 16
/** After so many exchanges that showed a difference and did not mend it, everything is compared. */
const fruitlessMax = 3
/** A log that comes in bulk is taken to go on coming for this long after each batch. */
const incomingMs = 1_000
/** After news that came over a connection, more of the same is expected for so long. */
const flowingMs = 100

const digestFlags = { answer: 1, range: 2 } as const

interface UnderWay {
  readonly partner: string
  /** Begun for a difference, not in the regular course. */
  readonly pulls: boolean
  readonly at: number
}

/** A reason to begin an exchange, to be looked at again when `due`: what is missing may have come by then. */
interface Difference {
  readonly due: number
  /** The partner's summary that we had not passed through. */
  readonly summary?: number
  /** What the partner has and we lack. */
  readonly hot?: readonly DigestEntry[]
  /** How often it was asked for in vain. */
  readonly attempts?: number
}

/**
 * Anti-entropy, after van Renesse et al. (LADIS 2008): scuttlebutt reconciliation, push and pull.
 *
 *     A                        B
 *       digest  ─────────────▶    what A knows of whom
 *              ◀─────────────  delta   what A lacks; and what B would like
 *       delta   ─────────────▶    what B lacks
 *
 * A digest begins with one number that sums up all (equal numbers: nothing to do) and lists those that changed lately.
 * If that does not explain a difference, the answer is a digest in turn, which adds as many of the rest as a datagram
 * holds, from a place on the ring that moves on each time; up to a hundred peers or so, that is everybody. Where
 * differences persist, and when joining, the whole is compared over a connection.
 *
 * Exchanges begin at regular intervals with a random peer; and at once where there is reason to: a heartbeat whose
 * summary is not one that we passed through, or news that does not join on to what we have.
 */
export class Exchange {
  readonly #config: GossipConfig
  readonly #mesh: Mesh
  readonly #post: Post
  readonly #sections: Sections
  readonly #transfers: Transfers
  readonly #liveness: Liveness
  readonly #flow: FlowControl
  readonly #random: Random
  readonly #seeds: Seeds
  readonly #introduced: (member: Member, now: number) => void
  readonly #underWay = new Map<number, UnderWay>()
  readonly #differences = new Map<string, Difference>()
  /** Exchanges begun in the regular course, for a difference, and those of them that nobody answered. */
  readonly counts = { regular: 0, pulled: 0, unanswered: 0 }
  /** Names of strangers who came to us: we are the first to hear of them. At most `underWayMax`. */
  readonly #strangers = new Set<string>()
  #strangersMet = 0
  #nextToken = 1
  #nextExchange = 0
  /** Pause between regular exchanges: short at first, for a newcomer has most to learn. */
  #pauseMs = pauseMsFirst
  #nextPull = 0
  #pullPauseMs = pullPauseMs
  #fruitless = 0
  #slowMs = graceMsMin
  #slowAt = 0
  #auditPlace: number

  constructor(parts: {
    config: GossipConfig
    mesh: Mesh
    post: Post
    sections: Sections
    transfers: Transfers
    liveness: Liveness
    flow: FlowControl
    random: Random
    seeds: Seeds
    /** Called with a member that came to us as a stranger, once it has told us of itself. */
    introduced: (member: Member, now: number) => void
  }) {
    this.#config = parts.config
    this.#mesh = parts.mesh
    this.#post = parts.post
    this.#sections = parts.sections
    this.#transfers = parts.transfers
    this.#liveness = parts.liveness
    this.#flow = parts.flow
    this.#random = parts.random
    this.#seeds = parts.seeds
    this.#introduced = parts.introduced
    this.#auditPlace = parts.random.below(2 ** 32)
  }

  start(now: number): void {
    this.#pauseMs = pauseMsFirst
    this.#nextExchange = now + pauseMsFirst * (1 + this.#random.unit())
  }

  get nextWake(): number {
    let wake = Math.min(this.#nextExchange, this.#seeds.nextWake)
    if (this.#differences.size === 0) return wake
    for (const { due } of this.#differences.values()) wake = Math.min(wake, Math.max(due, this.#nextPull))
    return wake
  }

  /** Reasons to believe that we lack something, which are being looked into. */
  get differences(): number {
    return this.#differences.size
  }

  // ---- beginning

  tick(now: number): void {
    for (const [token, { partner, at }] of this.#underWay) {
      if (at > now - answerMs) break
      this.#underWay.delete(token)
      this.counts.unanswered++
      const member = this.#mesh.named(partner)
      if (member !== undefined) this.#liveness.doubt(member, now)
    }
    for (const seed of this.#seeds.due(now)) this.#ask(seed, 'stream', now)
    for (const [name, difference] of this.#differences) {
      if (now < difference.due || now < this.#nextPull) continue
      this.#differences.delete(name)
      const { summary, hot } = difference
      if (summary !== undefined && this.#mesh.summary.passed(summary)) continue
      const wants = hot?.filter((entry) => this.#isNews(entry, now)).map((entry) => entry.id)
      if (wants?.length === 0) continue
      this.#nextPull = now + Math.max(this.#pullPauseMs, this.#graceMs(now))
      const member = this.#mesh.named(name)
      if (member === undefined) this.#ask(name, 'datagram', now)
      else if (!member.isLive) continue
      else if (wants === undefined) this.#begin(member, true, now)
      else {
        this.#want(member, wants, now)
        // question and answer are datagrams; if either is lost, ask again
        const attempts = (difference.attempts ?? 0) + 1
        if (attempts < attemptsMax) this.#lookInto(name, { due: now + retryMs, hot: hot ?? [], attempts })
      }
    }
    if (now >= this.#nextExchange) this.exchange(now)
  }

  /**
   * Begins an exchange with a random live peer; now and then with a dead one, so that a healed partition is noticed.
   */
  exchange(now: number): void {
    this.#pauseMs = Math.min(this.#config.gossipIntervalMs, this.#pauseMs * 2)
    this.#nextExchange = now + this.#pauseMs * (0.9 + 0.2 * this.#random.unit())
    this.#strangersMet = 0
    const ring = this.#mesh.rings[0]
    if (ring.size > 1) {
      let partner = ring.at(this.#random.below(ring.size))
      while (partner === this.#mesh.self) partner = ring.at(this.#random.below(ring.size))
      if (partner !== undefined) this.#begin(partner, false, now)
    }
    const { stopped } = this.#mesh
    if (stopped.size > 0 && happens(this.#random, stopped.size / ring.size)) {
      const dead = pick(this.#random, [...stopped].filter((member) => member.state === 'dead'))
      if (dead !== undefined) this.#begin(dead, false, now)
    }
  }

  /**
   * A partner says what it knows. What it has and we lack is asked for; and if its summary is not one that we passed
   * through, something else may have passed us by. False: it knows what we know, and nothing has been new of late.
   */
  compareWith(name: string, { summary, hot }: Knowledge, now: number): boolean {
    const isEqual = summary === this.#mesh.summaryValue(now)
    if (isEqual && hot.length === 0 && this.#flow.isIdle(now)) return false
    if (isEqual) this.#flow.reported(name, this.#mesh.self.maxVersion, now)
    for (const entry of hot) this.#heardOfUs(name, entry, now)
    if (isEqual || this.#mesh.summary.passed(summary)) return true
    const due = now + this.#graceMs(now)
    for (const entry of hot) this.#weigh(entry, now)
    if (hot.some((entry) => this.#isNews(entry, now))) this.#lookInto(name, { due, hot })
    else this.#lookInto(name, { due, summary })
    return true
  }

  #graceMs(now: number): number {
    return Math.max(graceMsMin, this.#slowMs * 2 ** ((this.#slowAt - now) / graceHalvesMs))
  }

  /** We certainly lack something that this partner has. */
  lacks(name: string, now: number): void {
    this.#lookInto(name, { due: now + this.#graceMs(now) })
  }

  /** A section left something open: its sender can tell the rest, or only the one that it is about. */
  misses({ member, onlyItself, latest }: SectionOutcome, sender: string, now: number): void {
    if (onlyItself === undefined || member === undefined) return this.lacks(sender, now)
    const hot = [{ id: member.identity.id, max: latest, gc: 0, alive: member.isLive, incoming: false }]
    this.#lookInto(member.name, { due: now + this.#graceMs(now), hot })
  }

  #lookInto(name: string, difference: Difference): void {
    const before = this.#differences.get(name)
    if (before === undefined) {
      if (this.#differences.size >= underWayMax) return
      if (this.#mesh.named(name) === undefined && ++this.#strangersMet > strangersMax) return
    }
    // a reason that keeps coming must not put off the looking
    const due = Math.min(before?.due ?? Infinity, difference.due)
    this.#differences.set(name, { ...difference, due })
  }

  /** How far a partner knows our own log; one that knows nothing of it yet says nothing about our rate. */
  #heardOfUs(partner: string, entry: DigestEntry, now: number): void {
    const { self } = this.#mesh
    if (entry.id === self.identity.id && entry.max > 0) this.#flow.reported(partner, entry.max, now)
  }

  /** Whether we agree on who is alive. */
  #weigh(entry: DigestEntry, now: number): void {
    const member = this.#mesh.withId(entry.id)
    if (member === undefined || !member.introduced || member === this.#mesh.self) return
    if (entry.alive !== member.isLive) this.#liveness.disagree(member, now)
  }

  /** Whether an entry of somebody's digest is beyond what we have, and not coming in already. */
  #isNews(entry: DigestEntry, now: number): boolean {
    const member = this.#mesh.withId(entry.id)
    if (member === undefined) return !this.#mesh.isPast(entry.id)
    return entry.max > member.maxVersion && member.contact.incomingUntil <= now && member !== this.#mesh.self
  }

  /** Asks a partner for certain logs. */
  #want(partner: Member, wants: readonly number[], now: number): void {
    const header = { name: partner.name, incarnation: partner.identity.incarnation, beat: 0, kind: Message.delta }
    const token = this.#token(partner.name, true, now)
    this.#respond({ token, asks: true }, header, partner, [], wants, 'datagram', now)
  }

  #begin(partner: Member, pulls: boolean, now: number): void {
    const everything = this.#fruitless >= fruitlessMax
    if (everything) this.#fruitless = 0
    const writer = this.#digest(this.#token(partner.name, pulls, now), 0, everything, now)
    const bytes = writer.take()
    if (bytes.length <= this.#post.datagramBytesMax && this.#post.datagramsReach(partner)) this.#post.asked(partner)
    this.#post.send('repair', partner, [bytes])
  }

  /** Compares everything with somebody whose log we do not have: a seed, or a stranger who wrote to us. */
  #ask(address: string, via: Send['via'], now: number): void {
    const bytes = this.#digest(this.#token(address, false, now), 0, true, now).take()
    const fits = bytes.length <= this.#post.datagramBytesMax && this.#config.udp
    if (via === 'datagram' && fits) this.#post.datagram('repair', address, [bytes])
    else this.#post.stream('repair', address, [bytes])
  }

  #token(partner: string, pulls: boolean, now: number): number {
    const token = this.#nextToken++
    this.#underWay.set(token, { partner, pulls, at: now })
    if (pulls) this.counts.pulled++
    else this.counts.regular++
    dropOldest(this.#underWay, underWayMax)
    return token
  }

  // ---- digests

  #digest(token: number, flags: number, everything: boolean, now: number): Writer {
    const { self } = this.#mesh
    const writer = this.#post.begin(Message.digest)
    const summary = this.#mesh.summaryValue(now)
    const room = Math.floor((this.#post.datagramBytesMax - writer.length - 60) / entryBytesMax)
    const hot = this.#mesh.hot(now).filter((member) => member !== self && this.#mesh.isShared(member, now))
    const listed = everything ? [] : hot.reverse().slice(0, room - 1)
    // who begins says only what is new; the answer to a difference that this does not explain goes on with the rest
    const isAnswer = (flags & digestFlags.answer) !== 0
    const rest = everything ? Infinity : isAnswer ? room - 1 - listed.length : 0
    writer.varint(token)
    writer.u8(flags | (rest > 0 ? digestFlags.range : 0))
    writer.u48(summary)
    this.#writeRates(writer, now)
    writeCounted(writer, [self, ...listed], now)
    if (rest <= 0) return writer
    const shared = [...this.#mesh.members()].filter((member) => this.#mesh.isShared(member, now))
    const whole = shared.length <= rest
    const place = whole ? shared : this.#fromAuditPlace(shared)
    const covered = place.slice(0, rest)
    const from = whole ? 0 : this.#auditPlace
    const until = whole ? 0 : (place[rest] as Member).identity.places[0]
    if (!whole) this.#auditPlace = until
    writer.u32(from)
    writer.u32(until)
    writeCounted(writer, covered, now)
    return writer
  }

  /** Members in ring order, from where the last audit ended. */
  #fromAuditPlace(members: Member[]): Member[] {
    const start = this.#auditPlace
    const distance = (member: Member): number => (member.identity.places[0] - start) >>> 0
    return members.sort((a, b) => distance(a) - distance(b))
  }

  #writeRates(writer: Writer, now: number): void {
    writer.varint(Math.round(this.#flow.demand(now)))
    writer.varint(Math.round(this.#flow.rate))
  }

  #readRates(reader: Reader, now: number): void {
    const demand = reader.varint()
    const rate = reader.varint()
    if (rate > 0) this.#flow.share(demand, rate, now)
  }

  onDigest(reader: Reader, header: Header, sender: Member | undefined, via: Send['via'], now: number): void {
    const token = reader.varint()
    const flags = reader.u8()
    const summary = reader.u48()
    this.#readRates(reader, now)
    const entries = readEntries(reader)
    let range: { from: number; until: number } | undefined
    if ((flags & digestFlags.range) !== 0) {
      range = { from: reader.u32(), until: reader.u32() }
      for (const entry of readEntries(reader)) entries.push(entry)
    }
    const isAnswer = (flags & digestFlags.answer) !== 0
    if (isAnswer && sender !== undefined) this.#answered(token, sender, via, now)
    const { needs, wants } = this.#compare(entries, range, header, sender, now)
    const differs = summary !== this.#mesh.summaryValue(now)
    const isWhole = range !== undefined && range.from === range.until
    if (differs && needs.length === 0 && wants.length === 0 && !isAnswer && !isWhole) {
      // their list showed nothing: ours may
      this.#fruitless++
      const everything = this.#fruitless >= fruitlessMax
      if (everything) this.#fruitless = 0
      this.#reply(header, sender, this.#digest(token, digestFlags.answer, everything, now).take(), via)
      return
    }
    if (isAnswer && needs.length === 0 && wants.length === 0) return
    this.#respond({ token: isAnswer ? 0 : token, asks: false }, header, sender, needs, wants, via, now)
  }

  /** What the other side lacks, the unknown first and then by how much there is; and what we lack. */
  #compare(
    entries: readonly DigestEntry[],
    range: { from: number; until: number } | undefined,
    header: Header,
    sender: Member | undefined,
    now: number,
  ): { needs: Need[]; wants: number[] } {
    const needs: Need[] = []
    const wants = new Set<number>()
    const listed = new Set<Member>()
    if (sender === undefined) {
      const { id } = identify(header.name, header.incarnation)
      const known = this.#mesh.named(header.name)
      const isOlder = known !== undefined && known.identity.incarnation > header.incarnation
      if (!isOlder && !this.#mesh.isForgotten(header.name, header.incarnation, header.beat)) {
        wants.add(id)
        this.#strangers.add(header.name)
        dropOldest(this.#strangers, underWayMax)
      }
      // it does not know that it had a later life (its clock fell): shown that one, it goes beyond it
      if (isOlder) needs.push({ member: known, from: 0 })
    }
    for (const entry of entries) {
      if (this.#isNews(entry, now)) wants.add(entry.id)
      const member = this.#mesh.withId(entry.id)
      if (member === undefined || listed.has(member)) continue
      listed.add(member)
      this.#weigh(entry, now)
      if (sender !== undefined) this.#heardOfUs(sender.name, entry, now)
      // nobody needs to be told of itself
      const isUseful = member !== sender && !entry.incoming && this.#mesh.isShared(member, now)
      if (isUseful && canAdvance(member, entry)) {
        needs.push({ member, from: mustReset(member, entry.max, entry.gc) ? 0 : entry.max })
      }
    }
    if (range !== undefined) {
      const span = range.from === range.until ? Infinity : (range.until - range.from) >>> 0
      for (const member of this.#mesh.members()) {
        if (listed.has(member) || member.name === header.name || !this.#mesh.isShared(member, now)) continue
        if ((member.identity.places[0] - range.from) >>> 0 < span) needs.push({ member, from: 0 })
      }
    }
    needs.sort((a, b) => Number(b.from === 0) - Number(a.from === 0) || lag(b) - lag(a))
    return { needs, wants: [...wants] }
  }

  // ---- deltas

  /** Sends what the partner lacks, in a datagram if all fits, and what we would like. */
  #respond(
    { token, asks }: { readonly token: number; readonly asks: boolean },
    header: Header,
    sender: Member | undefined,
    needs: readonly Need[],
    wants: readonly number[],
    via: Send['via'],
    now: number,
  ): void {
    const writer = this.#post.begin(Message.delta)
    writer.varint(token)
    writer.u8(asks ? 1 : 0)
    this.#writeRates(writer, now)
    const asked = wants.slice(0, Math.floor((this.#config.maxFrameBytes - 1_000) / entryBytesMax))
    const listBytes = asked.length * entryBytesMax + 10
    const head = writer.length
    let fits = listBytes < this.#post.datagramBytesMax / 2
    if (fits) {
      for (const { member, from } of needs) {
        const end = this.#post.datagramBytesMax - listBytes
        fits = this.#sections.write(writer, member, from, end, false, now) === member.maxVersion
        if (!fits) break
      }
    }
    if (!fits) writer.truncate(head)
    this.#sections.end(writer)
    writer.varint(asked.length)
    for (const id of asked) {
      const member = this.#mesh.withId(id)
      if (member === undefined) writeUnknown(writer, id)
      else writeEntry(writer, member, now)
    }
    this.#reply(header, sender, writer.take(), via)
    if (!fits) this.#transfers.start(header.name, needs, now)
  }

  #reply(header: Header, sender: Member | undefined, bytes: Uint8Array, via: Send['via']): void {
    if (via === 'datagram' && bytes.length <= this.#post.datagramBytesMax && this.#post.datagramsReach(sender)) {
      this.#post.datagram('repair', header.name, [bytes])
    } else this.#post.stream('repair', header.name, [bytes])
  }

  onDelta(reader: Reader, header: Header, sender: Member | undefined, via: Send['via'], now: number): void {
    const token = reader.varint()
    const asks = reader.u8() === 1
    this.#readRates(reader, now)
    let fruit = false
    let waste = false
    this.#sections.readAll(reader, header.name, now, (outcome) => {
      if (outcome.advanced) fruit = true
      else if (outcome.member !== undefined && !outcome.gap) waste = true
      this.#took(outcome, header, via, now)
    })
    if (waste && !fruit && reader.source.length > this.#config.maxDatagramBytes) {
      this.#slowMs = Math.min(graceMsMax, this.#graceMs(now) * 2)
      this.#slowAt = now
    }
    const entries = readEntries(reader)
    // the sender may have told us of itself just now
    const from = sender ?? this.#mesh.named(header.name)
    const pulled = asks || from === undefined ? false : this.#answered(token, from, via, now)
    if (fruit || waste || entries.length > 0) {
      this.#pullPauseMs = pullPauseMs
      this.#fruitless = 0
    } else if (pulled) this.#pullPauseMs = Math.min(this.#config.gossipIntervalMs, this.#pullPauseMs * 2)
    const needs: Need[] = []
    const asked = new Set<Member>()
    for (const entry of entries) {
      const member = this.#mesh.withId(entry.id)
      if (member === undefined || member === from || asked.has(member) || !canAdvance(member, entry)) continue
      asked.add(member)
      needs.push({ member, from: mustReset(member, entry.max, entry.gc) ? 0 : entry.max })
    }
    if (needs.length === 0 && !asks) return
    this.#respond({ token: asks ? token : 0, asks: false }, header, from, needs, [], via, now)
  }

  /**
   * A section came as news. Over a connection, or where lines are slow, more of that log is likely to be on the way,
   * and nobody need repair it, unless something is missing in between.
   */
  flows({ member, gap, reached, latest }: SectionOutcome, via: Send['via'], now: number): void {
    if (member === undefined) return
    const { incomingUntil } = member.contact
    if (gap) {
      if (incomingUntil > now) member.note().incomingUntil = -Infinity
    } else if (via === 'stream' || this.#graceMs(now) > slowMs) {
      const ms = reached < latest ? incomingMs : Math.max(flowingMs, 2 * this.#graceMs(now))
      if (now + ms > incomingUntil) member.note().incomingUntil = now + ms
    }
  }

  /** A section came in a delta. */
  #took(outcome: SectionOutcome, header: Header, via: Send['via'], now: number): void {
    const { member, gap, reached, latest } = outcome
    if (gap) this.misses(outcome, header.name, now)
    if (member === undefined) return
    const until = reached < latest && via === 'stream' ? now + incomingMs : -Infinity
    if (!gap && member.contact.incomingUntil !== until) member.note().incomingUntil = until
    if (outcome.introduced && this.#strangers.delete(member.name)) this.#introduced(member, now)
  }

  /** An answer came. Returns whether the exchange had been begun for a difference. */
  #answered(token: number, from: Member, via: Send['via'], now: number): boolean {
    const asked = this.#underWay.get(token)
    if (asked === undefined) return false
    this.#underWay.delete(token)
    if (via === 'datagram') this.#post.answered(from, now)
    this.#seeds.answered(asked.partner, from.name)
    return asked.pulls
  }
}

function lag(need: Need): number {
  return need.member.maxVersion - need.from
}
