import { counterMax, Malformed, type Reader, type Writer } from './bytes.js'
import { Kind, kindMax, timedFlag, type Entry } from './entry.js'
import type { SpaceLimits } from './keyspace.js'
import type { Run } from './testimony.js'

/** Longer lifetimes count as this: some thousand years. */
export const lifetimeMsMax = 2 ** 45

/** Marks the end of the records in a delta. */
export const endOfRecords = 0xff
/** Most that the first word of a log takes besides the metadata: kind, version, key, length, end. */
const firstWordBytes = 3 + 8 + 1

/** Writes one entry of a log, as what follows the version before it. */
export function writeRecord(writer: Writer, entry: Entry, previous: number, now: number): void {
  const over = entry.deadline <= now
  const kind = entry.kind === Kind.set && over ? Kind.tombstone : entry.kind
  const timed = kind !== Kind.tombstone && entry.deadline !== Infinity
  writer.u8(timed ? kind | timedFlag : kind)
  writer.varint(entry.version - previous)
  if (kind <= Kind.event) writer.text(entry.key)
  if (kind === Kind.event) writer.varint(entry.sequence)
  if (timed) writer.varint(over ? 0 : Math.ceil(entry.deadline - now))
  if (kind === Kind.tombstone) return
  if (entry.chunk === undefined) writer.u8(0)
  else writer.bytes(entry.chunk.bytes, entry.offset, entry.offset + entry.length)
}

/**
 * Writes a log that holds nothing but the metadata, as {@link KeySpace.writeRecords} would: returns 1, or `from` when
 * it does not fit.
 */
export function writeFirstWord(
  writer: Writer,
  metadata: Uint8Array,
  from: number,
  end: number,
  atLeastOne: boolean,
): number {
  const fits = from === 0 && (atLeastOne || writer.length + metadata.length + firstWordBytes <= end)
  if (fits) {
    writer.u8(Kind.set)
    writer.varint(1)
    writer.text('')
    writer.bytes(metadata, 0, metadata.length)
  }
  writer.u8(endOfRecords)
  return fits ? 1 : from
}

/**
 * Reads a log that holds nothing but the metadata, and returns that. When there is more, or something else, nothing is
 * read.
 */
export function readFirstWord(reader: Reader, limits: Pick<SpaceLimits, 'maxValueBytes'>): Uint8Array | undefined {
  const { source, at } = reader
  if (!startsWithFirstWord(reader, limits)) return undefined
  reader.skip(3)
  const length = reader.length(limits.maxValueBytes)
  const start = reader.skip(length)
  const isAlone = reader.left > 0 && reader.u8() === endOfRecords
  if (isAlone) return length === 0 ? nothing : source.slice(start, start + length)
  reader.at = at
  return undefined
}

/**
 * Whether the first record is the one with the metadata: it is the first word of every log. Throws {@link Malformed} if
 * it is cut: whoever is met by it is introduced by it, or would be known to us and to nobody whom we tell.
 */
export function startsWithFirstWord(reader: Reader, limits: Pick<SpaceLimits, 'maxValueBytes'>): boolean {
  const { source, at, end } = reader
  if (at + 3 > end || source[at] !== Kind.set || source[at + 1] !== 1 || source[at + 2] !== 0) return false
  reader.skip(3)
  reader.skip(reader.length(limits.maxValueBytes))
  reader.at = at
  return true
}

const nothing = new Uint8Array(0)

/** Passes over the records of a delta, refusing what would be refused when read. */
export function skipRecords(
  reader: Reader,
  limits: Pick<SpaceLimits, 'maxKeyBytes' | 'maxValueBytes'>,
  from = 0,
  run?: Run,
): void {
  let version = from
  for (;;) {
    const head = reader.u8()
    if (head === endOfRecords) return
    const kind = head & ~timedFlag
    if (kind > kindMax) throw new Malformed('unknown kind of record')
    const previous = version
    version += reader.varint()
    if (version === previous || version > counterMax) throw new Malformed('versions do not rise')
    // read like any other: what is passed over here may be passed on
    if (kind <= Kind.event) reader.text(limits.maxKeyBytes)
    if (kind === Kind.event) reader.varint()
    if ((head & timedFlag) !== 0) {
      reader.varint()
      if (run !== undefined) reader.counter()
    }
    if (kind !== Kind.tombstone) reader.skip(reader.length(limits.maxValueBytes))
    run?.skip(reader, version)
  }
}
