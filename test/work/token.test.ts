import t from 'tap'
import { newToken, tokenOf } from '../../lib/work/token.js'

t.test('tokens are 24 letters, digits, - and _, and no two are alike', (t) => {
  const tokens = new Set(Array.from({ length: 5_000 }, () => newToken(1)))
  t.equal(tokens.size, 5_000)
  for (const token of tokens) if (!/^[\w-]{24}$/.test(token)) t.fail(token)
  t.end()
})

t.test('all but the time of a token is drawn', (t) => {
  const ends = Array.from({ length: 2_000 }, () => newToken(7).slice(8))
  for (let at = 0; at < 16; at++) {
    // each of 64 digits has been at each place: the chance that one is missing is below 1e-10
    t.equal(new Set(ends.map((end) => end[at])).size, 64, `place ${at}`)
  }
  t.end()
})

t.test('a later token sorts behind an earlier one', (t) => {
  const times = [0, 1, 63, 64, 4_095, 4_096, 1_800_000_000_000, 1_800_000_000_001, 2_000_000_000_000]
  const tokens = times.map((time) => newToken(time))
  t.strictSame(tokens.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))), tokens)
  t.end()
})

t.test('a key of a service has one token', (t) => {
  t.match(tokenOf('invoice', '42'), /^[\w-]{24}$/)
  t.equal(tokenOf('invoice', '42'), tokenOf('invoice', '42'))
  t.not(tokenOf('invoice', '42'), tokenOf('invoice4', '2'))
  t.end()
})
