import t from 'tap'
import { Listeners } from '../../lib/netcluster/listeners.js'
import type { NCPacket } from '../../lib/netcluster/packet.js'

function packet(event: string): NCPacket {
  return { channel: 'A', broadcast: false, event, data: undefined }
}

function fail(error: unknown): void {
  throw error
}

t.test('they are called in the order in which they were added', async t => {
  const listeners = new Listeners()
  const calls: string[] = []
  listeners.add('.*', ({ event }) => calls.push(`all ${event}`), false)
  listeners.add('log', ({ event }) => calls.push(`log ${event}`), false)
  listeners.add('lo', ({ event }) => calls.push(`lo ${event}`), false)
  listeners.call(packet('log'), fail)
  listeners.call(packet('other'), fail)
  t.strictSame(calls, ['all log', 'log log', 'all other'])
})

t.test('once is once, even when it is set off again from within', async t => {
  const listeners = new Listeners()
  let calls = 0
  listeners.add('log', () => {
    calls++
    listeners.call(packet('log'), fail)
  }, true)
  listeners.call(packet('log'), fail)
  t.equal(calls, 1)
  t.notOk(listeners.hears('log'))
})

t.test('removing takes off that one, and nothing when there is none', async t => {
  const listeners = new Listeners()
  const calls: number[] = []
  const [first, second, third] = [1, 2, 3].map(n => () => calls.push(n))
  for (const listener of [first, second, third]) listeners.add('log', listener!, false)
  listeners.remove('log', second!)
  listeners.remove('log', second!)
  listeners.remove('lo.*', first!)
  listeners.remove('(', first!)
  listeners.call(packet('log'), fail)
  t.strictSame(calls, [1, 3])
})

t.test('one that throws or rejects stops no other', async t => {
  const listeners = new Listeners()
  const failed: unknown[] = []
  listeners.add('log', () => { throw new Error('thrown') }, false)
  listeners.add('log', async () => { throw new Error('rejected') }, false)
  let called = false
  listeners.add('log', () => (called = true), false)
  listeners.call(packet('log'), error => failed.push(error))
  await new Promise(resolve => setImmediate(resolve))
  t.ok(called)
  t.match(failed, [{ message: 'thrown' }, { message: 'rejected' }])
})

t.test('what is no pattern or no listener is refused', async t => {
  t.throws(() => new Listeners().add('(', () => 1, false), { code: 'ERR_KEY' })
  t.throws(() => new Listeners().add('log', 7 as never, false), { code: 'ERR_OPTION', message: /listener: 7 given/ })
})

t.test('more names than are remembered are still matched', async t => {
  const listeners = new Listeners()
  let calls = 0
  listeners.add('e[0-9]+', () => calls++, false)
  for (let i = 0; i < 5_000; i++) listeners.call(packet(`e${i % 2_500}`), fail)
  t.equal(calls, 5_000)
})
