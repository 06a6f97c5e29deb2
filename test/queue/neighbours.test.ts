import t from 'tap'
import { lookLine } from '../../lib/queue/neighbours.js'
import { until } from '../fixtures/until.js'
import { comeBy, folder, neighbourIn } from './fixtures/neighbour.js'

t.test('what was rung before two knew each other is made up for: both look', async (t) => {
  const { neighbours, heard } = await neighbourIn(t, await folder(t))
  const { lines, greet } = await comeBy(t, neighbours.place.addressOf(neighbours.id))
  neighbours.ring('job s\n')
  greet()
  await until(() => lines().length > 0 && heard.length > 0)
  t.strictSame(lines(), [lookLine], 'who came looks, as it was not told')
  t.strictSame(heard, [lookLine], 'and whoever it came to, as it may have been told too early')
  neighbours.ring('job s\n')
  await until(() => lines().length > 1)
  t.strictSame(lines(), [lookLine, 'job s'])
})

t.test('those who have met hear each other, and one that goes is told of as having died', async (t) => {
  const place = await folder(t)
  const [one, other] = [await neighbourIn(t, place), await neighbourIn(t, place)]
  other.meet(one.neighbours.id, other.neighbours.id)
  await until(() => one.heard.length > 0 && other.heard.length > 0)
  one.neighbours.ring('job a\n')
  other.neighbours.ring('job b\n')
  await until(() => one.heard.length > 1 && other.heard.length > 1)
  t.strictSame([one.heard, other.heard], [[lookLine, 'job b'], [lookLine, 'job a']])
  other.neighbours.close()
  await until(() => one.dead.length > 0)
  t.strictSame(one.dead, [other.neighbours.id])
})

t.test('one that does not read costs no more than so much, and looks once it reads again', async (t) => {
  const { neighbours, heard } = await neighbourIn(t, await folder(t))
  const { socket, lines, greet } = await comeBy(t, neighbours.place.addressOf(neighbours.id))
  greet()
  await until(() => heard.length > 0)
  socket.pause()
  const before = process.memoryUsage().external + process.memoryUsage().heapUsed
  const line = `out ${'x'.repeat(59)}\n`
  const text = line.repeat(1_024)
  for (let i = 0; i < 1_000; i++) {
    neighbours.ring(text)
    await new Promise((resolve) => setImmediate(resolve))
  }
  const grown = process.memoryUsage().external + process.memoryUsage().heapUsed - before
  t.ok(grown < 32 << 20, `${grown >> 20} MiB of 64`)
  socket.resume()
  await until(() => lines().at(-1) === lookLine && lines().length > 1)
  t.ok(lines().length < 40_000, `${lines().length} lines were told`)
})
