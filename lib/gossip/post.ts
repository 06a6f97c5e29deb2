import { copyBytes, Reader, Writer } from './bytes.js'
import type { GossipConfig } from './config.js'
import { sumBytes, sumStart } from './hash.js'
import type { Member } from './member.js'
import type { Mesh } from './mesh.js'
import type { Send } from './effects.js'
import { clusterTag, writeHeader } from './message.js'
import type { MessageKind } from './message.js'
import type { Outbox, TrafficClass } from './outbox.js'

/** A datagram ends with a checksum: UDP's own lets one in 65,000 damaged ones pass, and some links have none. */
const checksumBytes = 4
/** Datagrams in a row that may stay unanswered before the way is taken to be closed. */
const unansweredMax = 3
/** Above this, a connection is full: what is not urgent waits, or takes another way. */
export const queuedBytesHigh = 256 << 10

/**
 * Writes messages and chooses their way: small ones go as datagrams, large ones over connections; and small ones too
 * when datagrams to a peer have stopped being answered.
 */
export class Post {
  readonly tag: readonly [number, number]
  /** What a datagram holds besides its checksum. */
  readonly datagramBytesMax: number
  /** How often so far the way of datagrams to somebody was found to be closed. */
  closures = 0
  readonly #scratch = new Writer(2_048)
  readonly #config: GossipConfig
  readonly #mesh: Mesh
  readonly #outbox: Outbox

  constructor(config: GossipConfig, mesh: Mesh, outbox: Outbox) {
    this.#config = config
    this.#mesh = mesh
    this.#outbox = outbox
    this.tag = clusterTag(config.cluster)
    this.datagramBytesMax = config.maxDatagramBytes - checksumBytes
  }

  /** A message with its head written. Without a writer of the caller's it has to be taken before the next is begun. */
  begin(kind: MessageKind, writer = this.#scratch): Writer {
    const { self } = this.#mesh
    writer.truncate(0)
    writeHeader(writer, kind, this.tag, { name: self.name, incarnation: self.identity.incarnation, beat: self.beat })
    return writer
  }

  /** Whether datagrams may be tried with this peer. */
  datagramsReach(member: Member | undefined): boolean {
    return this.#config.udp && (member === undefined || member.contact.unanswered < unansweredMax)
  }

  /** Sends a message the way that its size and the path allow. */
  send(kind: TrafficClass, member: Member, parts: readonly Uint8Array[]): void {
    let bytes = 0
    for (const part of parts) bytes += part.length
    if (bytes <= this.datagramBytesMax && this.datagramsReach(member)) this.datagram(kind, member.name, parts)
    else this.stream(kind, member.name, parts)
  }

  datagram(kind: TrafficClass, to: string, parts: readonly Uint8Array[]): void {
    this.#outbox.send(kind, to, 'datagram', [checked(parts)])
  }

  /** Sends the same datagram to several. */
  datagrams(kind: TrafficClass, to: readonly string[], parts: readonly Uint8Array[]): void {
    if (to.length === 0) return
    const whole = [checked(parts)]
    for (const name of to) this.#outbox.send(kind, name, 'datagram', whole)
  }

  stream(kind: TrafficClass, to: string, parts: readonly Uint8Array[]): void {
    const bytes = this.#outbox.send(kind, to, 'stream', parts)
    const member = this.#mesh.named(to)
    if (member !== undefined) member.note().queuedBytes += bytes
  }

  /** A datagram that asks for an answer goes out. */
  asked(member: Member): void {
    if (++member.note().unanswered === unansweredMax) this.closures++
  }

  /** A datagram was answered: the way is open. */
  answered(member: Member, now: number): void {
    const contact = member.note()
    contact.unanswered = 0
    contact.answeredAt = now
  }
}

/** What came in, up to its checksum if it is a datagram; undefined when that does not fit. */
export function open(bytes: Uint8Array, via: Send['via']): Reader | undefined {
  if (via === 'stream') return new Reader(bytes)
  const end = bytes.length - checksumBytes
  if (end < 0 || new Reader(bytes, end).u32() !== sumBytes(sumStart, bytes, 0, end)) return undefined
  return new Reader(bytes, 0, end)
}

/** A datagram in one piece, with its checksum. */
function checked(parts: readonly Uint8Array[]): Uint8Array {
  let end = 0
  for (const part of parts) end += part.length
  const whole = new Uint8Array(end + checksumBytes)
  let at = 0
  for (const part of parts) {
    copyBytes(part, 0, part.length, whole, at)
    at += part.length
  }
  const sum = sumBytes(sumStart, whole, 0, end)
  for (let i = 0; i < checksumBytes; i++) whole[end + i] = sum >>> (24 - 8 * i)
  return whole
}
