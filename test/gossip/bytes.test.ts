import assert from 'node:assert/strict'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import {
  copyBytes,
  Malformed,
  Reader,
  textLength,
  varintBytesMax,
  varintLength,
  Writer,
} from '../../lib/gossip/bytes.js'
import { holds } from './fixtures/holds.js'

const written = (write: (writer: Writer) => void): Uint8Array => {
  const writer = new Writer(1)
  write(writer)
  return writer.take()
}

const malformed = (t: Test, read: () => unknown, why: string): void => {
  t.throws(read, { name: 'Malformed', message: why })
}

/** Any JavaScript string, lone surrogates included. */
const anyText = fc.array(fc.nat(0xffff), { maxLength: 200 }).map((codes) => String.fromCharCode(...codes))

t.test('numbers come back, in the bytes they should take', async (t) => {
  const pinned: [number, number][] = [
    [0, 1],
    [1, 1],
    [127, 1],
    [128, 2],
    [16_383, 2],
    [16_384, 3],
    [2 ** 31 - 1, 5],
    [2 ** 31, 5],
    [2 ** 32, 5],
    [2 ** 35, 6],
    [2 ** 49, 8],
    [Number.MAX_SAFE_INTEGER, 8],
  ]
  for (const [n, length] of pinned) {
    const bytes = written((writer) => writer.varint(n))
    t.equal(bytes.length, length, `${n} takes ${length}`)
    t.equal(varintLength(n), length)
    t.equal(new Reader(bytes).varint(), n)
  }
  t.equal(varintBytesMax, 8)
  t.same(
    written((writer) => writer.u32(0x01020304)),
    Uint8Array.of(1, 2, 3, 4),
  )
  t.same(
    written((writer) => writer.u48(0x010203040506)),
    Uint8Array.of(1, 2, 3, 4, 5, 6),
  )
})

t.test('whatever is written in a row is read in a row', async () => {
  const item = fc.oneof(
    fc.record({ as: fc.constant('u8' as const), value: fc.nat(0xff) }),
    fc.record({ as: fc.constant('u32' as const), value: fc.integer({ min: 0, max: 0xffff_ffff }) }),
    fc.record({ as: fc.constant('u48' as const), value: fc.maxSafeNat().map((n) => n % 2 ** 48) }),
    fc.record({ as: fc.constant('varint' as const), value: fc.maxSafeNat() }),
    fc.record({ as: fc.constant('text' as const), value: anyText }),
    fc.record({ as: fc.constant('bytes' as const), value: fc.uint8Array({ maxLength: 100 }) }),
  )
  holds(
    fc.property(fc.array(item), (items) => {
      const bytes = written((writer) => {
        for (const item of items) {
          if (item.as === 'text') writer.text(item.value)
          else if (item.as === 'bytes') writer.bytes(item.value)
          else writer[item.as](item.value)
        }
      })
      const reader = new Reader(bytes)
      for (const item of items) {
        const value =
          item.as === 'text' ? reader.text(1e6) : item.as === 'bytes' ? reader.bytes(1e6) : reader[item.as]()
        assert.deepEqual(value, item.value)
      }
      assert.equal(reader.left, 0)
    }),
  )
})

t.test('text is UTF-8 wherever there is such a thing', async () => {
  holds(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      const encoded = new TextEncoder().encode(text)
      assert.equal(textLength(text), encoded.length)
      assert.deepEqual(written((writer) => writer.text(text)).slice(varintLength(encoded.length)), encoded)
    }),
  )
})

t.test('lone surrogates survive, and a pair is one character', async (t) => {
  for (const text of ['\ud800', '\udfff', 'a\ud83d', '\ude00\ud83d', '\ud800\ud800\udc00', '\ud83d\ude00']) {
    const bytes = written((writer) => writer.text(text))
    t.equal(new Reader(bytes).text(100), text)
    t.equal(bytes.length, 1 + textLength(text))
  }
  t.equal(textLength('\ud83d\ude00'), 4)
  t.equal(textLength('\ud83d'), 3)
})

t.test('long text comes back, across the pieces it is decoded in', async (t) => {
  for (const length of [127, 128, 1_023, 1_024, 1_025, 5_000]) {
    const text = 'ä\ud83d\ude00'.repeat(length).slice(0, length)
    t.equal(new Reader(written((writer) => writer.text(text))).text(1e6), text)
  }
})

