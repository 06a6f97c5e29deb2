import t from 'tap'
import { Readiness } from '../lib/readiness.js'

t.test('is renewed only once it is settled', async (t) => {
  const first = new Readiness<number>()
  t.equal(first.renewed(), first)
  first.resolve(1)
  t.not(first.renewed(), first)
  t.equal(await first.promise, 1)
})

t.test('a rejection that is handled elsewhere may go unseen, and can be seen', async (t) => {
  const readiness = new Readiness<number>()
  readiness.reject(new Error('seen'), true)
  await new Promise((resolve) => setImmediate(resolve))
  await t.rejects(readiness.promise, { message: 'seen' })
})
