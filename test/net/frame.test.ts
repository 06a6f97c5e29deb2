import { hash } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { bulkBit, type Chunk, chunkBytesMax, encodeChunks, FrameSplitter, moreBit } from '../../lib/net/frame.js'
import { Outbox } from '../../lib/net/outbox.js'

const limitBytes = 1 << 20

/** Splits, copying what comes out as a receiver must that keeps it. */
const splitterOf = (limit = limitBytes) => {
  const frames: Buffer[] = []
  return { frames, splitter: new FrameSplitter(limit, (bytes) => frames.push(Buffer.from(bytes))) }
}

const wire = (chunks: readonly Chunk[]): Buffer => Buffer.concat(encodeChunks(chunks))
const small = (...parts: Uint8Array[]): Chunk => ({ word: parts.reduce((sum, part) => sum + part.length, 0), parts })
const word = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

const digest = (bytes: Uint8Array): string => `${bytes.length} ${hash('md5', bytes)}`

/** Frames from a few bytes to several chunks, recognisable by their content. */
const frame = fc
  .tuple(
    fc.oneof(fc.nat(40), fc.nat(6_000), fc.integer({ min: chunkBytesMax - 2, max: 3 * chunkBytesMax + 2 })),
    fc.nat(255),
  )
  .map(([length, fill]) => Buffer.alloc(length, fill))

t.test('any cuts of the stream give the same frames', async () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 90_000 }), { minLength: 1 })
  const bulk = (each: Uint8Array): boolean => each.length > chunkBytesMax
  // Small frames overtake bulk; among themselves each kind keeps its order.
  const inOrder = (frames: Buffer[]): string =>
    [...frames.filter((each) => !bulk(each)), ...frames.filter(bulk)].map(digest).join()
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 8 }), lengths, (sent, cuts) => {
      const outbox = new Outbox()
      for (const each of sent) outbox.add([each.subarray(0, 5), each.subarray(5)])
      const stream: Uint8Array[] = []
      for (let batch = outbox.take(); batch !== undefined; batch = outbox.take()) stream.push(...batch.buffers)
      const bytes = Buffer.concat(stream)
      const { frames, splitter } = splitterOf()
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const cut = cuts[i % cuts.length]!
        if (splitter.push(bytes.subarray(at, at + cut)) !== undefined) return false
        at += cut
      }
      return !splitter.pending && splitter.heldBytes === 0 && inOrder(frames) === inOrder(sent)
    }),
    { numRuns: 150 },
  )
})

t.test('one byte at a time gives the same frames', async (t) => {
  const { frames, splitter } = splitterOf()
  const bytes = wire([small(Buffer.from('one')), small(), small(Buffer.from('th'), Buffer.from('ree'))])
  for (const byte of bytes) t.equal(splitter.push(Uint8Array.of(byte)), undefined)
  t.strictSame(frames.map(String), ['one', '', 'three'])
  t.equal(splitter.pending, false)
})

t.test('a truncated stream gives the frames that are whole, and is pending', async () => {
  const bytes = wire([small(Buffer.from('first')), small(Buffer.from('second'))])
  fc.assert(
    fc.property(fc.nat(bytes.length), (length) => {
      const { frames, splitter } = splitterOf()
      const refusal = splitter.push(bytes.subarray(0, length))
      const ends = [0, 9, 19]
      return refusal === undefined && frames.length === ends.filter((end) => end > 0 && end <= length).length &&
        splitter.pending === !ends.includes(length)
    }),
  )
})

t.test('hostile bytes never throw, nor hold more than a small multiple of themselves', async () => {
  const words = fc.oneof(fc.nat(0xffff_ffff), fc.constantFrom(3, 70_000, bulkBit + 9, 65_536)).map(word)
  const hostile = fc.array(fc.oneof(fc.uint8Array({ maxLength: 300 }), words))
  fc.assert(
    fc.property(hostile, (pieces) => {
      const { splitter } = splitterOf()
      let total = 0
      for (const piece of pieces) {
        total += piece.length
        if (splitter.push(piece) !== undefined) return true
        if (splitter.heldBytes > 1_024 + 2 * total) return false
      }
      return true
    }),
    { numRuns: 500 },
  )
})

