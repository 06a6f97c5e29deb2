import t from 'tap'
import { Limits } from '../../../simulation/checks/limits.js'
import { Court } from '../fixtures/court.js'

t.test('a datagram above the limit is caught, a frame is not', async (t) => {
  const c = new Court((bench) => new Limits(bench))
  c.referee.sent(0, 'datagram', 'liveness', 1_400)
  c.referee.sent(0, 'stream', 'news', 100_000)
  t.strictSame(c.found, [])
  c.referee.sent(0, 'datagram', 'liveness', 1_401)
  t.strictSame(c.found, ['datagrams fit'])
})

t.test('traffic above its budget is caught, once in a window', async (t) => {
  const c = new Court((bench) => new Limits(bench, { bytesPerSecond: { liveness: 1_000 } }))
  for (c.nowMs = 0; c.nowMs < 10_000; c.nowMs += 100) c.referee.sent(0, 'datagram', 'liveness', 100)
  t.strictSame(c.found, [])
  for (; c.nowMs < 20_000; c.nowMs += 100) c.referee.sent(0, 'datagram', 'liveness', 120)
  t.strictSame(c.found, ['traffic within its budget'])
})
