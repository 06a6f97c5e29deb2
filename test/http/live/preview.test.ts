import t from 'tap'
import { preview } from '../../../lib/http/live/preview.js'

t.test('a value is shown much as JSON has it', async t => {
  const cases: readonly (readonly [value: unknown, text: string])[] = [
    ['a "b"\n', '"a \\"b\\"\\n"'],
    [[1, null, undefined, true, NaN, 10n], '[1,null,undefined,true,NaN,10]'],
    [{ a: { b: [] }, __proto__: null }, '{"a":{"b":[]}}'],
    [new Map<unknown, unknown>([['k', 1], [2, new Set(['x'])]]), '{"k":1,2:["x"]}'],
    [Uint8Array.of(1, 2), '<2 bytes>'],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
    [new Date(NaN), '"Invalid Date"'],
    [new RangeError('no'), 'RangeError: no'],
    [/a+/g, '/a+/g'],
    [Symbol('undecodable'), '<unreadable>'],
  ]
  for (const [value, text] of cases) t.equal(preview(value, 100), text)
})

t.test('no more is looked at than can be shown', async t => {
  t.equal(preview('x'.repeat(1e7), 10), '"xxxxxxxx…')
  t.equal(preview([1, 2, 3], 7), '[1,2,3]')
  t.equal(preview([1, 2, 3], 6), '[1,2,…')
  t.equal(preview({ a: 1, b: 2 }, 5), '{"a"…')
  const endless = Array.from({ length: 1_000 }, (_, i) => i)
  Object.defineProperty(endless, 100, { get: () => t.fail('looked at') })
  t.equal(preview(endless, 20).length, 20)
})

t.test('what refers to itself has an end', async t => {
  const self: Record<string, unknown> = {}
  self['self'] = self
  t.match(preview(self, 1_000), /^\{"self":\{.*…\}+$/)
})
