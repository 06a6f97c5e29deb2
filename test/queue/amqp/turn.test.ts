import t from 'tap'
import { Turn } from '../../../lib/queue/amqp/turn.js'

t.test('it is over once, and fails no more then', async (t) => {
  const turn = new Turn(60_000, 'it took too long')
  turn.goOn()
  t.equal(turn.isOver, false)
  turn.end()
  turn.fail(new Error('too late'))
  turn.goOn()
  await turn.over
  t.equal(turn.isOver, true)
})

t.test('it fails when nothing comes, or when it is told', async (t) => {
  await t.rejects(new Turn(1, 'it took too long').over, { message: 'it took too long' })
  const turn = new Turn(60_000, 'it took too long')
  turn.fail(new Error('gone'))
  await t.rejects(turn.over, { message: 'gone' })
  turn.end()
})
