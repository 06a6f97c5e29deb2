import { Writer } from './bytes.js'
import type { Reader } from './bytes.js'
import type { GossipConfig } from './config.js'
import { entryBytesMax, readEntries, writeCounted, writeEntry, writeUnknown } from './digest.js'
import type { DigestEntry } from './digest.js'
import type { Send } from './effects.js'
import type { FlowControl } from './flow.js'
import { identify } from './identity.js'
import type { Liveness } from './liveness.js'
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

/** How long to wait before taking a difference for a loss: what is missing may be on its way. */
const graceMs = 15
/** Least pause between two exchanges begun for a difference; doubles while they bring nothing. */
const pullPauseMs = 40
/** Exchanges without an answer are given up, and the partner is watched. */
const answerMs = 1_000
/** Exchanges under way, and differences to look into, at the most. */
const underWayMax = 256
/** After so many exchanges that showed a difference and did not mend it, everything is compared. */
const fruitlessMax = 3
/** A log that comes in bulk is taken to go on coming for this long after each batch. */
const incomingMs = 1_000
/** A partner that lacks more than this of our own updates shows that we are too fast. */
const overflowBytes = 1 << 20

const digestFlags = { answer: 1, range: 2 } as const

interface UnderWay {
  readonly partner: string
  readonly at: number
}

interface Difference {
  due: number
  /** The partner's summary that we had not passed through; undefined: a gap that is certain. */
  readonly summary: number | undefined
}

