import { once } from 'node:events'
import t from 'tap'
import { type Job, Servent, type WorkerCallback } from '../../lib/servent/index.js'

/** What a job emits, from now to its end; and a moment more. */
async function toEnd<A extends readonly unknown[]>(job: Job<A>): Promise<unknown[]> {
  const events: unknown[] = []
  job.on('start', () => events.push('start'))
  job.on('data', (data) => events.push(data))
  job.on('error', (error) => events.push(error))
  await new Promise<void>((resolve) => job.once('end', resolve))
  events.push('end')
  await new Promise((resolve) => setImmediate(resolve))
  return events
}

t.test('without listening a node does its jobs alone, and later than they are run', async (t) => {
  const worker = new Servent().createWorker('double', (n: number, callback: WorkerCallback<number>) => {
    callback(null, n * 2)
    callback(null, n * 3)
  })
  let given: unknown
  const job = worker.distribute((job) => {
    given = job
  })
  t.equal(given, job)
  t.equal(job.run(4), job)
  t.strictSame(await toEnd(job), [8, 'end'], 'what is listened to after run() is heard all the same')
  t.strictSame(job.missing, [])
})

t.test('alone, too, errors are Errors, and there may be no function', async (t) => {
  const servent = new Servent()
  const words = servent.createWorker('word', (word: string, callback: WorkerCallback) => callback(word))
  t.match(await toEnd(words.distribute().run('x')), [{ name: 'Error', message: 'x' }, 'end'])
  const throws = servent.createWorker('throws', () => {
    throw new RangeError('y')
  })
  t.match(await toEnd(throws.distribute().run()), [{ name: 'RangeError', message: 'y' }, 'end'])
  t.strictSame(await toEnd(servent.createWorker('none').distribute().run()), ['end'])
})

t.test('alone, too, it ends when its time is over, and what comes later is not heard', async (t) => {
  let late: WorkerCallback = () => undefined
  const worker = new Servent().createWorker('slow', (callback: WorkerCallback) => {
    late = callback
  })
  const job = worker.distribute().setTTL(10).run()
  const ended = toEnd(job)
  job.on('end', () => late(null, 'late'))
  t.strictSame(await ended, ['end'])
  t.match(job.missing, [{ reason: 'ERR_TIMEOUT' }])
})

t.test('a job is run once, and its time set before', async (t) => {
  const job = new Servent().createWorker('none').distribute()
  for (const ms of [-1, Number.NaN, '5', undefined]) t.throws(() => job.setTTL(ms as number), { code: 'ERR_OPTION' })
  t.equal(job.setTTL(0), job)
  const ended = toEnd(job)
  job.setTTL(Infinity).run()
  t.throws(() => job.run(), { code: 'ERR_OPTION' })
  t.throws(() => job.setTTL(5), { code: 'ERR_OPTION' })
  t.strictSame(await ended, ['start', 'end'])
})

t.test('what a listener throws, and nobody listens to, is a process warning and no more', async (t) => {
  const warned = once(process, 'warning')
  const job = new Servent().createWorker('none').distribute()
  job.on('start', () => {
    throw new Error('in a listener of start')
  })
  const ended = toEnd(job)
  job.run()
  t.strictSame(await ended, ['start', 'end'])
  t.match(await warned, [{ message: 'in a listener of start' }])
})
