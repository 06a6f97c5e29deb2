import t from 'tap'
import { Liveness } from '../../../simulation/checks/liveness.js'
import { Court } from '../fixtures/court.js'

const start = { kind: 'peer:start', peer: 'peer1' } as const
const failed = { kind: 'peer:stop', peer: 'peer1', reason: 'failed' } as const
const left = { kind: 'peer:stop', peer: 'peer1', reason: 'left' } as const

function court(): Court {
  const made = new Court((bench) => new Liveness(bench))
  made.meets()
  return made
}

t.test('a peer may fall silent and come back', async (t) => {
  const c = court()
  c.hears(failed, start)
  t.strictSame(c.found, [])
})

t.test('one that stops, comes back and stops again, all heard of at once, is well', async (t) => {
  const c = court()
  c.observer.sees(c.owner.name, { state: 'dead', beat: 9 })
  c.hears(failed, start, failed)
  t.strictSame(c.found, [])
  c.hears(start)
  t.strictSame(c.found, ['the dead stay dead'])
})

t.test('one held for dead that rises without a newer heartbeat is caught', async (t) => {
  const c = court()
  c.observer.sees(c.owner.name, { state: 'dead', beat: 7 })
  c.hears(failed)
  c.observer.sees(c.owner.name, { state: 'alive', beat: 8 })
  c.hears(start)
  t.strictSame(c.found, [])
  c.observer.sees(c.owner.name, { state: 'dead', beat: 9 })
  c.hears(failed)
  c.observer.sees(c.owner.name, { state: 'alive', beat: 9 })
  c.hears(start)
  t.strictSame(c.found, ['the dead stay dead'])
})

t.test('a peer that left and rises without a new incarnation is caught', async (t) => {
  const c = court()
  c.referee.ended(c.owner, 'left')
  c.hears(left)
  c.hears(start)
  t.strictSame(c.found, ['left stays left'])
  const again = court()
  again.referee.ended(again.owner, 'left')
  again.hears(left)
  again.referee.began(again.owner, 2)
  again.meets(2)
  t.strictSame(again.found, [], 'and with one it is well')
})

t.test('a goodbye that was never said is caught', async (t) => {
  const c = court()
  c.hears(left)
  t.strictSame(c.found, ['nothing made up'])
})

t.test('one that crashed and rises when the last news of it are long gone is caught', async (t) => {
  const c = court()
  c.referee.ended(c.owner, 'crashed')
  c.hears(failed)
  c.nowMs = 1_000
  c.hears(start)
  t.strictSame(c.found, [], 'late news may still raise it for a moment')
  c.hears(failed)
  c.nowMs = 100_000
  c.hears(start)
  t.strictSame(c.found, ['the dead stay dead'])
})

t.test('two starts or two stops in a row are caught', async (t) => {
  const c = court()
  c.hears(start)
  c.hears(failed, failed)
  t.strictSame(c.found, ['starts and stops alternate', 'starts and stops alternate'])
})
