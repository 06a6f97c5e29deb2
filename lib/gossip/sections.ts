import type { Writer } from './bytes.js'
import { Malformed, Reader } from './bytes.js'
import type { GossipConfig } from './config.js'
import { readFirstWord, skipRecords, startsWithFirstWord, writeFirstWord } from './keyspace.js'
import type { Member } from './member.js'
import type { Mesh, Stopped } from './mesh.js'
import { readName } from './message.js'

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
}

interface Parked {
  readonly member: Member
  readonly from: number
  readonly bytes: Uint8Array
}

/**
 * Deltas on the wire. A section is about one peer's log:
 *
 *     name  incarnation  state [stopped ms ago]  beat  gc  from  records…  end  to  latest  [events said + 1, if to =
 * latest]
 *
 * A message holds any number of them.
 */
export class Sections {
  readonly #mesh: Mesh
  readonly #config: GossipConfig
  readonly #heardOf: (member: Member, beat: number, now: number) => void
  /** Bounded by `parkedMax` and `parkedBytesMax`. */
  #parked: Parked[] = []
  #parkedBytes = 0
  /** The highest incarnation that others believe of our own name, beyond ours; 0 when none. */
  outbid = 0

  /** `heardOf` is told of the heartbeats that sections carry. */
  constructor(mesh: Mesh, config: GossipConfig, heardOf: (member: Member, beat: number, now: number) => void) {
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
    const until = end - closingBytes
    let to = from
    if (space !== undefined) to = space.writeRecords(writer, from, until, atLeastOne, now)
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

  /** Reads and applies all sections of a message. Throws {@link Malformed}; what was applied before stands. */
  readAll(reader: Reader, now: number, each: (outcome: SectionOutcome) => void): void {
    for (;;) {
      const mark = reader.u8()
      if (mark === noMoreSections) return
      if (mark !== sectionFollows) throw new Malformed('neither a section nor the end')
      each(this.#read(reader, now))
    }
  }

  /** Reads one section and applies it, if it can be. Throws {@link Malformed}; what was applied before stands. */
  #read(reader: Reader, now: number): SectionOutcome {
    const start = reader.at
    const name = readName(reader)
    const incarnation = reader.counter()
    const stopped = readStopped(reader)
    const beat = reader.counter()
    const gc = reader.counter()
    const from = reader.counter()
    const self = this.#mesh.self
    if (name === self.name && incarnation > self.identity.incarnation) this.outbid = Math.max(this.outbid, incarnation)
    const known = this.#mesh.named(name)
    // somebody new is met at the beginning of its log, where its metadata stands
    const isKnown = known?.identity.incarnation === incarnation
    const member =
      isKnown || (from === 0 && startsWithFirstWord(reader))
        ? this.#mesh.meet(name, incarnation, beat, stopped, now)
        : undefined
    if (member === undefined || member === self) {
      const to = this.#skip(reader, from)
      const isOlder = known !== undefined && known.identity.incarnation >= incarnation
      const gap = from > 0 && !isOlder
      return { member: undefined, gap, latest: to, reached: 0, advanced: false, introduced: false }
    }
    if (stopped === undefined) this.#heardOf(member, beat, now)
    const before = member.maxVersion
    if (from === 0 && gc === 0 && member.space === undefined && this.#readFirst(member, reader, now)) {
      return { member, gap: false, latest: 1, reached: 1, advanced: before === 0, introduced: before === 0 }
    }
    const wasIntroduced = member.introduced
    const resets = before < gc && member.gcVersion < gc
    if (from > before || (resets && from > 0)) {
      const latest = this.#skip(reader, from)
      this.#park(member, from, reader.source.subarray(start, reader.at))
      return { member, gap: true, latest, reached: before, advanced: false, introduced: false }
    }
    // while starting over, a sender that is itself behind the collected tombstones could bring back what they deleted
    if (before < member.gcVersion && gc < member.gcVersion && !resets) {
      const records = reader.at
      const latest = this.#skip(reader, from)
      if (latest < member.gcVersion) {
        return { member, gap: false, latest, reached: before, advanced: false, introduced: false }
      }
      reader.at = records
    }
    const space = this.#mesh.spaceOf(member, now)
    if (resets) space.startOver(gc)
    try {
      space.readRecords(reader, from, now)
      const to = reader.counter()
      const latest = reader.counter()
      if (to < from || latest < to) throw new Malformed('versions do not rise')
      const stated = to === latest ? reader.varint() : 0
      space.reach(to, stated > 0 ? stated - 1 : undefined)
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
    const isWhole = reader.counter() === 1 && reader.counter() === 1 && reader.varint() === noEventsSaid
    if (!isWhole) reader.at = at
    else if (!member.introduced) {
      this.#mesh.introduce(member, metadata)
      this.#mesh.grew(member, now)
    }
    return isWhole
  }

  /** Passes over the rest of a section and returns the sender's latest version. */
  #skip(reader: Reader, from: number): number {
    skipRecords(reader, this.#config)
    const to = reader.counter()
    const latest = reader.counter()
    if (to < from || latest < to) throw new Malformed('versions do not rise')
    if (to === latest) reader.varint()
    return latest
  }

  #park(member: Member, from: number, bytes: Uint8Array): void {
    if (bytes.length > parkedBytesMax / 4) return
    this.#parked.push({ member, from, bytes: bytes.slice() })
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
    for (const { bytes } of mine) this.#read(new Reader(bytes), now)
  }
}

function readStopped(reader: Reader): Stopped | undefined {
  const state = reader.u8()
  if (state === 0) return undefined
  if (state > 2) throw new Malformed('unknown state')
  return { how: state === 1 ? 'dead' : 'left', agoMs: reader.counter() }
}
