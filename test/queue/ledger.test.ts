import t from 'tap'
import type { NewJob } from '../../lib/queue/engine.js'
import { type Held, Ledger } from '../../lib/queue/ledger.js'
import { MemoryTable } from './fixtures/memory.js'

/** Counts what is read of what is to be forgotten. */
class CountingTable extends MemoryTable {
  fadingRead = 0

  override getRange(range: Parameters<MemoryTable['getRange']>[0]): ReturnType<MemoryTable['getRange']> {
    const rows = super.getRange(range)
    if (range.start[0] === 'fade') this.fadingRead += rows.length
    return rows
  }
}

const done = (ledger: Ledger, token: string, now: number, keepMs: number): void => {
  ledger.begin()
  ledger.add({ token, service: 's', bytes: new Uint8Array(1), delayMs: 0, priority: 0, isKeyed: false }, now)
  for (const held of ledger.take('s', 'me', 1)) ledger.finish(held, new Uint8Array(1), now + keepMs)
  ledger.end(now)
}

t.test('outcomes are forgotten when they have had their time, whatever has not is not even read', (t) => {
  const table = new CountingTable()
  const ledger = new Ledger(table)
  for (let now = 0; now < 100; now++) done(ledger, `t${now}`, now, 1_000)
  table.fadingRead = 0
  done(ledger, 'x', 500, 1_000)
  t.ok(table.fadingRead <= 1, `${table.fadingRead} read`)
  done(ledger, 'y', 1_049, 1_000)
  t.equal(ledger.outcome('t49'), undefined)
  t.ok(ledger.outcome('t50'))
  t.ok(table.fadingRead <= 53, `${table.fadingRead} read`)
  t.end()
})

t.test('what was gathered in a transaction that came to nothing is not written by the next', (t) => {
  const table = new MemoryTable()
  const ledger = new Ledger(table)
  const before = table.copy()
  ledger.begin()
  ledger.add({ token: 'a', service: 's', bytes: new Uint8Array(1), delayMs: 0, priority: 0, isKeyed: false }, 0)
  table.restore(before)
  done(ledger, 'b', 0, 1_000)
  t.strictSame(ledger.depths(), [])
  t.end()
})

const job = (token: string): NewJob =>
  ({ token, service: 's', bytes: new Uint8Array(1), delayMs: 0, priority: 0, isKeyed: true })

/** What a step gives, in a transaction of its own. */
function inOne<T>(ledger: Ledger, step: () => T, now = 0): T {
  ledger.begin()
  const result = step()
  ledger.end(now)
  return result
}

t.test('of jobs that were taken together, each goes its own way', (t) => {
  const ledger = new Ledger(new MemoryTable())
  const tokens = Array.from({ length: 200 }, (_, i) => `t${String(i).padStart(3, '0')}`)
  inOne(ledger, () => tokens.forEach((token) => ledger.add(job(token), 0)))
  const taken = inOne(ledger, () => ledger.take('s', 'me', 200))
  t.strictSame(taken.map(({ token }) => token), tokens)
  const [done, back, dead, ...kept] = taken as [Held, Held, Held, ...Held[]]
  inOne(ledger, () => {
    t.ok(ledger.finish(done, new Uint8Array(1), 1_000))
    t.notOk(ledger.finish(done, new Uint8Array(1), 1_000), 'but once')
  })
  inOne(ledger, () => {
    t.ok(ledger.putBack(back, 2, 0, 0))
    t.ok(ledger.bury(dead, new Uint8Array(2)))
  })
  t.strictSame(ledger.depths(), [{ service: 's', waiting: 1, delayed: 0, running: 197, dead: 1 }])
  t.strictSame(inOne(ledger, () => ledger.leave('me', true, 0)), new Set(['s']))
  t.notOk(inOne(ledger, () => ledger.finish(kept[0] as Held, new Uint8Array(1), 1_000)), 'it is not held any more')
  t.strictSame(ledger.depths(), [{ service: 's', waiting: 198, delayed: 0, running: 0, dead: 1 }])
  const again = inOne(ledger, () => ledger.take('s', 'you', 300))
  t.strictSame(again.map(({ token }) => token).toSorted(), [back, ...kept].map(({ token }) => token))
  t.ok(again.every(({ attempt }) => attempt === 2))
  t.strictSame([done, dead, back].map(({ token }) => ledger.outcome(token)?.length), [1, 2, undefined])
  t.end()
})

t.test('what is let go in the transaction in which its process leaves is given back once', (t) => {
  const ledger = new Ledger(new MemoryTable())
  inOne(ledger, () => ['a', 'b', 'c'].forEach((token) => ledger.add(job(token), 0)))
  const [a, b] = inOne(ledger, () => ledger.take('s', 'me', 3)) as [Held, Held]
  inOne(ledger, () => {
    ledger.finish(a, new Uint8Array(1), 1_000)
    ledger.putBack(b, 1, 0, 0)
    ledger.leave('me', true, 0)
  })
  t.strictSame(ledger.depths(), [{ service: 's', waiting: 2, delayed: 0, running: 0, dead: 0 }])
  const again = inOne(ledger, () => ledger.take('s', 'you', 3))
  t.strictSame(again.map(({ token, attempt }) => [token, attempt]), [['b', 1], ['c', 2]])
  t.end()
})

t.test('a key is known while its job waits, is held, is dead, and until its outcome has had its time', (t) => {
  const ledger = new Ledger(new MemoryTable())
  const add = (now = 0): boolean => inOne(ledger, () => ledger.add(job('k'), now), now)
  t.ok(add())
  t.notOk(add(), 'waits')
  const [first] = inOne(ledger, () => ledger.take('s', 'me', 1)) as [Held]
  t.notOk(add(), 'is held')
  inOne(ledger, () => ledger.bury(first, new Uint8Array(1)))
  t.notOk(add(), 'is dead')
  t.ok(inOne(ledger, () => ledger.revive('k', 0)))
  t.equal(ledger.outcome('k'), undefined)
  const [second] = inOne(ledger, () => ledger.take('s', 'me', 1)) as [Held]
  inOne(ledger, () => ledger.finish(second, new Uint8Array(1), 1_000))
  t.notOk(add(999), 'is done')
  inOne(ledger, () => undefined, 1_000)
  t.ok(add(1_000))
  t.end()
})

t.test('a folder that another version wrote is left alone', (t) => {
  const table = new MemoryTable()
  const ledger = new Ledger(table)
  ledger.check()
  inOne(ledger, () => ledger.enter('me'))
  ledger.check()
  t.equal(table.get(['format']), 1)
  table.put(['format'], 99)
  t.throws(() => ledger.check(), { code: 'ERR_QUEUE', message: /is in 99/ })
  table.remove(['format'])
  table.put(['seq'], 1)
  t.throws(() => ledger.check(), { code: 'ERR_QUEUE', message: /another folder/ })
  t.end()
})
