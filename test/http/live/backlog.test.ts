import t from 'tap'
import type { Depths } from '../../../lib/http/depths.js'
import { Backlog } from '../../../lib/http/live/backlog.js'
import type { QueueInfo } from '../../../lib/work/index.js'

/** A backlog, and what is to be answered to the next look. */
function made() {
  const next: { found: ReturnType<Depths['look']> } = { found: undefined }
  let now = 1_000
  const backlog = new Backlog({ look: () => next.found } as Depths, () => now++)
  const look = async (found: Promise<QueueInfo[] | undefined> | undefined): Promise<void> => {
    next.found = found
    backlog.look()
    await found
    await new Promise(resolve => setImmediate(resolve))
  }
  return { backlog, look }
}

const info: QueueInfo = { name: 'a', waiting: 2, delayed: undefined, running: 1, dead: undefined }
const row = { key: 'a', waiting: 2, delayed: null, running: 1, dead: null }

t.test('rows are what the engine told last; null is what it does not tell', async t => {
  const { backlog, look } = made()
  await look(undefined)
  t.strictSame([backlog.rows, backlog.state], [[], null])
  await look(Promise.resolve([info]))
  t.strictSame([backlog.rows, backlog.state], [[row], { silentSince: null, more: 0 }])
  const { state } = backlog
  await look(Promise.resolve([{ ...info, waiting: 3 }]))
  t.strictSame(backlog.rows, [{ ...row, waiting: 3 }])
  t.equal(backlog.state, state, 'the same object as long as all is well')
})

t.test('while the engine is silent, what it told before stays, and since when', async t => {
  const { backlog, look } = made()
  await look(Promise.resolve([info]))
  await look(Promise.resolve(undefined))
  t.strictSame([backlog.rows, backlog.state], [[row], { silentSince: 1_000, more: 0 }])
  const { state } = backlog
  await look(Promise.resolve(undefined))
  t.equal(backlog.state, state, 'since the first time')
  await look(Promise.resolve([]))
  t.strictSame([backlog.rows, backlog.state], [[], { silentSince: null, more: 0 }])
})

t.test('a queue that is gone leaves nothing, nor does an answer that comes after', async t => {
  const { backlog, look } = made()
  let answer = (_: QueueInfo[]): void => undefined
  void look(new Promise(resolve => (answer = resolve)))
  t.strictSame(backlog.state, { silentSince: null, more: 0 }, 'there is one, and nothing is known of it yet')
  await look(undefined)
  answer([info])
  await new Promise(resolve => setImmediate(resolve))
  t.strictSame([backlog.rows, backlog.state], [[], null])
})

t.test('names beyond a bound are counted', async t => {
  const { backlog, look } = made()
  await look(Promise.resolve(Array.from({ length: 1_234 }, (_, i) => ({ ...info, name: `job ${i}` }))))
  t.equal(backlog.rows.length, 1_000)
  t.strictSame(backlog.state, { silentSince: null, more: 234 })
})
