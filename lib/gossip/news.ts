import type { Reader } from './bytes.js'
import { Writer } from './bytes.js'
import type { GossipConfig } from './config.js'
import type { FlowControl } from './flow.js'
import type { Member } from './member.js'
import type { Mesh } from './mesh.js'
import { Message } from './message.js'
import { queuedBytesHigh } from './post.js'
import type { Post } from './post.js'
import type { Arc } from './ring.js'
import type { Sections } from './sections.js'

/** How much goes into one message over a connection: a frame that size is not cut, so batches keep their order. */
const batchBytes = 60 << 10
/** How long the others wait for one whose connection is full, before it is passed over. */
const patienceMs = 100
/** Newcomers are told of together: those that come within this time travel in the same datagrams. */
const gatherMs = 20
/** What may wait on a connection before others' news is left to anti-entropy, which sends only what still counts. */
const relayBytesMax = 4 * queuedBytesHigh
/** The ring and the end of the arc stand behind the head, before the sections. */
const arcBytes = 5

/**
 * Fresh news, spread at once by **arc broadcast**. All live peers lie on a ring by their hashed names. The origin cuts
 * the ring into `arcs` parts and sends to the first peer in each; that peer cuts the rest of its arc in the same way.
 * So each message goes to exactly one peer that lacks it, in log(n) hops. A second ring, hashed differently, carries
 * the same small message at the same time along other ways, and covers for what is lost on the first; large batches go
 * over connections, which lose nothing, and need one ring only. What slips through both is for anti-entropy to mend.
 *
 * All that was written within a tick travels together.
 */
export class News {
  readonly #config: GossipConfig
  readonly #mesh: Mesh
  readonly #post: Post
  readonly #sections: Sections
  readonly #flow: FlowControl
  readonly #writer = new Writer()
  /** Own versions up to this one have been broadcast. */
  #flushed = 0
  /** Members that we were the first to hear of. Bounded by the members there are. */
  readonly #newcomers = new Set<Member>()
  #newcomersDue = 0
  #pendingBytes = 0
  /** Connections are full: nothing more goes out before, or before one drains. */
  #blockedUntil = -Infinity
  /** Nothing goes out before; Infinity when nothing waits. */
  #dueAt = Infinity
  #headBytes = 0

  constructor(config: GossipConfig, mesh: Mesh, post: Post, sections: Sections, flow: FlowControl) {
    this.#config = config
    this.#mesh = mesh
    this.#post = post
    this.#sections = sections
    this.#flow = flow
  }

  /** Begins with nothing to tell: whoever meets us asks for all we have. */
  start(): void {
    this.#flushed = 0
    this.#flow.restart()
    this.#dueAt = -Infinity
    this.#pendingBytes = 0
    this.#blockedUntil = -Infinity
    this.#newcomers.clear()
  }

  /** Own updates of so many bytes wait to be sent. */
  get pendingBytes(): number {
    return this.#pendingBytes
  }

