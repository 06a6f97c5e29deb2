import t from 'tap'
import { byName, bytes, lagged, plural, rate, some, span, took, visible } from '../../lib/dashboard/format.js'

/** With ordinary spaces. */
function plain(text: string): string {
  return text.replaceAll('\u202f', ' ')
}

t.test('figures are short', async t => {
  t.strictSame([0, 999, 1_000, 1_234, 99_400, 999_400, 999_500, 2e12, 5e15].map(value => plain(bytes(value))), [
    '0 B', '999 B', '1.0 kB', '1.2 kB', '99.4 kB', '999 kB', '1.0 MB', '2.0 TB', '5000 TB',
  ])
  t.strictSame([0, 0.25, 1.25, 12.4, 12_345].map(rate), ['0', '0.25', '1.3', '12', '12,345'])
  t.strictSame([0.05, 9.94, 15, 1_500, 200_000].map(ms => plain(took(ms))), [
    '0.1 ms', '9.9 ms', '15 ms', '1.5 s', '3 min',
  ])
  t.strictSame([0, 1, 2.4, 15].map(ms => plain(lagged(ms))), ['<1 ms', '1 ms', '2 ms', '15 ms'])
  const second = 1_000
  t.strictSame([-5, 59, 60, 3_600, 3_660, 90_000].map(s => plain(span(s * second))), [
    '0 s', '59 s', '1 min', '1 h', '1 h 1 min', '1 d',
  ])
})

t.test('lists are sentences', async t => {
  t.equal(plural(1, 'peer'), '1 peer')
  t.equal(plural(2_000, 'peer'), '2,000 peers')
  t.strictSame([some([]), some(['a']), some(['a', 'b', 'c']), some(['a', 'b', 'c', 'd', 'e'])], [
    '', 'a', 'a, b and c', 'a, b, c and 2 more',
  ])
  t.strictSame(['h10:2', 'h9:10', 'h9:9'].sort(byName), ['h9:9', 'h9:10', 'h10:2'])
})

t.test('no text passes for another', async t => {
  t.equal(visible('a\u202eb\u0000\n\u200b\ufeff\u2066'), String.raw`a\u{202e}b\u{0}\u{a}\u{200b}\u{feff}\u{2066}`)
  t.equal(visible('grün <b>ß</b> 日本 👩‍🚀'.replace('\u200d', '')), 'grün <b>ß</b> 日本 👩🚀')
})
