import { Malformed } from './bytes.js'
import type { Reader, Writer } from './bytes.js'
import { hash32 } from './hash.js'
import { isName, nameBytesMax } from './identity.js'

/**
 * Every message begins alike: magic, version of the protocol, kind, cluster, and who sends it in which life.
 *
 *     0      1        2     3            11
 *     magic  version  kind  cluster tag  name  incarnation  beat  …
 */
export const Message = {
  /** I live. May ask for an `echo`. */
  heartbeat: 1,
  /** So do I; the answer to a heartbeat that asked. */
  echo: 2,
  /** What I know of whom, for anti-entropy. */
  digest: 3,
  /** What you lack, and what I would like to have. */
  delta: 4,
  /** Something new, to be passed on along an arc of a ring. */
  news: 5,
} as const

export type MessageKind = (typeof Message)[keyof typeof Message]

const magic = 0x74
export const protocolVersion = 1

/** Whether bytes begin as a message does: those that others send over the same connections must not. */
export function isGossip(bytes: Uint8Array): boolean {
  return bytes[0] === magic
}

/** The kind of a message, in words, by its first bytes; what is none of ours is `unknown`. */
export function kindName(bytes: Uint8Array | undefined): keyof typeof Message | 'unknown' {
  return (bytes !== undefined && isGossip(bytes) && kindNames[bytes[2] ?? 0]) || 'unknown'
}

const kindNames = Object.keys(Message).reduce<(keyof typeof Message | undefined)[]>((names, name) => {
  names[Message[name as keyof typeof Message]] = name as keyof typeof Message
  return names
}, [])

/** What stands at the head of a message. */
export interface Header {
  readonly kind: number
  readonly name: string
  readonly incarnation: number
  /** The sender's heartbeat counter: shows that the message is no older than that heartbeat. */
  readonly beat: number
}

/** Why a message is dropped before it is read. */
export type Rejection = 'not a message' | 'another version' | 'another cluster'

/** Eight bytes that tell clusters apart. The last answer is remembered: peers of one process are rarely of several. */
export function clusterTag(cluster: string): readonly [number, number] {
  if (lastTag.cluster !== cluster) lastTag = { cluster, tag: [hash32(cluster, 17), hash32(cluster, 18)] }
  return lastTag.tag
}

let lastTag: { cluster: string | undefined; tag: readonly [number, number] } = { cluster: undefined, tag: [0, 0] }

export function writeHeader(
  writer: Writer,
  kind: MessageKind,
  tag: readonly [number, number],
  sender: { readonly name: string; readonly incarnation: number; readonly beat: number },
): void {
  writer.u8(magic)
  writer.u8(protocolVersion)
  writer.u8(kind)
  writer.u32(tag[0])
  writer.u32(tag[1])
  writer.text(sender.name)
  writer.varint(sender.incarnation)
  writer.varint(sender.beat)
}

/** Reads the head of a message; throws {@link Malformed}. */
export function readHeader(reader: Reader, tag: readonly [number, number]): Header | Rejection {
  if (reader.left < 11 || reader.u8() !== magic) return 'not a message'
  if (reader.u8() !== protocolVersion) return 'another version'
  const kind = reader.u8()
  if (reader.u32() !== tag[0] || reader.u32() !== tag[1]) return 'another cluster'
  const name = readName(reader)
  return { kind, name, incarnation: reader.counter(), beat: reader.counter() }
}

/** A peer's name, refused when it could not be one. */
export function readName(reader: Reader): string {
  const name = reader.text(nameBytesMax)
  if (!isName(name)) throw new Malformed('not a peer name')
  return name
}
