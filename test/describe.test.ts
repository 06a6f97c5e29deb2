import t from 'tap'
import { describe } from '../lib/describe.js'

t.test('whatever is described, it is recognisable and short', async (t) => {
  const described: [unknown, string][] = [
    ['', '""'], ['a"b', String.raw`"a\"b"`], [null, 'null'], [undefined, 'undefined'], [NaN, 'NaN'], [10n, '10'],
    [[1, 2], 'an array'], [Object.create(null), 'an object'], [() => 1, 'a function'], [Symbol('s'), 'Symbol(s)'],
  ]
  for (const [value, text] of described) t.equal(describe(value), text)
  t.ok(describe('x'.repeat(1e6)).length < 110)
})
