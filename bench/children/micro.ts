/** Parts of this library, each measured by itself, in a process that does nothing else. */
import { hash, randomBytes } from 'node:crypto'
import { Reader, Writer } from '../../lib/gossip/bytes.js'
import { defaultConfig } from '../../lib/gossip/config.js'
import { readEntries, writeCounted } from '../../lib/gossip/digest.js'
import { Kind } from '../../lib/gossip/entry.js'
import { Expiry } from '../../lib/gossip/expiry.js'
import { Gossip } from '../../lib/gossip/gossip.js'
import { identify } from '../../lib/gossip/identity.js'
import { KeySpace, type SpaceListener } from '../../lib/gossip/keyspace.js'
import { Member } from '../../lib/gossip/member.js'
import { MerkleTree } from '../../lib/gossip/merkle.js'
import { clusterTag, Message, readHeader, writeHeader } from '../../lib/gossip/message.js'
import { hashBytes } from '../../lib/gossip/notary.js'
import { PhiAccrualDetector } from '../../lib/gossip/phi.js'
import { seededRandom } from '../../lib/gossip/random.js'
import { Ring } from '../../lib/gossip/ring.js'
import { encodeChunks, FrameSplitter } from '../../lib/net/frame.js'
import { Keyring } from '../../lib/net/keyring.js'
import { Seal } from '../../lib/net/seal.js'
import { decodeValue, encodeValue } from '../../lib/values.js'
import type { PartName } from '../lib/parts.js'
import { keyName, payload } from '../lib/payload.js'
import { serve } from '../lib/serve.js'

/** Does it once; what it returns is kept, so that nothing is optimised away. `n` rises. */
type Work = (n: number) => unknown

const silent: SpaceListener = {
  changed() {}, removed() {}, expired() {}, said() {}, missed() {}, announced() {},
}
const nameOf = (n: number): string => `10.0.${n >> 8}.${n & 255}:9000`
const memberOf = (n: number): Member => new Member(identify(nameOf(n), 1_700_000_000_000 + n))
const membersOf = (count: number): Member[] => Array.from({ length: count }, (_, n) => memberOf(n))
const space = (): KeySpace => new KeySpace(nameOf(0), defaultConfig, new Expiry(), silent)
const value = encodeValue(payload(7), 1_000)

/** What was written, of its own. */
const written = (write: (writer: Writer) => void): Uint8Array => {
  const writer = new Writer()
  write(writer)
  return writer.take().slice()
}

const parts: Record<PartName, () => Work> = {
  // a fixed piece of JavaScript and memory, to tell how fast the machine is at the moment
  yardstick() {
    const bytes = randomBytes(1_024)
    const map = new Map<string, number>()
    return n => {
      let sum = n
      for (const byte of bytes) sum = Math.imul(sum ^ byte, 0x0100_0193)
      const key = `k${sum & 1_023}`
      map.set(key, (map.get(key) ?? 0) + 1)
      return sum
    }
  },
  'codec: write': () => {
    const writer = new Writer()
    const tag = clusterTag('telepathine')
    const sender = { name: nameOf(1), incarnation: 1_700_000_000_000, beat: 4_711 }
    return () => {
      writer.truncate(0)
      writeHeader(writer, Message.news, tag, sender)
      return writer.length
    }
  },
  'codec: read': () => {
    const tag = clusterTag('telepathine')
    const sender = { name: nameOf(1), incarnation: 1_700_000_000_000, beat: 4_711 }
    const bytes = written(writer => writeHeader(writer, Message.news, tag, sender))
    return () => readHeader(new Reader(bytes), tag)
  },
  'value: encode': () => {
    const text = payload(7)
    return () => encodeValue(text, 1_000)
  },
  'value: decode': () => () => decodeValue(value),
  'frame: encode': () => {
    const part = randomBytes(130)
    const chunks = Array.from({ length: 100 }, () => ({ word: part.length, parts: [part] }))
    return () => encodeChunks(chunks)
  },
  'frame: split': () => {
    const part = randomBytes(130)
    const chunks = Array.from({ length: 100 }, () => ({ word: part.length, parts: [part] }))
    const bytes = Buffer.concat(encodeChunks(chunks))
    let seen = 0
    const splitter = new FrameSplitter(1 << 20, () => { seen++ })
    return () => {
      splitter.push(bytes)
      return seen
    }
  },
  'digest: write': () => {
    const writer = new Writer()
    const members = membersOf(100)
    return n => {
      writer.truncate(0)
      writeCounted(writer, members, n)
      return writer.length
    }
  },
  'digest: read': () => {
    const bytes = written(writer => writeCounted(writer, membersOf(100), 0))
    return () => readEntries(new Reader(bytes))
  },
  'delta: write': () => {
    const owner = space()
    for (let n = 0; n < 1_000; n++) owner.write(Kind.set, keyName(n), value, Infinity, 0)
    const writer = new Writer()
    return n => {
      writer.truncate(0)
      return owner.writeRecords(writer, n % 980, 1_400, false, 0)
    }
  },
  'delta: read': () => {
    const owner = space()
    const deltas: { from: number; bytes: Uint8Array }[] = []
    for (let from = 0; from < 10_000; from += 10) {
      for (let n = 0; n < 10; n++) owner.write(Kind.set, keyName((from + n) % 1_000), value, Infinity, 0)
      deltas.push({ from, bytes: written(writer => owner.writeRecords(writer, from, 1 << 16, true, 0)) })
    }
    let reader = space()
    return n => {
      const { from, bytes } = deltas[n % deltas.length] as (typeof deltas)[number]
      if (from === 0) reader = space()
      reader.readRecords(new Reader(bytes), from, 0)
      return reader.maxVersion
    }
  },
  phi: () => {
    const detector = new PhiAccrualDetector({ firstIntervalMs: 500 })
    return n => {
      detector.heartbeat(n * 500 + (n % 7))
      return detector.phi(n * 500 + 400)
    }
  },
  'arcs: cut': () => {
    const ring = new Ring(0)
    const members = membersOf(1_000)
    for (const member of members) ring.add(member)
    return n => {
      const self = members[n % 1_000] as Member
      return ring.arcs(self, self.identity.places[0], 8, () => true)
    }
  },
  'arc broadcast': () => {
    const crowd = formed(32)
    return n => {
      const origin = crowd.peers[n % 32] as Gossip
      origin.set('key', value, undefined, crowd.now)
      origin.tick(crowd.now)
      const messages = crowd.deliver()
      if (messages < 2 * 31) throw new Error(`${messages} messages: not everybody was told on both rings`)
      crowd.now += 1
      return messages
    }
  },
  'keys: set': () => {
    const owner = space()
    return n => owner.write(Kind.set, keyName(n % 10_000), value, Infinity, 0).version
  },
  'keys: get': () => {
    const owner = space()
    const keys = Array.from({ length: 10_000 }, (_, n) => keyName(n))
    for (const key of keys) owner.write(Kind.set, key, value, Infinity, 0)
    return n => owner.get(keys[n % 10_000] ?? '', 0)
  },
  'keys: set and expire': () => {
    const expiry = new Expiry()
    const owner = new KeySpace(nameOf(0), defaultConfig, expiry, silent)
    return n => {
      owner.write(Kind.set, keyName(n % 10_000), value, n + 500, n)
      expiry.due(n, (held, entry) => held.end(entry, n))
      return owner.stateBytes
    }
  },
  merkle: () => {
    const hasher = {
      hash: (head: Uint8Array, rest: Uint8Array): Uint8Array =>
        hash('sha256', Buffer.concat([head, rest]), 'buffer').subarray(0, hashBytes),
    }
    const leaves = Array.from({ length: 64 }, () => randomBytes(hashBytes))
    return () => new MerkleTree(leaves, hasher).root
  },
  'seal: close': () => {
    const seal = new Seal(new Keyring(['a key for benchmarks only'], 'bench'))
    const message = [randomBytes(60), randomBytes(940)]
    return () => seal.seal(message)
  },
  'seal: close and open': () => {
    const ring = new Keyring(['a key for benchmarks only'], 'bench')
    const [ours, theirs] = [new Seal(ring), new Seal(ring)]
    const message = [randomBytes(60), randomBytes(940)]
    return () => {
      const opened = ours.open(theirs.seal(message))
      if (typeof opened === 'string') throw new Error(opened)
      return opened
    }
  },
}

