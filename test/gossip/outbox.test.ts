import t from 'tap'
import { Outbox } from '../../lib/gossip/outbox.js'

t.test('what is to be done comes out once, in the order it was put in', async (t) => {
  const outbox = new Outbox()
  const [one, two] = [Uint8Array.of(1), Uint8Array.of(2, 3)]
  t.equal(outbox.send('news', 'a:1', 'datagram', [one, two]), 3)
  outbox.send('repair', 'b:1', 'stream', [two])
  outbox.notify({ kind: 'drain' })
  outbox.link(['a:1'])
  outbox.link(['b:1'])
  outbox.drop('c:1')
  t.same(outbox.drain(), {
    sends: [
      { to: 'a:1', via: 'datagram', parts: [one, two] },
      { to: 'b:1', via: 'stream', parts: [two] },
    ],
    notices: [{ kind: 'drain' }],
    links: ['b:1'],
    drops: ['c:1'],
  })
  t.same(outbox.drain(), { sends: [], notices: [], links: undefined, drops: [] })
})

t.test('what is sent is counted by class, and stays counted', async (t) => {
  const outbox = new Outbox()
  outbox.send('liveness', 'a:1', 'datagram', [new Uint8Array(10)])
  outbox.drain()
  outbox.send('liveness', 'a:1', 'stream', [new Uint8Array(5)])
  t.same(outbox.sent, {
    news: { messages: 0, bytes: 0 },
    repair: { messages: 0, bytes: 0 },
    liveness: { messages: 2, bytes: 15 },
  })
})
