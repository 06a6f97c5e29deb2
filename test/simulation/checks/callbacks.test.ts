import t from 'tap'
import { Callbacks } from '../../../simulation/checks/callbacks.js'
import { Court } from '../fixtures/court.js'

t.test('what is read as it was told is well', async (t) => {
  const c = new Court((bench) => new Callbacks(bench))
  c.observer.has('peer1', 'k', '2')
  c.hears(c.set('k', '1'), c.set('k', '2'), c.deleted('gone'))
  t.strictSame(c.found, [], 'the first was overtaken by the second')
})

t.test('another value, none, and one that should be gone are caught', async (t) => {
  const invariant = 'callbacks agree with what can be read'
  const c = new Court((bench) => new Callbacks(bench))
  c.observer.has('peer1', 'k', 'other')
  c.hears(c.set('k', '1'))
  t.strictSame(c.found, [invariant])
  c.hears(c.set('none', '1'))
  t.strictSame(c.found, [invariant, invariant])
  c.hears(c.deleted('k'))
  t.strictSame(c.found, [invariant, invariant, invariant])
})
