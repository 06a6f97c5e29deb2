import type { Writer } from './bytes.js'
import { Malformed, Reader } from './bytes.js'
import type { GossipConfig } from './config.js'
import { skipRecords } from './keyspace.js'
import type { Member } from './member.js'
import type { Mesh } from './mesh.js'
import { readName } from './message.js'

/** Bytes kept free behind the records of a section for the numbers that close it, and for the end of the message. */
const closingBytes = 28
/** Sections that came too early are kept until the gap before them is filled. */
const parkedMax = 256
const parkedBytesMax = 1 << 20

/** Stands before each section of a message, and behind the last one. */
const sectionFollows = 1
const noMoreSections = 0

/** A peer's state as it stands on the wire. */
const states = ['alive', 'dead', 'left'] as const

/** What a section that was read did. */
export interface SectionOutcome {
  /** Undefined when it is of no use here: about oneself, an older life, or one too many. */
  readonly member: Member | undefined
  /** It starts beyond what we know: something is missing in between. */
  readonly gap: boolean
  /** The highest version the sender has. */
  readonly latest: number
  readonly reached: number
  /** It made us know the member. */
  readonly introduced: boolean
}

interface Parked {
  readonly member: Member
  readonly bytes: Uint8Array
}

/**
 * Deltas on the wire. A section is about one peer's log:
 *
 *     name  incarnation  state  beat  gc  from  records…  end  to  latest  [events said, if to = latest]
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
   * Writes what `member` said after `from`, as far as it fits below the writer's length `end`; returns the version reached.
   * When nothing fits, nothing is written and `from` comes back. With `atLeastOne`, one record goes in whatever its size.
   */
  write(writer: Writer, member: Member, from: number, end: number, atLeastOne: boolean, now: number): number {
    const { space, identity } = member
    const start = writer.length
    writer.u8(sectionFollows)
    writer.text(identity.name)
    writer.varint(identity.incarnation)
    writer.u8(member.state === 'dead' ? 1 : member.state === 'left' ? 2 : 0)
    writer.varint(member.beat)
    writer.varint(space.gcVersion)
    writer.varint(from)
    const to = space.writeRecords(writer, from, end - closingBytes, atLeastOne, now)
    if (to === from) {
      writer.truncate(start)
      return from
    }
    writer.varint(to)
    writer.varint(space.maxVersion)
    if (to === space.maxVersion) writer.varint(space.eventSequence)
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
    const state = states[reader.u8()]
    if (state === undefined) throw new Malformed('unknown state')
    const beat = reader.counter()
    const gc = reader.counter()
    const from = reader.counter()
    const self = this.#mesh.self
    if (name === self.name && incarnation > self.identity.incarnation) this.outbid = Math.max(this.outbid, incarnation)
    const known = this.#mesh.named(name)
    // somebody new is met at the beginning of its log, where its metadata stands
    const member =
      from === 0 || known?.identity.incarnation === incarnation
        ? this.#mesh.meet(name, incarnation, beat, state, now)
        : undefined
    if (member === undefined || member === self) {
      const to = this.#skip(reader)
      const isOlder = known !== undefined && known.identity.incarnation >= incarnation
      return { member: undefined, gap: from > 0 && !isOlder, latest: to, reached: 0, introduced: false }
    }
    if (state === 'alive') this.#heardOf(member, beat, now)
    const { space } = member
    const wasIntroduced = member.introduced
    const before = space.maxVersion
    const mustReset = space.maxVersion < gc && space.gcVersion < gc
    if (from > space.maxVersion || (mustReset && from > 0)) {
      const latest = this.#skip(reader)
      this.#park(member, reader.source.subarray(start, reader.at))
      return { member, gap: true, latest, reached: before, introduced: false }
    }
    // while starting over, a sender that is itself behind the collected tombstones could bring back what they deleted
    if (space.maxVersion < space.gcVersion && gc < space.gcVersion && !mustReset) {
      const records = reader.at
      const latest = this.#skip(reader)
      if (latest < space.gcVersion) return { member, gap: false, latest, reached: before, introduced: false }
      reader.at = records
    }
    if (mustReset) space.startOver(gc)
    try {
      space.readRecords(reader, from, now)
      const to = reader.counter()
      const latest = reader.counter()
      if (to < from || latest < to) throw new Malformed('versions do not rise')
      space.reach(to, to === latest ? reader.varint() : undefined)
      const introduced = !wasIntroduced && member.introduced
      return { member, gap: false, latest, reached: to, introduced }
    } finally {
      if (space.maxVersion !== before) {
        this.#mesh.grew(member, now)
        if (this.#parkedBytes > 0) this.#retry(member, now)
      }
    }
  }

  /** Passes over the rest of a section and returns the sender's latest version. */
  #skip(reader: Reader): number {
    skipRecords(reader, this.#config)
    const to = reader.varint()
    const latest = reader.varint()
    if (to === latest) reader.varint()
    return latest
  }

  #park(member: Member, bytes: Uint8Array): void {
    if (bytes.length > parkedBytesMax / 4) return
    this.#parked.push({ member, bytes: bytes.slice() })
    this.#parkedBytes += bytes.length
    while (this.#parked.length > parkedMax || this.#parkedBytes > parkedBytesMax) {
      this.#parkedBytes -= (this.#parked.shift() as Parked).bytes.length
    }
  }

  /** The member's log has grown: what came too early may fit now. */
  #retry(member: Member, now: number): void {
    const mine = this.#parked.filter((parked) => parked.member === member)
    if (mine.length === 0) return
    this.#parked = this.#parked.filter((parked) => parked.member !== member)
    for (const { bytes } of mine) this.#parkedBytes -= bytes.length
    for (const { bytes } of mine) this.#read(new Reader(bytes), now)
  }
}
