import t from 'tap'
import { Tasks, type TaskOptions } from '../../lib/apps/tasks.js'

/** Tasks, and what was cancelled of them. */
function tasksOf(idleMs = 0) {
  const cancelled: [number, boolean][] = []
  const tasks = new Tasks(idleMs, (id, isSilent) => cancelled.push([id, isSilent]))
  const given: number[] = []
  const add = (options: Partial<TaskOptions> = {}) => {
    const all = { streams: false, signal: new AbortController().signal, emit: async () => undefined, ...options }
    return tasks.add(all, id => given.push(id))
  }
  return { tasks, cancelled, given, add }
}

t.test('each answer goes to its task, the first one settles it', async t => {
  const { tasks, given, add } = tasksOf()
  const [a, b] = [add(), add()]
  t.strictSame(given, [1, 2])
  t.strictSame(tasks.ids, [1, 2])
  tasks.answer(2, 'b')
  tasks.answer(2, 'late')
  tasks.answer(7, 'nobody')
  tasks.answer(1, 'a')
  t.strictSame(await Promise.all([a, b]), ['a', 'b'])
  t.strictSame(tasks.ids, [])
})

t.test('who streams gets all answers, and what the end comes with', async t => {
  const { tasks, add } = tasksOf()
  const chunks: unknown[] = []
  const task = add({ streams: true, emit: async chunk => void chunks.push(chunk) })
  for (let n = 0; n < 3; n++) tasks.answer(1, n)
  tasks.end(1, 'done')
  tasks.answer(1, 3)
  t.equal(await task, 'done')
  t.strictSame(chunks, [0, 1, 2])
})

t.test('a task that falls silent after an answer is done, one that never spoke is not', async t => {
  const { tasks, cancelled, add } = tasksOf(1)
  const [spoke, silent] = [add({ streams: true }), add({ streams: true })]
  tasks.answer(1, 'x')
  t.equal(await spoke, undefined)
  t.strictSame(cancelled, [[1, true]])
  t.ok(tasks.has(2))
  tasks.fail(2, new Error('lost'))
  await t.rejects(silent, { message: 'lost' })
})

t.test('who gives up, or does not keep up, fails its task, and the app is told', async t => {
  const { tasks, cancelled, given, add } = tasksOf()
  const gone = new AbortController()
  const task = add({ signal: gone.signal })
  gone.abort()
  await t.rejects(task, { code: 'ERR_ABORTED' })
  const slow = add({ streams: true, emit: () => Promise.reject(new Error('too slow')) })
  tasks.answer(2, 'x')
  await t.rejects(slow, { message: 'too slow' })
  t.strictSame(cancelled, [[1, false], [2, false]])
  await t.rejects(add({ signal: gone.signal }), { code: 'ERR_ABORTED' })
  t.strictSame(given, [1, 2], 'who had given up before is not given out at all')
  t.equal(cancelled.length, 2)
})

t.test('one can wait until there are none, for a while', async t => {
  const { tasks, add } = tasksOf()
  await tasks.done(1e6)
  const task = add()
  await tasks.done(1)
  t.ok(tasks.has(1))
  const done = tasks.done(1e6)
  tasks.answer(1, 'x')
  await Promise.all([done, task])
  t.pass()
})
