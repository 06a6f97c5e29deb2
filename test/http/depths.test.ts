import t from 'tap'
import { Depths } from '../../lib/http/depths.js'
import type { QueueInfo } from '../../lib/work/index.js'
import { topicView } from './live/fixtures/view.js'

/** An engine that answers when it is told to, and who asks it. */
function asked() {
  const { face: { clock }, pass } = topicView()
  const answers: { resolve: (found: QueueInfo[]) => void, reject: (error: Error) => void }[] = []
  const work = {
    hasQueue: true,
    queues: () => new Promise<QueueInfo[]>((resolve, reject) => answers.push({ resolve, reject })),
  }
  return { depths: new Depths(clock, work), answers, work, pass }
}

const info = (waiting: number): QueueInfo[] => [
  { name: 'a', waiting, delayed: undefined, running: 1, dead: 0 },
]

t.test('however many look, the engine is asked once a second', async t => {
  const { depths, answers, pass } = asked()
  const look = async () => depths.look()
  const looks = [look(), look(), look()]
  t.equal(answers.length, 1)
  answers[0]?.resolve(info(1))
  t.strictSame(await Promise.all(looks), [info(1), info(1), info(1)])
  pass(999)
  t.strictSame(await depths.look(), info(1))
  t.equal(answers.length, 1)
  pass(1)
  const later = depths.look()
  t.equal(answers.length, 2)
  answers[1]?.resolve(info(2))
  t.strictSame(await later, info(2))
})

t.test('an engine that is away is waited for a second, and not asked again before it has answered', async t => {
  const { depths, answers, pass } = asked()
  const first = depths.look()
  pass(1_000)
  t.equal(await first, undefined)
  pass(60_000)
  t.equal(await depths.look(), undefined)
  t.equal(answers.length, 1)
  answers[0]?.resolve(info(1))
  await new Promise(resolve => setImmediate(resolve))
  t.strictSame(await depths.look(), info(1), 'it is there again')
  t.equal(await first, undefined)
  pass(10_000)
  void depths.look()
  t.equal(answers.length, 2)
})

t.test('an engine that takes its time is asked for a tenth of it', async t => {
  const { depths, answers, pass } = asked()
  const first = depths.look()
  pass(500)
  answers[0]?.resolve(info(1))
  t.strictSame(await first, info(1))
  pass(4_499)
  t.strictSame(await depths.look(), info(1))
  t.equal(answers.length, 1)
  pass(1)
  void depths.look()
  t.equal(answers.length, 2)
})

t.test('an engine that fails gives nothing, and is asked again after a second', async t => {
  const { depths, answers, pass } = asked()
  const first = depths.look()
  answers[0]?.reject(new Error('the server is gone'))
  t.equal(await first, undefined)
  t.equal(await depths.look(), undefined)
  t.equal(answers.length, 1)
  pass(1_000)
  const again = depths.look()
  answers[1]?.resolve(info(1))
  t.strictSame(await again, info(1))
})

t.test('without a queue there is nobody to ask, and there may be one later', async t => {
  const { depths, answers, work } = asked()
  work.hasQueue = false
  t.equal(depths.look(), undefined)
  work.hasQueue = true
  void depths.look()
  answers[0]?.resolve(info(1))
  t.strictSame(await depths.look(), info(1))
  work.hasQueue = false
  t.equal(depths.look(), undefined)
})
