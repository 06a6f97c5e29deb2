import { Malformed } from './bytes.js'
import type { Reader, Writer } from './bytes.js'
import type { Member } from './member.js'

/** How far somebody's knowledge of one peer's log goes. */
export interface DigestEntry {
  readonly id: number
  readonly max: number
  readonly gc: number
  /** Whether its owner is held for alive there. */
  readonly alive: boolean
  /** A bulk transfer of this log is coming in already: send nothing of it. */
  readonly incoming: boolean
}

/** Least bytes that an entry takes. */
export const entryBytesMin = 8
/** Most bytes that an entry takes. */
export const entryBytesMax = 6 + 8 + 8

export function writeEntry(writer: Writer, member: Member, now: number): void {
  writer.u48(member.identity.id)
  writer.varint(member.maxVersion)
  writer.varint(member.gcVersion * 4 + (member.isLive ? 2 : 0) + (member.contact.incomingUntil > now ? 1 : 0))
}

/** A log of which nothing is known. */
export function writeUnknown(writer: Writer, id: number): void {
  writer.u48(id)
  writer.varint(0)
  writer.varint(0)
}

export function readEntry(reader: Reader): DigestEntry {
  const id = reader.u48()
  const max = reader.counter()
  const flagged = reader.varint()
  return { id, max, gc: Math.floor(flagged / 4), alive: flagged % 4 >= 2, incoming: flagged % 2 === 1 }
}

/** A counted list of entries; the count is checked against what is left before anything is made. */
export function readEntries(reader: Reader): DigestEntry[] {
  const count = reader.varint()
  if (count * entryBytesMin > reader.left) throw new Malformed('ends too early')
  const entries: DigestEntry[] = []
  for (let i = 0; i < count; i++) entries.push(readEntry(reader))
  return entries
}

/** Writes a counted list; `write` returns how many entries it wrote. */
export function writeCounted(writer: Writer, members: readonly Member[], now: number): void {
  writer.varint(members.length)
  for (const member of members) writeEntry(writer, member, now)
}
