import t from 'tap'
import { Results } from '../../lib/http/results.js'

const gone = { code: 'ERR_KEY' }

t.test('a result is kept under a token that nobody can guess', async t => {
  const results = new Results()
  const [a, b] = [results.add(() => undefined), results.add(() => undefined)]
  t.match(a.token, /^[\w-]{24}$/)
  t.not(a.token, b.token)
  t.equal(results.find(a.token).outcome, undefined)
  results.settle(a, 200, '1')
  t.strictSame(results.find(a.token).outcome, { status: 200, text: '1' })
  results.remove(a)
  results.remove(a)
  t.throws(() => results.find(a.token), gone)
  results.settle(a, 200, 'late')
  t.throws(() => results.find(a.token), gone)
  results.close()
})

t.test('there are so many: the oldest that is done gives way, those under way do not', async t => {
  const results = new Results()
  const all = Array.from({ length: 1_000 }, () => results.add(() => undefined))
  t.throws(() => results.add(() => undefined), { code: 'ERR_OVERLOAD' })
  const [first, second, third] = all
  if (!first || !second || !third) throw new Error('unreachable')
  results.settle(second, 200, '2')
  results.settle(first, 200, '1')
  results.add(() => undefined)
  t.throws(() => results.find(second.token), gone, 'it was done first')
  t.ok(results.find(first.token))
  t.ok(results.find(third.token))
  results.close()
})

t.test('they take so many bytes: the oldest go', async t => {
  const results = new Results()
  const text = 'x'.repeat(30 << 20)
  const all = Array.from({ length: 3 }, () => results.add(() => undefined))
  for (const result of all) results.settle(result, 200, text)
  const there = all.map(({ token }) => {
    try {
      return results.find(token).token === token
    } catch {
      return false
    }
  })
  t.strictSame(there, [false, true, true])
  results.close()
})

t.test('in the end what is under way is cancelled', async t => {
  const results = new Results()
  const cancelled: string[] = []
  const [done, running] = [results.add(() => cancelled.push('done')), results.add(() => cancelled.push('running'))]
  results.settle(done, 200, '')
  results.close()
  t.strictSame(cancelled, ['running'])
  t.throws(() => results.find(running.token), gone)
})
