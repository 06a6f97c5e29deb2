import type { Chunk } from './valueheap.js'

/** What an entry of a peer's log is. The numbers stand on the wire. */
export const Kind = {
  /** A key has a value. The empty key holds the peer's metadata. */
  set: 0,
  /** A key has none any more: deleted, or its time is over. */
  tombstone: 1,
  /** Something was said; heard once, kept for a while for those who missed it. */
  event: 2,
  /** The owner suspects another peer. */
  suspect: 3,
  /** The owner holds another peer for dead. */
  dead: 4,
  /** The owner answers a suspicion: its heartbeat is beyond the one it was suspected at. */
  alive: 5,
  /** The owner leaves. */
  leave: 6,
} as const

export type Kind = (typeof Kind)[keyof typeof Kind]

export const kindMax = Kind.leave

/** Added to a record's kind on the wire when its time is limited. */
export const timedFlag = 0x80

/**
 * One versioned fact in a peer's log. Replaced, never changed, by its owner's next word on the key; `gone` marks what
 * was replaced or dropped, so that lists that still hold it can pass over it.
 */
export class Entry {
  readonly key: string
  readonly version: number
  kind: Kind
  /** When it ends, on the local clock; Infinity: never. A tombstone's is when it may be collected. */
  deadline: number
  gone = false
  /** For events: their number among all that their owner said; 0 for others. */
  sequence = 0
  /** Where the encoded value lies; see `valueheap.ts`. */
  chunk: Chunk | undefined = undefined
  offset = 0
  length = 0

  constructor(kind: Kind, key: string, version: number, deadline: number) {
    this.kind = kind
    this.key = key
    this.version = version
    this.deadline = deadline
  }
}
