import t from 'tap'
import { setImmediate as turn } from 'node:timers/promises'
import { NameQueue } from '../../lib/files/queue.js'

t.test('does one at a time, and each waiting name once', async t => {
  const done: string[] = []
  let running = 0
  const queue = new NameQueue(async name => {
    t.equal(++running, 1)
    await turn()
    done.push(name)
    running -= 1
  })
  for (const name of ['a', 'b', 'a', 'b', 'c']) queue.add(name)
  await queue.idle()
  t.strictSame(done, ['a', 'b', 'c'])
})

t.test('looks again at a name that is added while it is looked at', async t => {
  let looks = 0
  const queue = new NameQueue(async name => {
    if (++looks === 1) queue.add(name)
    await turn()
  })
  queue.add('a')
  await queue.idle()
  t.equal(looks, 2)
})

t.test('works on after it was idle', async t => {
  const done: string[] = []
  const queue = new NameQueue(async name => void done.push(name))
  queue.add('a')
  await queue.idle()
  queue.add('b')
  await queue.idle()
  t.strictSame(done, ['a', 'b'])
})

t.test('finishes what is under way when closed, and begins nothing more', async t => {
  const done: string[] = []
  const queue = new NameQueue(async name => {
    await turn()
    done.push(name)
  })
  queue.add('a')
  queue.add('b')
  await Promise.resolve()
  await Promise.resolve()
  await queue.close()
  queue.add('c')
  await queue.idle()
  t.strictSame(done, ['a'])
})
