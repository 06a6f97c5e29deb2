import type { Writer } from './bytes.js'
import { counterMax, Malformed, Reader } from './bytes.js'
import type { GossipConfig } from './config.js'
import { readFirstWord, skipRecords, startsWithFirstWord, writeFirstWord } from './records.js'
import type { Member } from './member.js'
import type { Mesh, Stopped } from './mesh.js'
import { readName } from './message.js'
import { readHeading, Run, Testimony } from './testimony.js'
import type { Heading } from './testimony.js'

/** Bytes kept free behind the records of a section for the numbers that close it, and for the end of the message. */
const closingBytes = 28
/** Sections that came too early are kept until the gap before them is filled. */
const parkedMax = 256
const parkedBytesMax = 1 << 20

/** Stands before each section of a message, and behind the last one. */
const sectionFollows = 1
const noMoreSections = 0
/** Stated of a log in which nothing has been said: one more than the number of events. */
const noEventsSaid = 1
/** What closes the section of a log that holds its first word and nothing else: to, latest, events said. */
const closingOfFirst: readonly number[] = [1, 1, noEventsSaid]

/** What a section that was read did. */
export interface SectionOutcome {
  /** Undefined when it is of no use here: about oneself, an older life, or one too many. */
  readonly member: Member | undefined
  /** It starts beyond what we know: something is missing in between. */
  readonly gap: boolean
  /** The highest version the sender has. */
  readonly latest: number
  readonly reached: number
  /** It said something new. */
  readonly advanced: boolean
  /** It made us know the member. */
  readonly introduced: boolean
  /** Only the member itself can tell us what is missing. */
  readonly onlyItself?: true
}

/** Told of the heartbeats that sections carry: the one that is sure, and the one that its sender speaks of. */
export type HeardOf = (member: Member, beat: number, rumoured: number, now: number) => void

interface Parked {
  readonly member: Member
  readonly sender: string
  readonly from: number
  readonly bytes: Uint8Array
}

/**
 * Deltas on the wire. A section is about one peer's log:
 *
 *     name  incarnation  state [stopped ms ago]  beat  gc  from  [heading]  records…  end  to  latest
 *     [events said + 1, if to = latest]
 *
 * A message holds any number of them. Where logs are signed, what stands here besides may be anybody's word, and is
 * taken for what it is worth: nobody but a peer itself says how far its heart has beaten; that it stopped is a rumour;
 * and as what is not named when a log is started over counts as deleted, nobody else starts one over that we have
 * something of.
 */
export class Sections {
  readonly #mesh: Mesh
  readonly #config: GossipConfig
  readonly #heardOf: HeardOf
  /** Bounded by `parkedMax` and `parkedBytesMax`. */
  #parked: Parked[] = []
  #parkedBytes = 0
  /** The highest incarnation that others believe of our own name, beyond ours; 0 when none. */
  outbid = 0

  constructor(mesh: Mesh, config: GossipConfig, heardOf: HeardOf) {
    this.#mesh = mesh
    this.#config = config
    this.#heardOf = heardOf
  }

  /**
   * Writes what `member` said after `from`, as far as it fits below the writer's length `end`; returns the version
   * reached. When nothing fits, nothing is written and `from` comes back. With `atLeastOne`, one record goes in
   * whatever its size.
   */
  write(writer: Writer, member: Member, from: number, end: number, atLeastOne: boolean, now: number): number {
    const { space, identity, metadata } = member
    space?.sign()
    const start = writer.length
    writer.u8(sectionFollows)
    writer.text(identity.name)
    writer.varint(identity.incarnation)
    if (member.isLive) writer.u8(0)
    else {
      writer.u8(member.state === 'dead' ? 1 : 2)
      writer.varint(Math.max(0, Math.round(now - member.contact.stoppedAt)))
    }
    writer.varint(member.beat)
    writer.varint(member.gcVersion)
    writer.varint(from)
    const run = space?.testimony?.write(writer, from === 0)
    const until = end - closingBytes
    let to = from
    if (space !== undefined) to = space.writeRecords(writer, from, until, atLeastOne, now, run)
    else if (metadata !== undefined) to = writeFirstWord(writer, metadata, from, until, atLeastOne)
    if (to === from) {
      writer.truncate(start)
      return from
    }
    writer.varint(to)
    writer.varint(member.maxVersion)
    if (to === member.maxVersion) writer.varint(space === undefined ? noEventsSaid : space.statedSequence)
    return to
  }