  /**
   * Own log has grown by so many bytes. What may wait goes out with what may not, or with the next exchange at the
   * latest.
   */
  wrote(bytes: number, mayWait: boolean, now: number): void {
    this.#flow.made(bytes, this.#mesh.self.maxVersion, now)
    if (this.#mesh.liveCount > 0) this.#pendingBytes += bytes
    this.#dueAt = mayWait ? Math.min(this.#dueAt, now + this.#config.gossipIntervalMs) : -Infinity
  }

  /** We are the first to hear of a member, from itself: the others should know. */
  met(member: Member, now: number): void {
    if (this.#newcomers.size === 0) this.#newcomersDue = now + gatherMs
    this.#newcomers.add(member)
  }

  /** A connection has room again. */
  unblock(): void {
    this.#blockedUntil = -Infinity
  }

  nextWake(now: number): number {
    const newcomers = this.#newcomers.size > 0 ? this.#newcomersDue : Infinity
    if (this.#flushed === this.#mesh.self.maxVersion) return newcomers
    return Math.min(newcomers, Math.max(this.#dueAt, this.#blockedUntil, this.#flow.readyAt(now)))
  }

  /** Sends what is new. */
  flush(now: number): void {
    const { self } = this.#mesh
    if (this.#newcomers.size > 0 && now >= this.#newcomersDue) this.#introduce(now)
    if (this.#flushed === self.maxVersion) return
    if (this.#mesh.liveCount === 0) {
      this.#flushed = self.maxVersion
      this.#pendingBytes = 0
    } else if (now < Math.max(this.#dueAt, this.#blockedUntil)) return
    else if (!this.#flushAsDatagram(now)) this.#flushAsStream(now)
    if (this.#flushed === self.maxVersion) this.#dueAt = Infinity
  }

  /** Own farewell goes every way at once: there will be no second chance. */
  farewell(now: number): void {
    const { self } = this.#mesh
    const writer = this.#begin()
    const from = self.maxVersion - 1
    this.#sections.write(writer, self, from, this.#post.datagramBytesMax, true, now)
    this.#flushed = self.maxVersion
    const message = this.#close(writer)
    for (const ring of [0, 1] as const) this.#broadcast(message, ring, ring === 0 ? 'stream' : undefined)
  }

  #flushAsDatagram(now: number): boolean {
    const { self } = this.#mesh
    if (!this.#config.udp || this.#flow.allowance(now) <= 0) return false
    const writer = this.#begin()
    const to = this.#sections.write(writer, self, this.#flushed, this.#post.datagramBytesMax, false, now)
    if (to !== self.maxVersion) return false
    const message = this.#close(writer)
    this.#flow.spend(message.length, now)
    this.#flushed = to
    this.#pendingBytes = 0
    this.#broadcast(message, 0, undefined)
    this.#broadcast(message, 1, undefined)
    return true
  }

  #flushAsStream(now: number): void {
    const { self } = this.#mesh
    while (this.#flushed < self.maxVersion) {
      if (this.#flow.allowance(now) <= 0) return
      const arcs = this.#arcs(0, self.identity.places[0])
      const full = arcs.filter((arc) => arc.head.contact.queuedBytes >= queuedBytesHigh)
      if (full.length > 0) {
        for (const { head } of full) {
          if (head.contact.fullSince === Infinity) head.note().fullSince = now
        }
        const waited = Math.max(...full.map(({ head }) => head.contact.fullSince)) + patienceMs
        this.#blockedUntil = full.length === arcs.length ? now + patienceMs : waited
        if (this.#blockedUntil > now) return
      }
      const writer = this.#begin()
      const start = writer.length
      const end = this.#flow.messageBytes(batchBytes)
      this.#flushed = this.#sections.write(writer, self, this.#flushed, end, true, now)
      const bytes = writer.length - start
      this.#flow.spend(bytes, now)
      this.#pendingBytes = this.#flushed === self.maxVersion ? 0 : Math.max(0, this.#pendingBytes - bytes)
      // a peer whose connection stays full is left to anti-entropy: it must not hold up the others
      const open = arcs.filter((arc) => arc.head.contact.queuedBytes < queuedBytesHigh)
      this.#spread(this.#close(writer), 0, open, 'stream')
    }
  }

  /** Tells everybody of the newcomers: the beginning of each one's log, which says who it is. */
  #introduce(now: number): void {
    const waiting = [...this.#newcomers].filter((member) => member.isLive && member.maxVersion > 0)
    this.#newcomers.clear()
    while (waiting.length > 0) {
      const writer = this.#begin()
      let some = false
      while (waiting.length > 0) {
        const member = waiting[waiting.length - 1] as Member
        if (this.#sections.write(writer, member, 0, this.#post.datagramBytesMax, !some, now) === 0) break
        waiting.pop()
        some = true
      }
      const message = this.#close(writer)
      this.#broadcast(message, 0, undefined)
      this.#broadcast(message, 1, undefined)
    }
  }

  /** A message that has its head, and room for the arc. */
  #begin(): Writer {
    const writer = this.#post.begin(Message.news, this.#writer)
    this.#headBytes = writer.length
    for (let i = 0; i < arcBytes; i++) writer.u8(0)
    return writer
  }

  #close(writer: Writer): Uint8Array {
    this.#sections.end(writer)
    return writer.take()
  }

  #arcs(ring: 0 | 1, until: number): Arc[] {
    return this.#mesh.rings[ring].arcs(this.#mesh.self, until, this.#config.arcs, isReachable)
  }

  #broadcast(message: Uint8Array, ring: 0 | 1, via: 'stream' | undefined): void {
    this.#spread(message, ring, this.#arcs(ring, this.#mesh.self.identity.places[ring]), via)
  }

  #spread(message: Uint8Array, ring: 0 | 1, arcs: readonly Arc[], via: 'stream' | undefined): void {
    const body = message.subarray(this.#headBytes + arcBytes)
    for (const { head, until } of arcs) {
      const start = message.slice(0, this.#headBytes + arcBytes)
      start[this.#headBytes] = ring
      new DataView(start.buffer).setUint32(this.#headBytes + 1, until)
      if (via === 'stream') this.#post.stream('news', head.name, [start, body])
      else this.#post.send('news', head, [start, body])
    }
  }

  /** News came in: read by `readBody`, then passed on along the arc we were given. */
  receive(reader: Reader, isFresh: boolean, readBody: () => void): void {
    const ring = (reader.u8() & 1) as 0 | 1
    const until = reader.u32()
    const start = reader.at
    readBody()
    // an old message that comes again is not spread again
    if (isFresh) this.#relay(reader.source.subarray(start, reader.end), ring, until)
  }

  #relay(body: Uint8Array, ring: 0 | 1, until: number): void {
    const { self } = this.#mesh
    // an arc that ends where it begins would be the whole ring
    if (until === self.identity.places[ring]) return
    const arcs = this.#arcs(ring, until)
    if (arcs.length === 0) return
    const writer = this.#post.begin(Message.news, this.#writer)
    writer.u8(ring)
    const base = writer.take()
    for (const { head, until: end } of arcs) {
      if (head.contact.queuedBytes > relayBytesMax) continue
      const start = new Uint8Array(base.length + 4)
      start.set(base)
      new DataView(start.buffer).setUint32(base.length, end)
      this.#post.send('news', head, [start, body])
    }
  }
}

/** Peers that are suspected, or whose connection is full, are no good to pass news on. */
function isReachable(member: Member): boolean {
  return member.state === 'alive' && member.contact.queuedBytes < queuedBytesHigh
}
