import t from 'tap'
import { expose } from '../../lib/metrics/exposition.js'
import { Families } from '../../lib/metrics/families.js'
import { queueFamilies } from '../../lib/metrics/queue.js'
import type { QueueInfo } from '../../lib/work/index.js'
import { lint, parse } from './fixtures/exposition.js'

/** What is exposed of a queue, as lines of series and number. */
async function exposed(found: Promise<readonly QueueInfo[] | undefined> | undefined): Promise<Map<string, number>> {
  const families = new Families()
  families.add(queueFamilies(() => found))
  const read = parse((await expose(families, false)).text)
  t.strictSame(read.flatMap(lint), [])
  return new Map(read.flatMap(({ samples }) => samples).map(({ name, labels, value }) => {
    return [[name.replace('telepathine_', ''), ...labels.values()].join(' '), value]
  }))
}

t.test('jobs are counted by service and state, as far as the engine tells', async t => {
  t.strictSame(await exposed(Promise.resolve([
    { name: 'invoice', waiting: 3, delayed: 0, running: 2, dead: 1 },
    { name: 'mail', waiting: 5, delayed: undefined, running: undefined, dead: undefined },
  ])), new Map([
    ['queue_up', 1],
    ['queue_jobs invoice waiting', 3],
    ['queue_jobs invoice delayed', 0],
    ['queue_jobs invoice running', 2],
    ['queue_jobs invoice dead', 1],
    ['queue_jobs mail waiting', 5],
  ]))
})

t.test('an engine that does not answer is down, and nothing is said of its jobs', async t => {
  t.strictSame(await exposed(Promise.resolve(undefined)), new Map([['queue_up', 0]]))
})

t.test('without a queue there is nothing to say, not even that it is down', async t => {
  t.strictSame(await exposed(undefined), new Map())
})

t.test('names are bounded', async t => {
  const found = await exposed(Promise.resolve(Array.from({ length: 100 }, (_, i) => {
    return { name: `job ${i}`, waiting: 1, delayed: undefined, running: 2, dead: undefined }
  })))
  t.equal(found.size, 1 + 2 * 65)
  t.equal(found.get('queue_jobs _other waiting'), 36)
  t.equal(found.get('queue_jobs _other running'), 72)
})
