import t from 'tap'
import { Ledger } from '../../lib/queue/ledger.js'
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
  for (const held of ledger.take('s', 'me', 1)) ledger.finish(held, 'me', new Uint8Array(1), now + keepMs)
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
