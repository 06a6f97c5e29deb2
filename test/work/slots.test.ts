import fc from 'fast-check'
import t from 'tap'
import { Slots } from '../../lib/work/slots.js'

t.test('so many run, so many wait in order, the rest is not taken in', async (t) => {
  const slots = new Slots<number>(2, 2)
  t.strictSame([1, 2, 3, 4, 5].map((job) => slots.take(job)), ['run', 'run', 'wait', 'wait', 'full'])
  t.ok(slots.leave(3))
  t.notOk(slots.leave(3))
  t.equal(slots.take(6), 'wait')
  t.strictSame([1, 2, 3, 4].map(() => slots.release(10)), [4, 6, undefined, undefined])
  t.strictSame([slots.running, slots.waiting], [0, 0])
})

t.test('queue 0: refused when all slots are taken', async (t) => {
  const slots = new Slots<number>(1, 0)
  t.strictSame([slots.take(1), slots.take(2)], ['run', 'full'])
})

t.test('never more run or wait than may, and nobody is forgotten', async () => {
  const sizes = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 0, max: 5 }))
  const steps = fc.array(fc.constantFrom('take', 'release', 'leave'), { maxLength: 200 })
  fc.assert(fc.property(sizes, steps, ([concurrency, queue], todo) => {
    const slots = new Slots<number>(concurrency, queue)
    const running: number[] = []
    const waiting: number[] = []
    let last = 0
    for (const what of todo) {
      if (what === 'take') {
        const job = ++last
        const admission = slots.take(job)
        if (admission === 'run') running.push(job)
        else if (admission === 'wait') waiting.push(job)
        else if (running.length < concurrency || waiting.length < queue) return false
      } else if (what === 'release' && running.length > 0) {
        running.shift()
        const next = slots.release(1)
        if (next !== waiting.shift()) return false
        if (next !== undefined) running.push(next)
      } else if (what === 'leave' && waiting.length > 0 && !slots.leave(waiting.pop() as number)) return false
      if (slots.running !== running.length || slots.waiting !== waiting.length) return false
    }
    return slots.running <= concurrency && slots.waiting <= queue
  }))
})

t.test('tells when to come again by how long jobs take and how many wait', async (t) => {
  const slots = new Slots<number>(1, 10)
  t.equal(slots.retryAfterMs, 1)
  for (let i = 0; i < 100; i++) {
    slots.take(i)
    slots.release(200)
  }
  for (let i = 0; i < 5; i++) slots.take(i)
  t.equal(slots.retryAfterMs, 1_000)
})
