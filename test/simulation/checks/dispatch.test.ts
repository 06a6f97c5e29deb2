import t from 'tap'
import { Dispatch, type Gauges } from '../../../simulation/checks/dispatch.js'

const gauges: Gauges = {
  pending: 0, waiting: 0, pendingMax: 10, inflight: 0, inflightMax: 10, heldBytes: 0, heldBytesMax: 10,
}

function court() {
  const found: string[] = []
  const time = { nowMs: 0 }
  const report = (invariant: string): void => void found.push(invariant)
  const check = new Dispatch({ report, nowMs: () => time.nowMs })
  const made = (id: number, idempotent = false): void => check.made({ id, caller: 'a', idempotent, dueMs: 100 })
  return { check, found, time, made }
}

t.test('calls with one true outcome in time are well, and so are idempotent ones begun again', async (t) => {
  const { check, found, time, made } = court()
  made(1)
  check.executed(1, 'b')
  check.swept('a', { ...gauges, pending: 1 })
  check.settles(1, { value: 1 })
  made(2, true)
  for (const worker of ['b', 'c', 'd']) check.executed(2, worker)
  check.settles(2, { code: 'ERR_PEER_LOST', maybeExecuted: true })
  made(3)
  check.settles(3, { code: 'ERR_BUSY', maybeExecuted: false })
  made(4)
  check.stalls('a', 500)
  time.nowMs = 510
  check.settles(4, { code: 'ERR_TIMEOUT', maybeExecuted: true })
  made(5)
  check.abandoned('a')
  check.swept('a', gauges)
  check.quiet('a', gauges)
  t.strictSame(found, [])
  t.equal(check.settled, 4)
})

t.test('a second outcome is caught, and one that only the counter shows', async (t) => {
  const { check, found, made } = court()
  made(1)
  check.executed(1, 'b')
  check.settles(1, { value: 1 })
  check.settles(1, { code: 'ERR_TIMEOUT', maybeExecuted: true })
  t.strictSame(found, ['one outcome'])
  made(2)
  check.swept('a', gauges)
  t.strictSame(found, ['one outcome', 'one outcome'])
})

t.test('a call begun twice is caught, and an idempotent one begun too often', async (t) => {
  const { check, found, made } = court()
  made(1)
  check.executed(1, 'b')
  check.executed(1, 'c')
  made(2, true)
  for (const worker of ['b', 'c', 'd', 'e']) check.executed(2, worker)
  t.strictSame(found, ['begun once unless idempotent', 'begun once unless idempotent'])
})

t.test('a result that is another one\'s, or nobody\'s, is caught', async (t) => {
  const { check, found, made } = court()
  made(1)
  made(2)
  check.executed(1, 'b')
  check.settles(1, { value: 2 })
  check.settles(2, { value: 2 })
  check.executed(3, 'b')
  t.strictSame(found, ['results are true', 'results are true', 'nothing made up'])
})

t.test('an error that says it was not begun when it was, or is later, is caught', async (t) => {
  const { check, found, made } = court()
  made(1)
  check.executed(1, 'b')
  check.settles(1, { code: 'ERR_BUSY', maybeExecuted: false })
  made(2)
  check.settles(2, { code: 'ERR_PEER_LOST', maybeExecuted: false })
  check.executed(2, 'b')
  t.strictSame(found, ['errors are true', 'errors are true'])
})

t.test('a call settled after its deadline is caught, and one that is not settled at all', async (t) => {
  const { check, found, time, made } = court()
  made(1)
  made(2)
  time.nowMs = 130
  check.settles(1, { code: 'ERR_TIMEOUT', maybeExecuted: true })
  check.swept('a', { ...gauges, pending: 0 })
  t.strictSame(found, ['settled by its deadline', 'settled by its deadline'])
})

t.test('queues beyond their bounds are caught, and what is left when all is quiet', async (t) => {
  const { check, found } = court()
  check.swept('a', { ...gauges, inflight: 11 })
  check.swept('a', { ...gauges, heldBytes: -1 })
  check.quiet('a', { ...gauges, inflight: 1 })
  t.strictSame(found, ['queues are bounded', 'queues are bounded', 'nothing is left'])
})