t.test('an announced length costs nothing until the bytes arrive', async (t) => {
  const { splitter } = splitterOf()
  t.equal(splitter.push(word(chunkBytesMax)), undefined)
  t.equal(splitter.heldBytes, 0)
  splitter.push(Buffer.alloc(10))
  t.ok(splitter.heldBytes <= 1_024)
  t.ok(splitter.pending)
})

t.test('lengths beyond the bounds are refused before any byte of the frame', async (t) => {
  const refusals: [number, RegExp][] = [
    [chunkBytesMax + 1, /chunk of 65537 bytes/],
    [0x3fff_ffff, /chunk of/],
    [0xffff_ffff, /chunk of/],
    [moreBit + 5, /neither whole nor the last/],
    [moreBit + chunkBytesMax, /neither whole nor the last/],
    [bulkBit + moreBit + 5, /neither whole nor the last/],
    [bulkBit, /empty chunk/],
  ]
  for (const [value, reason] of refusals) {
    const { frames, splitter } = splitterOf()
    t.match(splitter.push(word(value)), reason)
    t.equal(frames.length + splitter.heldBytes, 0)
  }
  t.match(splitterOf(100).splitter.push(word(101)), /frame of more than 100 bytes/)
  t.equal(splitterOf(100).splitter.push(word(100)), undefined)
})

t.test('a bulk frame is refused at the chunk that makes it too long', async (t) => {
  const { frames, splitter } = splitterOf(2 * chunkBytesMax)
  const chunk = Buffer.concat([word(bulkBit + moreBit + chunkBytesMax), Buffer.alloc(chunkBytesMax)])
  t.equal(splitter.push(chunk), undefined)
  t.equal(splitter.push(chunk), undefined)
  t.match(splitter.push(word(bulkBit + 1)), /frame of more than 131072 bytes/)
  t.equal(frames.length, 0)
})

t.test('small frames come out between the chunks of a bulk frame', async (t) => {
  const { frames, splitter } = splitterOf()
  const piece = Buffer.alloc(chunkBytesMax, 1)
  const chunks = [
    { word: bulkBit + moreBit + chunkBytesMax, parts: [piece] },
    small(Buffer.from('small')),
    { word: bulkBit + moreBit + chunkBytesMax, parts: [piece] },
    small(Buffer.from('also')),
    { word: bulkBit + 3, parts: [Buffer.from('end')] },
  ]
  t.equal(splitter.push(wire(chunks)), undefined)
  t.strictSame(frames.slice(0, 2).map(String), ['small', 'also'])
  t.equal(frames.length, 3)
  t.ok(frames[2]?.equals(Buffer.concat([piece, piece, Buffer.from('end')])))
})

t.test('a frame within one read is a view of it; one that spans two is not', async (t) => {
  const bytes = wire([small(Buffer.from('inside')), small(Buffer.from('across'))])
  const views: Uint8Array[] = []
  const splitter = new FrameSplitter(limitBytes, (frame) => views.push(frame))
  splitter.push(bytes.subarray(0, 16))
  splitter.push(bytes.subarray(16))
  t.equal(views[0]?.buffer, bytes.buffer)
  t.not(views[1]?.buffer, bytes.buffer)
  t.strictSame(views.map((view) => Buffer.from(view).toString()), ['inside', 'across'])
})

t.test('large parts go out uncopied, small ones together in one buffer', async (t) => {
  const large = Buffer.alloc(10_000)
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((letter) => Buffer.from(letter)) as [Buffer, Buffer, Buffer, Buffer]
  const buffers = encodeChunks([small(a), small(b, large, c), small(d)])
  t.equal(buffers.length, 3)
  t.equal(buffers[1], large)
  t.equal(buffers[0]?.buffer, buffers[2]?.buffer)
})
