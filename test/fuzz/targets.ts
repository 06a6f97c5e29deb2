import assert from 'node:assert/strict'
import { defaultConfig } from '../../lib/gossip/config.js'
import { sumBytes, sumStart } from '../../lib/gossip/hash.js'
import { TelepathineError } from '../../lib/gossip/errors.js'
import { FrameSplitter } from '../../lib/net/frame.js'
import { decodeHello, encodeHello } from '../../lib/net/hello.js'
import { Keyring } from '../../lib/net/keyring.js'
import { Seal } from '../../lib/net/seal.js'
import { preamble, sniff } from '../../lib/net/sniff.js'
import { decodeValue, encodeValue } from '../../lib/values.js'
import {
  address, callMessage, Flag, frameHead, Kind, readCall, readFrameHead, readMessages, serialsMessage,
} from '../../lib/work/frame.js'
import { Cluster } from '../gossip/fixtures/cluster.js'

/** Something that takes bytes from strangers. */
export interface Target {
  /** What it usually gets: where mutation begins. */
  readonly seeds: readonly Uint8Array[]
  /** Makes one; what it is fed may leave traces in it. The function throws on what must not happen. */
  readonly make: () => (bytes: Uint8Array) => void
}

/** All that reads what comes from the network. */
export const targets: Readonly<Record<string, Target>> = {
  gossip: { seeds: recorded(), make: gossip },
  values: { seeds: values(), make: () => readValue },
  frames: { seeds: streams(), make: () => readFrames },
  hello: { seeds: [helloFrame()], make: () => readHello },
  sniff: { seeds: openings(), make: () => readOpening },
  seal: { seeds: [Buffer.from('a message'), Buffer.alloc(200, 7)], make: seal },
  work: { seeds: workFrames(), make: () => readWork },
}

/** Messages of a small cluster that does all there is to do. */
function recorded(): Uint8Array[] {
  const cluster = new Cluster({ maxEventBytes: 10_000, tombstoneGraceMs: 1_000 }, 9)
  cluster.keepsMessages = true
  for (let i = 0; i < 4; i++) cluster.add().start(1, cluster.peers.slice(0, 1))
  const [one, other] = [cluster.peers[0]!, cluster.peers[1]!]
  for (let i = 0; i < 30; i++) {
    one.set(`k${i % 7}`, 'x'.repeat(i * 9), i % 3 === 0 ? 200 : undefined)
    other.say(`e${i % 3}`, 'y'.repeat(i))
    if (i % 5 === 0) one.delete(`k${i % 7}`)
    cluster.run(60)
  }
  cluster.peers[3]!.leave()
  cluster.run(4_000)
  return cluster.messages.map(({ via, bytes }) => (via === 'datagram' ? bytes.slice(0, -4) : bytes))
}

/** A member of a cluster of two. What it is fed comes as a frame, and as a datagram with a checksum that fits. */
function gossip(): (bytes: Uint8Array) => void {
  const limits = { maxEventBytes: 10_000, tombstoneGraceMs: 1_000, maxStateBytes: 100_000, maxPeers: 50 }
  const cluster = Cluster.formed(2, limits, 7)
  const victim = cluster.peers[0]!
  victim.set('mine', 'still')
  let now = cluster.now
  let turn = 0
  return (bytes) => {
    const { gossip: machine, name } = victim
    const isDatagram = turn++ % 2 === 0
    machine.receive(isDatagram ? withSum(bytes) : bytes, isDatagram ? 'datagram' : 'stream', '6.6.6.6:666', now)
    if (turn % 8 === 0) machine.tick((now += 20))
    let sent = 0
    const { sends, notices } = machine.drain()
    for (const { via, parts } of sends) {
      const length = parts.reduce((sum, part) => sum + part.length, 0)
      assert.ok(via === 'stream' || length <= defaultConfig.maxDatagramBytes, `a datagram of ${length} bytes`)
      sent += length
    }
    assert.ok(sent <= 1 << 20, `${sent} bytes in answer to ${bytes.length}`)
    assert.ok(machine.peers('all').length <= limits.maxPeers + 1)
    for (const notice of notices) assert.ok(!('peer' in notice) || notice.peer !== name, `${notice.kind} in our name`)
    assert.deepEqual(machine.keys(name, now), ['mine'])
    assert.equal(Buffer.from(machine.get(name, 'mine', now)?.value ?? []).toString(), 'still')
  }
}

function withSum(bytes: Uint8Array): Uint8Array {
  const result = Buffer.alloc(bytes.length + 4)
  result.set(bytes)
  result.writeUInt32BE(sumBytes(sumStart, bytes) >>> 0, bytes.length)
  return result
}

function values(): Uint8Array[] {
  const deep: unknown[] = []
  for (let i = 0, at = deep; i < 90; i++) at.push((at = [] as unknown[]))
  return [
    null, 'text', 'ä€𝄞', 1.5, -70_000, 2n ** 90n, true, undefined, new Date(1e12), /a+/gi, new TypeError('no'), deep,
    Buffer.from('bytes'), new Float64Array([1, 2]), new BigInt64Array(1), new DataView(new ArrayBuffer(3)),
    { a: 1, __proto__x: [1, 2, { b: null }] }, new Map<unknown, unknown>([['k', 1], [{ x: 1 }, new Set([1, 'a'])]]),
  ].map((value) => Uint8Array.from(encodeValue(value, 10_000)))
}

