import t from 'tap'
import { History } from '../../../simulation/checks/history.js'
import { Court } from '../fixtures/court.js'

function court(): Court {
  const made = new Court((bench) => new History(bench))
  made.meets()
  return made
}

t.test('what was written, in order, with steps left out, is well', async (t) => {
  const c = court()
  for (const text of ['1', '2', '3']) c.wrote('k', text)
  c.wrote('k')
  c.wrote('k', '1')
  c.hears(c.set('k', '1'), c.set('k', '3'))
  c.hears(c.deleted('k'), c.set('k', '1'))
  t.strictSame(c.found, [])
})

t.test('a value that nobody wrote is caught', async (t) => {
  const c = court()
  c.wrote('k', '1')
  c.hears(c.set('k', '2'))
  c.hears(c.set('other', '1'))
  t.strictSame(c.found, ['nothing made up', 'nothing made up'])
})

t.test('a value that comes twice or after a later one is caught', async (t) => {
  const twice = court()
  twice.wrote('k', '1')
  twice.hears(twice.set('k', '1'))
  twice.hears(twice.set('k', '1'))
  t.strictSame(twice.found, ['callbacks in version order'])
  const late = court()
  late.wrote('k', '1')
  late.wrote('k', '2')
  late.hears(late.set('k', '2'))
  late.hears(late.set('k', '1'))
  t.strictSame(late.found, ['callbacks in version order'])
})

t.test('a version that falls from one callback to the next is caught', async (t) => {
  const c = court()
  c.wrote('a', '1')
  c.wrote('b', '2')
  c.observer.has('peer1', 'a', '1', 5)
  c.observer.has('peer1', 'b', '2', 4)
  c.hears(c.set('a', '1'))
  c.hears(c.set('b', '2'))
  t.strictSame(c.found, ['callbacks in version order'])
})

t.test('a deleted key that comes back is caught', async (t) => {
  const c = court()
  c.wrote('k', '1')
  c.wrote('k')
  c.hears(c.set('k', '1'))
  c.hears(c.deleted('k'))
  c.hears(c.set('k', '1'))
  t.strictSame(c.found, ['deleted stays deleted'])
})

t.test('a delete that its owner did not do is caught, an expiry is not', async (t) => {
  const made = court()
  made.wrote('k', '1')
  made.hears(made.set('k', '1'), made.deleted('k'))
  made.nowMs = 6_000
  made.sweeps()
  t.strictSame(made.found, ['nothing made up'])
  const superseded = court()
  superseded.wrote('k', '1')
  superseded.hears(superseded.set('k', '1'), superseded.deleted('k'))
  superseded.nowMs = 1_000
  superseded.meets(2)
  superseded.nowMs = 6_000
  superseded.sweeps()
  t.strictSame(superseded.found, [], 'a new life takes the keys of the old one away')
  const expired = court()
  expired.wrote('k', '1', 1_000)
  expired.hears(expired.set('k', '1'))
  expired.nowMs = 1_000
  expired.hears(expired.deleted('k'))
  expired.nowMs = 7_000
  expired.sweeps()
  t.strictSame(expired.found, [])
})

t.test('a deleted key that can still be read is caught', async (t) => {
  const c = court()
  c.wrote('k', '1')
  c.wrote('k')
  c.hears(c.set('k', '1'), c.deleted('k'))
  c.observer.has('peer1', 'k', '1')
  c.sweeps()
  c.sweeps()
  t.ok(c.found.includes('deleted stays deleted'))
})

t.test('an expired key that can be read long after is caught', async (t) => {
  const c = court()
  c.wrote('k', '1', 1_000)
  c.hears(c.set('k', '1'))
  c.observer.has('peer1', 'k', '1')
  c.nowMs = 2_000
  c.sweeps()
  c.sweeps()
  t.strictSame(c.found, [], 'a little later is the price of travelling')
  c.nowMs = 60_000
  c.sweeps()
  c.sweeps()
  t.ok(c.found.includes('deleted stays deleted'))
})

t.test('an incarnation that never was, and an old one that returns, are caught', async (t) => {
  const c = court()
  c.meets(7)
  c.wrote('k', '1')
  c.hears(c.set('k', '1'))
  t.strictSame(c.found, ['nothing made up'])
  c.meets(1)
  t.strictSame(c.found, ['nothing made up', 'old incarnations stay away'])
})

t.test('what a former life wrote is caught in the new one', async (t) => {
  const c = court()
  c.wrote('k', 'old')
  c.referee.ended(c.owner, 'crashed')
  c.referee.began(c.owner, 2)
  c.wrote('k', 'new')
  c.meets(2)
  c.hears(c.set('k', 'new'))
  t.strictSame(c.found, [])
  c.hears(c.set('k', 'old'))
  t.strictSame(c.found, ['nothing made up'])
})

t.test('who believes may show what others set, but nothing that nobody did', async (t) => {
  const c = court()
  const life = c.referee.chronicle.current('peer1')
  if (life !== undefined) life.isBeliever = true
  c.referee.chronicle.wrote('peer0', 'k', new TextEncoder().encode('adopted'), Infinity)
  c.hears(c.set('k', 'adopted'))
  t.strictSame(c.found, [])
  c.hears(c.set('k', 'invented'))
  t.strictSame(c.found, ['nothing made up'])
})
