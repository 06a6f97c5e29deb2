import t from 'tap'
import { encodeHead, encodeNote, kinds, messageParts } from '../../lib/netcluster/packet.js'
import { Hand, on, serve, until } from './fixtures/channels.js'

const empty = Buffer.of(0xc0)

function message(channel: string, event: string): Uint8Array {
  return Buffer.concat([encodeHead(channel, event, false), empty])
}

t.test('who does not speak as agents do is cut off, and the others go on', async t => {
  const server = await serve(t, { A: {} })
  const [one, two] = [await on(t, server, 'A'), await on(t, server, 'A')]
  const garbage: [string, (hand: Hand) => unknown][] = [
    ['no frames', hand => hand.socket.write('GET / HTTP/1.1\r\n\r\n')],
    ['no hello', hand => hand.say(message('A', 'log'))],
    ['another protocol', hand => hand.say(encodeNote(kinds.hello, { protocol: 2, channel: 'A' }))],
    ['another channel', hand => hand.say(encodeNote(kinds.hello, { protocol: 1, channel: 'B' }))],
    ['a frame too large', hand => hand.socket.write(Buffer.from('bfffffff', 'hex'))],
    ['a message of another channel', async hand => (await hand.hello('A')).say(message('B', 'log'))],
    ['no message', async hand => (await hand.hello('A')).say(Buffer.of(kinds.message, 9, 9, 9))],
    ['what only servers say', async hand => (await hand.hello('A')).say(encodeNote(kinds.welcome, {}))],
  ]
  for (const [what, act] of garbage) {
    const hand = new Hand(t, server, 'A')
    await act(hand)
    await hand.closed
    t.pass(what)
  }
  one.agent.emit('end')
  t.strictSame(await two.before('end'), [])
})

t.test('a message in pieces and many in one piece are the same', async t => {
  const server = await serve(t, { A: {} })
  const two = await on(t, server, 'A')
  const hand = await new Hand(t, server, 'A').hello('A')
  const bytes = Buffer.concat([message('A', 'one'), message('A', 'two')].flatMap(frame => {
    const word = Buffer.alloc(4)
    word.writeUInt32BE(frame.length)
    return [word, frame]
  }))
  for (const byte of bytes) {
    hand.socket.write(Buffer.of(byte))
    await new Promise(resolve => setImmediate(resolve))
  }
  t.strictSame(await two.before('two'), ['A:one'])
  hand.say(message('A', 'three'), message('A', 'four'))
  t.strictSame(await two.before('four'), ['A:one', 'A:two', 'A:three'])
  const settled = () => hand.frames.filter(frame => frame[0] === kinds.settled).map(frame => frame[4]!)
  await until('all are settled', () => settled().reduce((sum, count) => sum + count, 0) === 4)
})

t.test('one that takes nothing holds nobody up for long, and is told what it missed', { timeout: 50_000 }, async t => {
  const server = await serve(t, { A: {} })
  const [one, two] = [await on(t, server, 'A'), await on(t, server, 'A')]
  const deaf = await new Hand(t, server, 'A').hello('A')
  deaf.socket.pause()
  const count = 300
  for (let i = 0; i < count; i++) {
    if (one.agent.emit('n', Buffer.alloc(100_000))) continue
    await new Promise<void>(resolve => one.agent.events.once('drain', resolve))
  }
  one.agent.emit('end')
  t.equal((await two.before('end')).length, count, '30 MB went to the one that listens')
  deaf.socket.resume()
  const missed = () => deaf.frames.filter(frame => frame[0] === kinds.missed)
  await until('told', () => missed().length > 0)
  one.agent.emit('after')
  const isAfter = (frame: Uint8Array) => messageParts(frame) !== undefined && frame.length < 100
  await until('after', () => deaf.frames.some(isAfter))
  const heard = deaf.frames.filter(frame => frame[0] === kinds.message).length
  const left = missed().reduce((sum, frame) => sum + Buffer.from(frame).readUInt32BE(1), 0)
  t.equal(heard + left, count + 2, `heard ${heard}, missed ${left}`)
  t.ok(left > 0)
  t.ok(heard * 100_000 >= 16 * 1024 * 1024)
})