function readValue(bytes: Uint8Array): void {
  let value: unknown
  try {
    value = decodeValue(bytes)
  } catch (error) {
    assert.ok(error instanceof TelepathineError && error.code === 'ERR_VALUE', String(error))
    return
  }
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const prototype: unknown = Object.getPrototypeOf(value)
    assert.ok(prototype === Object.prototype || typeof (prototype as object).constructor === 'function')
  }
}

function word(n: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(n)
  return bytes
}

function streams(): Uint8Array[] {
  const chunk = Buffer.concat([word(0xc001_0000), Buffer.alloc(65_536)])
  return [
    Buffer.concat([word(3), Buffer.from('abc'), word(0), word(1), Buffer.from('x')]),
    Buffer.concat([chunk, word(2), Buffer.from('hi'), word(0x8000_0005), Buffer.from('12345')]),
    word(0x4000_0000),
  ]
}

/** However the stream is cut, the same comes out; and never much more is held than has come. */
function readFrames(bytes: Uint8Array): void {
  const read = (step: number): string => {
    let out = ''
    const limitBytes = 100_000
    const note = (frame: Uint8Array): void => void (out += `${frame.length} ${frame[0]} ${frame.at(-1)}, `)
    const splitter = new FrameSplitter(limitBytes, note, () => (out += 'farewell, '))
    for (let at = 0; at < bytes.length; at += step) {
      const refusal = splitter.push(bytes.subarray(at, at + step))
      assert.ok(splitter.heldBytes <= Math.min(2 * (at + step) + 1_024, limitBytes + 65_536), 'holds too much')
      if (refusal !== undefined) return `${out}${refusal}`
    }
    return `${out}${splitter.pending}`
  }
  const whole = read(Math.max(1, bytes.length))
  for (const step of [1, 7, 1_000]) if (step * 20_000 > bytes.length) assert.equal(read(step), whole)
}

function helloFrame(): Uint8Array {
  const hello = { instance: '00112233445566ff', serial: 7, cluster: 'test', name: '127.0.0.1:9000' }
  return encodeHello(hello).subarray(preamble.length + 4)
}

function readHello(bytes: Uint8Array): void {
  const hello = decodeHello(bytes)
  if (typeof hello === 'string') return
  assert.deepEqual(decodeHello(encodeHello(hello).subarray(preamble.length + 4)), hello)
}

function openings(): Uint8Array[] {
  const texts = ['GET / HTTP/1.1\r\n', 'POST /x', 'PRI * HTTP/2.0', 'OPTIONS * ', 'SSH-2.0-x']
  return [preamble, Uint8Array.of(0x16, 3, 1, 2, 0, 1), ...texts.map((text) => Buffer.from(text))]
}

/** Eight bytes are enough, and what was said once stays. */
function readOpening(bytes: Uint8Array): void {
  let verdict: ReturnType<typeof sniff>
  for (let length = 0; length <= bytes.length; length++) {
    const now = sniff(bytes.subarray(0, length))
    assert.ok(verdict === undefined || now === verdict, `${verdict} became ${now}`)
    verdict = now
  }
  assert.ok(bytes.length < 8 || verdict !== undefined)
}

/** Bytes are sealed, changed by themselves, and opened: nothing comes out that was not put in, and that once. */
function seal(): (bytes: Uint8Array) => void {
  const ring = new Keyring(['a key for fuzzing only'], 'fuzz')
  const [ours, theirs] = [new Seal(ring), new Seal(ring)]
  return (bytes) => {
    assert.equal(typeof ours.open(bytes), 'string')
    const sealed = theirs.seal([bytes])
    const at = (bytes[0] ?? 0) % sealed.length
    const changed = Buffer.from(sealed)
    changed[at]! ^= (bytes[1] ?? 0) | 1
    assert.equal(typeof ours.open(changed), 'string')
    assert.equal(typeof ours.open(sealed.subarray(0, at)), 'string')
    assert.deepEqual(Buffer.from(ours.open(sealed) as Uint8Array), Buffer.from(bytes))
    assert.equal(ours.open(sealed), 'replayed')
  }
}

function workFrames(): Uint8Array[] {
  const text = (value: string): Buffer => Buffer.from(value)
  const call = callMessage(0, text('service'), undefined, text('input'))
  address(call, 1, 0, 1_000)
  const keyed = callMessage(Flag.keyed, text('s'), text('key'), undefined)
  address(keyed, 2, 0, 1_000)
  const traced = callMessage(Flag.traced | Flag.keyed, text('s'), text('k'), text('input'), new Uint8Array(30))
  return [Buffer.concat([frameHead(1, 2), call, keyed, traced, serialsMessage(Kind.call, [1, 2])])]
}

function readWork(bytes: Uint8Array): void {
  const frame = Buffer.from(bytes)
  if (readFrameHead(frame) === undefined) return
  let read = 0
  readMessages(frame, (_kind, _serial, at, end) => {
    assert.ok(at <= end && end <= frame.length)
    const call = readCall(frame, at, end)
    assert.ok(call === undefined || (call.inputAt <= end && call.service.length > 0))
    return ++read < 10_000
  })
}