/**
 * Anti-entropy, after van Renesse et al. (LADIS 2008): scuttlebutt reconciliation, push and pull.
 *
 *     A                        B
 *       digest  ─────────────▶    what A knows of whom
 *              ◀─────────────  delta   what A lacks; and what B would like
 *       delta   ─────────────▶    what B lacks
 *
 * A digest begins with one number that sums up all (equal numbers: nothing to do), lists those that changed lately, and as many
 * of the rest as a datagram holds, from a place on the ring that moves on each time. Up to a hundred peers or so, that is
 * everybody. Where differences persist, and when joining, the whole is compared over a connection.
 *
 * Exchanges begin at regular intervals with a random peer; and at once where there is reason to: a heartbeat whose summary is
 * not one that we passed through, or news that does not join on to what we have.
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
  readonly #introduced: (member: Member) => void
  readonly #underWay = new Map<number, UnderWay>()
  readonly #differences = new Map<string, Difference>()
  #nextToken = 1
  #nextExchange = 0
  #nextPull = 0
  #pullPauseMs = pullPauseMs
  #fruitless = 0
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
    /** Called with a member that told us of itself before anybody else did. */
    introduced: (member: Member) => void
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
    this.#nextExchange = now + this.#random.unit() * this.#config.gossipIntervalMs
  }

  get nextWake(): number {
    let wake = Math.min(this.#nextExchange, this.#seeds.nextWake)
    for (const { due } of this.#differences.values()) wake = Math.min(wake, Math.max(due, this.#nextPull))
    return wake
  }

  // ---- beginning

  tick(now: number): void {
    for (const [token, { partner, at }] of this.#underWay) {
      if (at > now - answerMs) break
      this.#underWay.delete(token)
      const member = this.#mesh.named(partner)
      if (member !== undefined) this.#liveness.doubt(member, now)
    }
    for (const seed of this.#seeds.due(now)) this.#ask(seed, now)
    for (const [name, difference] of this.#differences) {
      if (now < difference.due || now < this.#nextPull) continue
      this.#differences.delete(name)
      if (difference.summary !== undefined && this.#mesh.summary.passed(difference.summary)) continue
      this.#nextPull = now + this.#pullPauseMs
      this.#pullPauseMs = Math.min(this.#config.gossipIntervalMs, this.#pullPauseMs * 2)
      const member = this.#mesh.named(name)
      if (member === undefined) this.#ask(name, now)
      else if (member.isLive) this.#begin(member, now)
    }
    if (now >= this.#nextExchange) this.exchange(now)
  }

  /** Begins an exchange with a random live peer; now and then with a dead one, so that a healed partition is noticed. */
  exchange(now: number): void {
    this.#nextExchange = now + this.#config.gossipIntervalMs * (0.9 + 0.2 * this.#random.unit())
    const ring = this.#mesh.rings[0]
    if (ring.size > 1) {
      let partner = ring.at(this.#random.below(ring.size))
      while (partner === this.#mesh.self) partner = ring.at(this.#random.below(ring.size))
      if (partner !== undefined) this.#begin(partner, now)
    }
    const gone = this.#mesh.size - ring.size
    if (gone > 0 && happens(this.#random, gone / ring.size)) {
      const dead = pick(this.#random, [...this.#mesh.members()].filter((member) => member.state === 'dead'))
      if (dead !== undefined) this.#begin(dead, now)
    }
  }

  /** What a partner says it knows differs from what we know, and we never knew exactly that: something may have passed us by. */
  differs(name: string, summary: number, now: number): void {
    if (summary === this.#mesh.summaryValue(now) || this.#mesh.summary.passed(summary)) return
    this.#lookInto(name, { due: now + graceMs, summary })
  }

  /** We certainly lack something that this partner has. */
  lacks(name: string, now: number): void {
    this.#lookInto(name, { due: now + graceMs, summary: undefined })
  }

  #lookInto(name: string, difference: Difference): void {
    const before = this.#differences.get(name)
    if (before !== undefined && (before.summary === undefined || difference.summary !== undefined)) return
    if (this.#differences.size < underWayMax) this.#differences.set(name, difference)
  }

  #begin(partner: Member, now: number): void {
    const everything = this.#fruitless >= fruitlessMax
    if (everything) this.#fruitless = 0
    const writer = this.#digest(this.#token(partner.name, now), 0, everything, now)
    const bytes = writer.take()
    if (bytes.length <= this.#config.maxDatagramBytes && this.#post.datagramsReach(partner)) this.#post.asked(partner)
    this.#post.send('repair', partner, [bytes])
  }

  /** Compares everything with somebody whose log we do not have: a seed, or a stranger who wrote to us. */
  #ask(address: string, now: number): void {
    const writer = this.#digest(this.#token(address, now), 0, true, now)
    this.#post.stream('repair', address, [writer.take()])
  }

  #token(partner: string, now: number): number {
    const token = this.#nextToken++
    if (this.#underWay.size >= underWayMax) for (const oldest of this.#underWay.keys()) {
      this.#underWay.delete(oldest)
      break
    }
    this.#underWay.set(token, { partner, at: now })
    return token
  }

  // ---- digests

  #digest(token: number, flags: number, everything: boolean, now: number): Writer {
    const { self } = this.#mesh
    const writer = this.#post.begin(Message.digest, new Writer(512))
    const summary = this.#mesh.summaryValue(now)
    const shared = [...this.#mesh.members()].filter((member) => this.#mesh.isShared(member, now))
    const room = Math.floor((this.#config.maxDatagramBytes - writer.length - 60) / entryBytesMax)
    const hot = this.#mesh.hot(now).filter((member) => member !== self && this.#mesh.isShared(member, now))
    const listed = everything ? [] : hot.reverse().slice(0, room - 1)
    const rest = everything ? shared.length : room - 1 - listed.length
    writer.varint(token)
    writer.u8(flags | (rest > 0 ? digestFlags.range : 0))
    writer.u48(summary)
    this.#writeRates(writer, now)
    writeCounted(writer, [self, ...listed], now)
    if (rest <= 0) return writer
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
    if (differs && needs.length === 0 && wants.length === 0 && !isAnswer && range?.from !== range?.until) {
      // their list showed nothing: ours may
      this.#fruitless++
      const everything = this.#fruitless >= fruitlessMax
      if (everything) this.#fruitless = 0
      this.#reply(header, sender, this.#digest(token, digestFlags.answer, everything, now).take(), via)
      return
    }
    if (sender !== undefined) this.#flow.exchanged(this.#isOverflow(needs))
    if (isAnswer && needs.length === 0 && wants.length === 0) return
    this.#respond(isAnswer ? 0 : token, header, sender, needs, wants, via, now)
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
      if (!isOlder && !this.#mesh.isForgotten(id, header.beat)) wants.add(id)
    }
    for (const entry of entries) {
      const member = this.#mesh.withId(entry.id)
      if (member === undefined) {
        if (!this.#mesh.isForgotten(entry.id, Infinity)) wants.add(entry.id)
        continue
      }
      listed.add(member)
      const { maxVersion } = member.space
      if (entry.max > maxVersion) {
        if (member.incomingUntil <= now && member !== this.#mesh.self) wants.add(entry.id)
      } else if (entry.max < maxVersion && !entry.incoming && this.#mesh.isShared(member, now)) {
        needs.push({ member, from: member.space.mustReset(entry.max, entry.gc) ? 0 : entry.max })
      }
    }
    if (range !== undefined) {
      const span = range.from === range.until ? Infinity : (range.until - range.from) >>> 0
      for (const member of this.#mesh.members()) {
        if (listed.has(member) || member === sender || !this.#mesh.isShared(member, now)) continue
        if ((member.identity.places[0] - range.from) >>> 0 < span) needs.push({ member, from: 0 })
      }
    }
    needs.sort((a, b) => Number(b.from === 0) - Number(a.from === 0) || lag(b) - lag(a))
    return { needs, wants: [...wants] }
  }

  /** Whether a partner lags behind our own updates by more than an exchange can mend. */
  #isOverflow(needs: readonly Need[]): boolean {
    const { self } = this.#mesh
    const mine = needs.find((need) => need.member === self && need.from > 0)
    if (mine === undefined) return false
    const perVersion = (self.space.stateBytes + self.space.eventBytes) / self.space.maxVersion
    return lag(mine) * Math.max(100, perVersion) > overflowBytes
  }

  // ---- deltas

  /** Sends what the partner lacks, in a datagram if all fits, and what we would like. */
  #respond(
    token: number,
    header: Header,
    sender: Member | undefined,
    needs: readonly Need[],
    wants: readonly number[],
    via: Send['via'],
    now: number,
  ): void {
    const writer = this.#post.begin(Message.delta, new Writer(512))
    writer.varint(token)
    this.#writeRates(writer, now)
    const asked = wants.slice(0, Math.floor((this.#config.maxFrameBytes - 1_000) / entryBytesMax))
    const listBytes = asked.length * entryBytesMax + 10
    const head = writer.length
    let fits = listBytes < this.#config.maxDatagramBytes / 2
    if (fits) {
      for (const { member, from } of needs) {
        const end = this.#config.maxDatagramBytes - listBytes
        fits = this.#sections.write(writer, member, from, end, false, now) === member.space.maxVersion
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
    if (via === 'datagram' && bytes.length <= this.#config.maxDatagramBytes && this.#post.datagramsReach(sender)) {
      this.#post.datagram('repair', header.name, [bytes])
    } else this.#post.stream('repair', header.name, [bytes])
  }

  onDelta(reader: Reader, header: Header, sender: Member | undefined, via: Send['via'], now: number): void {
    const token = reader.varint()
    this.#readRates(reader, now)
    let fruit = false
    this.#sections.readAll(reader, now, (outcome) => {
      if (outcome.member !== undefined && !outcome.gap) fruit = true
      this.#took(outcome, header, via, now)
    })
    const entries = readEntries(reader)
    // the sender may have told us of itself just now
    const from = sender ?? this.#mesh.named(header.name)
    if (token !== 0 && from !== undefined) this.#answered(token, from, via, now)
    if (fruit || entries.length > 0) {
      this.#pullPauseMs = pullPauseMs
      this.#fruitless = 0
    }
    const needs: Need[] = []
    for (const entry of entries) {
      const member = this.#mesh.withId(entry.id)
      if (member === undefined || entry.max >= member.space.maxVersion) continue
      needs.push({ member, from: member.space.mustReset(entry.max, entry.gc) ? 0 : entry.max })
    }
    if (needs.length > 0) this.#respond(0, header, from, needs, [], via, now)
  }

  /** A section came in a delta. */
  #took(outcome: SectionOutcome, header: Header, via: Send['via'], now: number): void {
    const { member, gap, reached, latest } = outcome
    if (gap) this.lacks(header.name, now)
    if (member === undefined) return
    if (!gap) member.incomingUntil = reached < latest && via === 'stream' ? now + incomingMs : -Infinity
    if (outcome.introduced && header.name === member.name) this.#introduced(member)
  }

  #answered(token: number, from: Member, via: Send['via'], now: number): void {
    const asked = this.#underWay.get(token)
    if (asked === undefined) return
    this.#underWay.delete(token)
    if (via === 'datagram') this.#post.answered(from, now)
    this.#seeds.answered(asked.partner, from.name)
  }
}

function lag(need: Need): number {
  return need.member.space.maxVersion - need.from
}
