import t from 'tap'
import { Events } from '../../../simulation/checks/events.js'
import { Court } from '../fixtures/court.js'

function court(...said: readonly string[]): Court {
  const made = new Court((bench) => new Events(bench))
  made.meets()
  for (const text of said) made.said('e', text)
  return made
}

t.test('each once and in order is well, and so are gaps that are reported or out of date', async (t) => {
  const c = court('1', '2', '3', '4')
  c.said('e', '5', 1_000)
  c.said('e', '6')
  c.hears(c.event('e', '1'))
  c.hears({ kind: 'missed', peer: 'peer1', count: 2 }, c.event('e', '4'))
  c.nowMs = 2_000
  c.hears(c.event('e', '6'))
  t.strictSame(c.found, [])
})

t.test('an event heard twice is caught', async (t) => {
  const c = court('1', '2')
  c.hears(c.event('e', '1'), c.event('e', '2'), c.event('e', '1'))
  t.strictSame(c.found, ['events once and in order'])
})

t.test('events in the wrong order are caught', async (t) => {
  const c = court('1', '2')
  c.hears({ kind: 'missed', peer: 'peer1', count: 1 }, c.event('e', '2'), c.event('e', '1'))
  t.strictSame(c.found, ['events once and in order'])
})

t.test('an event that was never said is caught', async (t) => {
  const c = court('1')
  c.hears(c.event('e', '2'))
  c.hears(c.event('f', '1'))
  t.strictSame(c.found, ['nothing made up', 'nothing made up'])
})

t.test('a gap that is not reported is caught', async (t) => {
  const c = court('1', '2', '3')
  c.hears(c.event('e', '1'), c.event('e', '3'))
  t.strictSame(c.found, ['missed events are reported'])
})