  /** Closes a message's list of sections. */
  end(writer: Writer): void {
    writer.u8(noMoreSections)
  }

  /**
   * Reads and applies all sections of a message from the peer `sender`. Throws {@link Malformed}; what was applied
   * before stands.
   */
  readAll(reader: Reader, sender: string, now: number, each: (outcome: SectionOutcome) => void): void {
    for (;;) {
      const mark = reader.u8()
      if (mark === noMoreSections) return
      if (mark !== sectionFollows) throw new Malformed('neither a section nor the end')
      each(this.#read(reader, sender, now))
    }
  }

  /** Reads one section and applies it, if it can be. Throws {@link Malformed}; what was applied before stands. */
  #read(reader: Reader, sender: string, now: number): SectionOutcome {
    const start = reader.at
    const name = readName(reader)
    const incarnation = reader.counter()
    const stopped = readStopped(reader)
    const beat = reader.counter()
    const gc = reader.counter()
    const from = reader.counter()
    const { self, notary } = this.#mesh
    const known = this.#mesh.named(name)
    const isKnown = known?.identity.incarnation === incarnation
    const heading = notary && readHeading(reader, from === 0)
    const testimony = heading && this.#hear(heading, name, incarnation, known)
    const isTrue = heading === undefined || testimony !== undefined
    if (known === self && incarnation > self.identity.incarnation && isTrue) {
      this.outbid = Math.max(this.outbid, incarnation)
    }
    const isItself = heading === undefined || name === sender
    // somebody new is met at the beginning of its log, where its metadata stands
    const mayMeet = isTrue && (isKnown || (from === 0 && startsWithFirstWord(reader, this.#config)))
    const provenBeat = isItself ? beat : heading.statement.beat
    const end = isItself || stopped === undefined ? stopped : { how: 'dead' as const, agoMs: stopped.agoMs }
    const member = mayMeet ? this.#mesh.meet(name, incarnation, provenBeat, end, now) : undefined
    if (member === undefined || member === self) {
      const to = this.#skip(reader, from, heading)
      const isOlder = known !== undefined && known.identity.incarnation >= incarnation
      const gap = from > 0 && !isOlder
      return { member: undefined, gap, latest: to, reached: 0, advanced: false, introduced: false }
    }
    if (testimony !== undefined) this.#mesh.spaceOf(member, now).testimony = testimony
    if (stopped === undefined) this.#heardOf(member, provenBeat, beat, now)
    const before = member.maxVersion
    if (from === 0 && gc === 0 && member.space === undefined && this.#readFirst(member, reader, now)) {
      return { member, gap: false, latest: 1, reached: 1, advanced: before === 0, introduced: before === 0 }
    }
    const wasIntroduced = member.introduced
    const resets = before < gc && member.gcVersion < gc
    if (!isItself && (member.space?.isStartingOver === true || (resets && member.space?.isAtStake === true))) {
      const latest = this.#skip(reader, from, heading)
      return { member, gap: true, latest, reached: before, advanced: false, introduced: false, onlyItself: true }
    }
    if (from > before || (resets && from > 0)) {
      const latest = this.#skip(reader, from, heading)
      this.#park(member, sender, from, reader.source.subarray(start, reader.at))
      return { member, gap: true, latest, reached: before, advanced: false, introduced: false }
    }
    // while starting over, a sender that is itself behind the collected tombstones could bring back what they deleted
    if (before < member.gcVersion && gc < member.gcVersion && !resets) {
      const records = reader.at
      const latest = this.#skip(reader, from, heading)
      if (latest < member.gcVersion) {
        return { member, gap: false, latest, reached: before, advanced: false, introduced: false }
      }
      reader.at = records
    }
    const space = this.#mesh.spaceOf(member, now)
    const head = testimony === undefined ? counterMax : testimony.head
    if (gc > head) throw new Malformed('beyond what its owner signed')
    if (resets) space.startOver(gc)
    try {
      space.readRecords(reader, from, now, heading && new Run(testimony, heading.statement))
      const to = reader.counter()
      const latest = reader.counter()
      if (to < from || latest < to || latest > head) throw new Malformed('versions do not rise, or too far')
      const stated = to === latest ? reader.varint() : 0
      let sequence = stated > 0 ? stated - 1 : undefined
      if (heading !== undefined && sequence !== undefined) {
        sequence = to === heading.statement.head ? heading.statement.sequence : undefined
      }
      space.reach(to, latest, sequence)
      const introduced = !wasIntroduced && member.introduced
      const advanced = resets || space.maxVersion > before
      return { member, gap: false, latest, reached: to, advanced, introduced }
    } finally {
      if (space.maxVersion !== before) {
        this.#mesh.grew(member, now)
        if (this.#parkedBytes > 0) this.#retry(member, now)
      }
    }
  }

  /** Reads a log that holds nothing but the metadata, as most do; nothing is read if there is more to it. */
  #readFirst(member: Member, reader: Reader, now: number): boolean {
    const { at } = reader
    const metadata = readFirstWord(reader, this.#config)
    if (metadata === undefined) return false
    const { source } = reader
    // looked at as bytes: if they are cut, the metadata is taken before that is complained of
    const isThere = reader.left >= closingOfFirst.length
    if (!isThere || closingOfFirst.some((byte, i) => source[reader.at + i] !== byte)) {
      reader.at = at
      return false
    }
    reader.skip(closingOfFirst.length)
    if (!member.introduced) {
      this.#mesh.introduce(member, metadata)
      this.#mesh.grew(member, now)
    }
    return true
  }

  /**
   * Checks that the owner of a log has signed what its heading says; throws {@link Malformed} when another has.
   * Undefined when we do not know who it is, or it is of an older life.
   */
  #hear(heading: Heading, name: string, incarnation: number, known: Member | undefined): Testimony | undefined {
    const { notary, self } = this.#mesh
    if (notary === undefined || (known !== undefined && known.identity.incarnation > incarnation)) return undefined
    const isKnown = known?.identity.incarnation === incarnation
    if (isKnown && known === self) return self.space?.testimony
    const { certificate, statement, root } = heading
    if (!isKnown && certificate === undefined) return undefined
    const owner = { cluster: this.#config.cluster, name, incarnation }
    const testimony = isKnown ? known.space?.testimony : Testimony.of(notary, owner, certificate as Uint8Array)
    if (testimony === undefined || testimony.accept(statement, root)) return testimony
    throw new Malformed(`not signed by ${name}`)
  }

  /** Passes over the rest of a section and returns the sender's latest version. */
  #skip(reader: Reader, from: number, heading: Heading | undefined): number {
    skipRecords(reader, this.#config, from, heading && new Run(undefined, heading.statement))
    const to = reader.counter()
    const latest = reader.counter()
    if (to < from || latest < to) throw new Malformed('versions do not rise')
    if (to === latest) reader.varint()
    return latest
  }

  #park(member: Member, sender: string, from: number, bytes: Uint8Array): void {
    if (bytes.length > parkedBytesMax / 4) return
    this.#parked.push({ member, sender, from, bytes: bytes.slice() })
    this.#parkedBytes += bytes.length
    while (this.#parked.length > parkedMax || this.#parkedBytes > parkedBytesMax) {
      this.#parkedBytes -= (this.#parked.shift() as Parked).bytes.length
    }
  }

  /** The member's log has grown: what came too early may fit now. */
  #retry(member: Member, now: number): void {
    const fits = (parked: Parked): boolean => parked.member === member && parked.from <= member.maxVersion
    const mine = this.#parked.filter(fits)
    if (mine.length === 0) return
    this.#parked = this.#parked.filter((parked) => !fits(parked))
    for (const { bytes } of mine) this.#parkedBytes -= bytes.length
    for (const { bytes, sender } of mine) this.#read(new Reader(bytes), sender, now)
  }
}

function readStopped(reader: Reader): Stopped | undefined {
  const state = reader.u8()
  if (state === 0) return undefined
  if (state > 2) throw new Malformed('unknown state')
  return { how: state === 1 ? 'dead' : 'left', agoMs: reader.counter() }
}