t.test('texts with the same hash slot are not mistaken for each other', async () => {
  holds(
    fc.property(fc.array(fc.string({ maxLength: 3 }), { minLength: 50, maxLength: 300 }), (texts) => {
      const reader = new Reader(written((writer) => texts.forEach((text) => writer.text(text))))
      for (const text of texts) assert.equal(reader.text(100), text)
    }),
    30,
  )
})

t.test('a text outlives the message it came in', async (t) => {
  const bytes = written((writer) => writer.text('kept'))
  t.equal(new Reader(bytes).text(10), 'kept')
  bytes.fill(0)
  t.equal(new Reader(written((writer) => writer.text('kept'))).text(10), 'kept')
})

t.test('what is no text is refused', async (t) => {
  const bad = [
    [0x80],
    [0xc0, 0x80],
    [0xc1, 0xbf],
    [0xe0, 0x80, 0x80],
    [0xf0, 0x80, 0x80, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
    [0xf5, 0x80, 0x80, 0x80],
    [0xc3],
    [0xe2, 0x82],
    [0xc3, 0x28],
    [0xff],
  ]
  for (const codes of bad) malformed(t, () => new Reader(Uint8Array.of(codes.length, ...codes)).text(100), 'not text')
})

t.test('lengths are not believed', async (t) => {
  const long = written((writer) => writer.varint(Number.MAX_SAFE_INTEGER))
  malformed(t, () => new Reader(long).bytes(10), 'over the limit')
  malformed(t, () => new Reader(long).text(10), 'over the limit')
  malformed(t, () => new Reader(long).bytes(Infinity), 'ends too early')
  malformed(t, () => new Reader(Uint8Array.of(3, 1, 2)).bytes(10), 'ends too early')
  malformed(t, () => new Reader(Uint8Array.of(3, 1, 2, 3)).bytes(2), 'over the limit')
  malformed(t, () => new Reader(new Uint8Array(3)).u32(), 'ends too early')
  malformed(t, () => new Reader(new Uint8Array(5)).u48(), 'ends too early')
  malformed(t, () => new Reader(new Uint8Array(0)).u8(), 'ends too early')
})

t.test('numbers beyond what JavaScript can count are refused', async (t) => {
  malformed(t, () => new Reader(new Uint8Array(9).fill(0xff)).varint(), 'number too large')
  malformed(
    t,
    () => new Reader(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f)).varint(),
    'number too large',
  )
  malformed(t, () => new Reader(Uint8Array.of(0x80, 0x80)).varint(), 'ends too early')
  t.equal(new Reader(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f)).varint(), Number.MAX_SAFE_INTEGER)
})

t.test('any bytes are read or refused, and nothing beyond the end is seen', async () => {
  const reads = fc.array(fc.constantFrom('u8', 'u32', 'u48', 'varint', 'text', 'bytes'))
  holds(
    fc.property(fc.uint8Array({ maxLength: 60 }), reads, fc.nat(60), (bytes, reads, end) => {
      const reader = new Reader(bytes, 0, Math.min(end, bytes.length))
      try {
        for (const read of reads) reader[read as 'bytes'](100)
      } catch (error) {
        if (!(error instanceof Malformed)) throw error
      }
      assert.ok(reader.at <= reader.end)
    }),
    500,
  )
})

t.test('a writer can be cut back, handed out and used again', async (t) => {
  const writer = new Writer(2)
  writer.raw(Uint8Array.of(1, 2, 3, 4))
  writer.truncate(2)
  writer.raw(Uint8Array.of(9, 8, 7), 1, 2)
  t.equal(writer.length, 3)
  const given = writer.give()
  t.same(given, Uint8Array.of(1, 2, 8))
  writer.u8(5)
  t.same(given, Uint8Array.of(1, 2, 8), 'what was given stays as it was')
  t.same(writer.take(), Uint8Array.of(5))
  t.equal(writer.length, 0)
})

t.test('ranges are copied, short and long alike', async () => {
  holds(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), fc.nat(200), (source, a, b) => {
      const [start, end] = [Math.min(a, b, source.length), Math.min(Math.max(a, b), source.length)]
      const target = new Uint8Array(300)
      copyBytes(source, start, end, target, 7)
      assert.deepEqual(target.slice(7, 7 + end - start), source.slice(start, end))
      assert.ok(
        target.subarray(0, 7).every((byte) => byte === 0) &&
          target.subarray(7 + end - start).every((byte) => byte === 0),
      )
    }),
  )
})
