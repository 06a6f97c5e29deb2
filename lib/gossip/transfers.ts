import { Writer } from './bytes.js'
import type { Member } from './member.js'
import type { Mesh } from './mesh.js'
import { Message } from './message.js'
import { queuedBytesHigh } from './post.js'
import type { Post } from './post.js'
import type { Sections } from './sections.js'

/** How much goes into one message: a frame that size is not cut, so batches keep their order. */
const batchBytes = 60 << 10
/** How much may wait on a connection before the transfer pauses. */
const windowBytes = queuedBytesHigh / 2
/** Transfers at a time; a partner beyond that asks again later. */
const transfersMax = 32

/** One log to bring somebody up to date with. */
export interface Need {
  readonly member: Member
  /** What the partner has; 0: all is needed. */
  from: number
}

interface Telling extends Need {
  /** Tombstones up to this version had been collected when it began. */
  gc: number
  /** Lets those go that wait until it is told. */
  release?: (() => void) | undefined
}

interface Transfer {
  /** Bytes that wait on the connection to the partner. */
  queuedBytes: number
  /** The first one is under way. */
  readonly needs: Telling[]
}

/**
 * Bulk: what does not fit a datagram goes to the partner over its connection, a batch at a time, as fast as the
 * connection drains and no faster. Newcomers first hear who is there, then the smaller logs, then the large ones.
 */
export class Transfers {
  readonly #mesh: Mesh
  readonly #post: Post
  readonly #sections: Sections
  readonly #writer = new Writer()
  /** By partner. At most `transfersMax`. */
  readonly #transfers = new Map<string, Transfer>()

  constructor(mesh: Mesh, post: Post, sections: Sections) {
    this.#mesh = mesh
    this.#post = post
    this.#sections = sections
  }

  clear(): void {
    for (const partner of this.#transfers.keys()) this.stop(partner)
  }

  /** Begins to send what is needed. `first` sends the start of each unknown log before any other. */
  start(partner: string, needs: readonly Need[], now: number): void {
    if (this.#transfers.has(partner) || this.#transfers.size >= transfersMax || needs.length === 0) return
    const queue = needs.map(({ member, from }) => ({ member, from, gc: member.gcVersion }))
    this.#transfers.set(partner, { queuedBytes: 0, needs: queue })
    this.#introduce(partner, queue, now)
    this.pump(partner, 0, now)
  }

  /** So many bytes wait on the connection to the partner: goes on if there is room. */
  pump(partner: string, queuedBytes: number, now: number): void {
    const transfer = this.#transfers.get(partner)
    if (transfer === undefined) return
    transfer.queuedBytes = queuedBytes
    while (transfer.needs.length > 0 && transfer.queuedBytes < windowBytes) {
      const writer = this.#post.begin(Message.delta, this.#writer)
      writePreamble(writer)
      let some = false
      while (transfer.needs.length > 0) {
        const need = transfer.needs[0] as Telling
        const { maxVersion, gcVersion, identity } = need.member
        // forgotten or replaced meanwhile: there is nothing left to tell
        if (this.#mesh.withId(identity.id) !== need.member) need.from = Infinity
        need.release ??= need.member.space?.keepTombstones(now)
        // tombstones were collected since, which the partner may lack: it has to start over
        if (gcVersion > need.gc && need.from < gcVersion) {
          need.from = 0
          need.gc = gcVersion
        }
        if (need.from < maxVersion) {
          const to = this.#sections.write(writer, need.member, need.from, batchBytes, !some, now)
          if (to === need.from) break
          some = true
          need.from = to
        }
        if (need.from < maxVersion) break
        need.release?.()
        transfer.needs.shift()
      }
      if (!some) continue
      this.#sections.end(writer)
      writer.varint(0)
      const message = writer.take()
      transfer.queuedBytes += message.length
      this.#post.stream('repair', partner, [message])
    }
    if (transfer.needs.length === 0) this.stop(partner)
  }

  /** A connection broke, or its peer is gone. */
  stop(partner: string): void {
    this.#transfers.get(partner)?.needs[0]?.release?.()
    this.#transfers.delete(partner)
  }

  #introduce(partner: string, queue: Telling[], now: number): void {
    const unknown = queue.filter((need) => need.from === 0 && need.member.maxVersion > 0)
    let writer: Writer | undefined
    const send = (): void => {
      if (writer === undefined) return
      this.#sections.end(writer)
      writer.varint(0)
      this.#post.stream('repair', partner, [writer.take()])
      writer = undefined
    }
    for (const need of unknown) {
      if (writer === undefined) {
        writer = this.#post.begin(Message.delta, this.#writer)
        writePreamble(writer)
      }
      need.from = this.#sections.write(writer, need.member, 0, writer.length + introductionBytes, true, now)
      if (writer.length > batchBytes) send()
    }
    send()
    queue.sort((a, b) => left(a) - left(b))
  }
}

/** What the beginning of each unknown log may take. */
const introductionBytes = 512

function left(need: Need): number {
  return need.member.maxVersion - need.from
}

/** Bulk answers no question, and says nothing about rates. */
function writePreamble(writer: Writer): void {
  for (let i = 0; i < 4; i++) writer.u8(0)
}
