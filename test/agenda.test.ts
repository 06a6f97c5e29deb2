import t from 'tap'
import { Agenda } from '../lib/agenda.js'
import { World } from './fixtures/world.js'

t.test('times count from the start; what repeats, repeats, until it is stopped', async (t) => {
  const world = new World()
  const agenda = new Agenda(world.clock)
  const done: string[] = []
  agenda.add(10, () => done.push(`once ${world.now}`), false)
  agenda.add(10, () => done.push(`again ${world.now}`), true)
  await world.run(50)
  t.strictSame(done, [])
  agenda.start()
  await world.run(25)
  agenda.stop()
  await world.run(50)
  t.strictSame(done, ['once 60', 'again 60', 'again 70'])
})

t.test('a new start begins anew with what repeats and what was not done, not with what was', async (t) => {
  const world = new World()
  const agenda = new Agenda(world.clock)
  const done: string[] = []
  agenda.start()
  agenda.add(10, () => done.push('early'), false)
  agenda.add(30, () => done.push('late'), false)
  agenda.add(20, () => done.push('again'), true)
  await world.run(15)
  agenda.stop()
  agenda.start()
  await world.run(35)
  t.strictSame(done, ['early', 'again', 'late'])
})
