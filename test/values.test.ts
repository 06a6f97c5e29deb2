import fc from 'fast-check'
import t from 'tap'
import { TelepathineError } from '../lib/gossip/errors.js'
import { decodeValue, encodeValue } from '../lib/values.js'

const bytesMax = 1 << 20

function roundTrip(value: unknown): unknown {
  return decodeValue(Uint8Array.from(encodeValue(value, bytesMax)))
}

t.test('values arrive as what they were', async (t) => {
  const values: unknown[] = [
    undefined, null, true, false, 0, 127, 128, -1, -33, 65_536, 2 ** 40, 1.5, NaN, Infinity, Number.MIN_SAFE_INTEGER,
    10n, -(2n ** 63n), 2n ** 100n, '', 'é', '💬', 'x'.repeat(40), 'é'.repeat(300), 'y'.repeat(70_000),
    Buffer.from([0, 255, 128]), new Uint8Array([1, 2]), new Float64Array([1.5, NaN]), new ArrayBuffer(3),
    new Date(5), new Date('2300-01-01'), /a+/gi,
    [], [1, [2, [undefined]]], {}, { a: { b: [null] } },
    new Set([1, 'a', new Set()]), new Map<unknown, unknown>([['a', 1], [{ b: 1 }, new Map([[1, new Set([2n])]])]]),
    { list: [new Map([['deep', [new Map()]]])], same: [NaN] },
  ]
  for (const value of values) t.strictSame(roundTrip(value), value)
  const error = roundTrip(new RangeError('out', { cause: 'why' })) as Error
  t.ok(error instanceof RangeError)
  t.match(error, { message: 'out', cause: 'why' })
})

t.test('any JSON value arrives unchanged', async () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => {
    const expected: unknown = JSON.parse(JSON.stringify(value))
    return JSON.stringify(roundTrip(expected)) === JSON.stringify(expected).replaceAll('"__proto__":', '"__proto_":')
  }))
})

t.test('encoding copies what holds a Map and leaves the original alone', async (t) => {
  const value = { untouched: [1], map: new Map([['a', 1]]) }
  t.strictSame(roundTrip(value), value)
  t.ok(value.map instanceof Map)
})

t.test('objects with toJSON arrive as what it returns, those of a class as plain objects', async (t) => {
  class Point {
    x = 1
  }
  t.strictSame(roundTrip([new URL('http://a/b'), new Point()]), ['http://a/b', { x: 1 }])
})

t.test('what cannot be serialised is refused, and where it is said', async (t) => {
  const loop: { self?: unknown } = {}
  loop.self = loop
  const refused: [unknown, RegExp][] = [
    [() => 1, /a function$/],
    [Symbol('s'), /a symbol$/],
    [{ a: { b: [1, () => 1] } }, /a function at a\.b\.1$/],
    [[new Map([['k', Symbol('s')]])], /a symbol at 0\.0\.1$/],
    [new Set([() => 1]), /a function at 0/],
    [new Error('x', { cause: () => 1 }), /a function at cause/],
    [loop, /refers to itself at self\.self/],
    [{ p: Promise.resolve() }, /a Promise at p/],
    [new WeakMap(), /a WeakMap/],
    [Object(5), /a Number/],
  ]
  for (const [value, message] of refused) t.throws(() => encodeValue(value, bytesMax), { code: 'ERR_VALUE', message })
})

t.test('what is too large is refused', async (t) => {
  t.equal(encodeValue('x'.repeat(98), 100).length, 100)
  t.throws(() => encodeValue('x'.repeat(99), 100), {
    code: 'ERR_TOO_LARGE', message: /takes 101 bytes, allowed are 100/,
  })
  let many: unknown = 'x'
  for (let i = 0; i < 40; i++) many = [many, many]
  t.throws(() => encodeValue(many, bytesMax), { code: 'ERR_TOO_LARGE' })
})

t.test('large values leave no large scratch memory behind', async (t) => {
  encodeValue('x'.repeat(4 << 20), 8 << 20)
  t.ok(encodeValue('small', bytesMax).buffer.byteLength <= 1 << 20)
})

t.test('room is left in front when asked for', async (t) => {
  const bytes = encodeValue({ a: 1 }, bytesMax, 7)
  t.equal(bytes.length, 7 + encodeValue({ a: 1 }, bytesMax).length)
  t.strictSame(decodeValue(Uint8Array.from(encodeValue({ a: 1 }, bytesMax, 7)), 7), { a: 1 })
})

t.test('decoded buffers are copies', async (t) => {
  const bytes = Uint8Array.from(encodeValue(Buffer.from('abc'), bytesMax))
  const before = Uint8Array.from(bytes)
  ;(decodeValue(bytes) as Buffer).fill(0)
  t.strictSame(bytes, before)
})

t.test('a key named __proto__ pollutes nothing', async (t) => {
  const value = roundTrip(JSON.parse('{"__proto__":{"polluted":1}}')) as Record<string, unknown>
  t.equal(Object.getPrototypeOf(value), Object.prototype)
  t.equal(value['polluted'], undefined)
})

t.test('hostile bytes are refused: counts beyond the end, nesting, foreign extensions, leftovers', async (t) => {
  const hostile = [
    [], [0xc1], [0xdd, 0xff, 0xff, 0xff, 0xff], [0xdf, 0xff, 0xff, 0xff, 0xff, 0x01], [0xdc, 0xff],
    [0xc6, 0xff, 0xff, 0xff, 0xff],
    [0xdb, 0x7f, 0xff, 0xff, 0xff, 0x61], [0xd9], [0xcb, 0], [0x01, 0x02], [0xa5, 0x61],
    Array.from({ length: 200 }, () => 0x91),
    // records, references and bundles of strings, which the decoder knows and we do not use
    [0xd4, 0x72, 0x40, 0x91, 0xa1, 0x61, 0x01], [0xd6, 0x69, 0, 0, 0, 1, 0x90], [0xd6, 0x70, 0, 0, 0, 1],
    [0xd6, 0x62, 0, 0, 0, 9], [0xc7, 1, 0x73, 0, 0x90], [0xd4, 0x55, 0],
    // extensions of ours that hold nonsense
    [0xd4, 0x6d, 0, 0x01], [0xd4, 0x78, 0, 0x92, 0xa1, 0x28, 0xa0], [0xd5, 0x74, 0x63, 0], [0xd4, 0x65, 0, 0xc0],
  ]
  for (const bytes of hostile) {
    const name = Buffer.from(bytes.slice(0, 8)).toString('hex')
    t.throws(() => decodeValue(Uint8Array.from(bytes)), { code: 'ERR_VALUE' }, name)
  }
})

t.test('any bytes either decode or are refused with a coded error', async () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
    try {
      decodeValue(bytes)
    } catch (error) {
      return error instanceof TelepathineError && error.code === 'ERR_VALUE'
    }
    return true
  }), { numRuns: 2_000 })
})