/** Peers without a world: what one sends, another has at once. */
function formed(count: number): { peers: Gossip[]; now: number; deliver(): number } {
  const crowd = {
    peers: Array.from({ length: count }, (_, n) => new Gossip(defaultConfig, seededRandom(n))),
    now: 1_000,
    /** Hands over what has been sent until nothing is under way; how many messages. Heartbeats are not due. */
    deliver(): number {
      let messages = 0
      for (let isMoving = true; isMoving;) {
        isMoving = false
        for (const peer of crowd.peers) {
          for (const { to, via, parts } of peer.drain().sends) {
            isMoving = true
            messages++
            byName.get(to)?.receive(Buffer.concat(parts), via, peer.name, crowd.now)
          }
        }
      }
      return messages
    },
  }
  for (const [n, peer] of crowd.peers.entries()) peer.start(nameOf(n), 1_700_000_000_000 + n, crowd.now)
  const byName = new Map(crowd.peers.map(peer => [peer.name, peer]))
  for (const peer of crowd.peers.slice(1)) peer.join(nameOf(0))
  for (let i = 0; i < 400; i++) {
    crowd.now += 10
    for (const peer of crowd.peers) if (peer.nextWake() <= crowd.now) peer.tick(crowd.now)
    crowd.deliver()
  }
  if (crowd.peers.some(peer => peer.peers('live').length !== count - 1)) throw new Error('not all know each other')
  return crowd
}

/** Where results go, so that the optimiser cannot leave them out. */
const sink: { kept: unknown } = { kept: undefined }

/** Nanoseconds each of so many takes. */
function time(work: Work, from: number, count: number): number {
  const begun = process.hrtime.bigint()
  for (let n = from; n < from + count; n++) sink.kept = work(n)
  return Number(process.hrtime.bigint() - begun) / count
}

const commands = {
  /**
   * Nanoseconds that a part takes once, the fastest of some samples of `sampleMs`: what disturbs a sample makes it
   * slower, never faster.
   */
  measure(name: PartName, samples: number, sampleMs: number): number {
    const work = parts[name]()
    let done = 0
    const run = (count: number): number => {
      done += count
      return time(work, done - count, count)
    }
    // until it is compiled, and to see how often it goes into a sample
    const warmMs = 30
    for (let count = 1; run(count) * count < warmMs * 1e6;) count *= 2
    const count = Math.max(1, Math.round(sampleMs * 1e6 / run(Math.max(1, done >> 3))))
    let ns = Infinity
    for (let i = 0; i < samples; i++) ns = Math.min(ns, run(count))
    return ns
  },
}

/** What the measuring process may call. */
export type MicroCommands = typeof commands

serve(commands)
