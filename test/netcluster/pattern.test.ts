import t from 'tap'
import { partOfName, wholeName } from '../../lib/netcluster/pattern.js'

t.test('a pattern covers the whole name', async t => {
  for (const [pattern, name, matches] of [
    ['log', 'log', true], ['lo', 'log', false], ['og', 'log', false], ['lo.*', 'log', true], ['.*', 'anything', true],
    ['a|b', 'b', true], ['a|b', 'ab', false], ['a+', 'aaa', true], ['^log$', 'log', true], ['l[ou]g', 'lug', true],
    ['order:new', 'order:new', true], ['A', 'a', false], ['\\d+', '42', true], ['a.c', 'abc', true],
    ['__proto__', '__proto__', true], ['ü.', 'üü', true], ['.*', 'two\nlines', true],
  ] as const) t.equal(wholeName(pattern)(name), matches, `${pattern} and ${name}`)
})

t.test('a part of a name is enough for the other kind', async t => {
  t.ok(partOfName('B')('ABC'))
  t.notOk(partOfName('^B')('ABC'))
  t.notOk(partOfName('^B$')('BB'))
})

t.test('what is no such pattern is refused with a reason', async t => {
  for (const pattern of ['(', '[', '*', '', '(?=a)b', '(a)\\1', 'x.'.repeat(129), 'a{1000}b{1000}', 7, /a/, null]) {
    t.throws(() => wholeName(pattern), { code: 'ERR_KEY', message: /pattern: .* given, allowed: / }, String(pattern))
  }
  t.throws(() => wholeName('(?=a)b'), { message: /"\(\?=a\)b" given/ })
})

t.test('a hostile pattern takes steps in proportion to the name', async t => {
  // A backtracking engine takes 2^40 steps for the first and would never come back.
  for (const pattern of ['(a+)+', '(a|aa)+', '(.*)*b', '(x+x+)+y']) t.notOk(wholeName(pattern)(`${'a'.repeat(1_000)}!`))
})
