import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import t, { type Test } from 'tap'
import { Telepathine, TelepathineError, type TelepathineOptions } from '../lib/index.js'
import { MemoryTransport, World } from './fixtures/world.js'

type Pair = [Telepathine, Telepathine]

async function pair(seed = 1, options: TelepathineOptions = {}) {
  const world = new World(seed)
  const [a, b] = (await world.cluster(2, options)) as Pair
  return { world, a, b }
}

t.test('a port that is none, a malformed seed, an unknown option: refused at once, and named', async (t) => {
  for (const port of [-1, 65_536, 1.5, NaN, '9000', null, undefined]) {
    t.throws(() => new Telepathine(port as number), { code: 'ERR_PORT' }, String(port))
  }
  for (const seed of [':', '127.0.0.1:', 'nonsense', '1.2.3.4:99999', '', 5]) {
    t.throws(() => new Telepathine(0, [seed as string]), { code: 'ERR_ADDRESS' }, String(seed))
  }
  t.throws(() => new Telepathine(0, ':9000' as unknown as string[]), { code: 'ERR_ADDRESS', message: /":9000" given/ })
  t.throws(() => new Telepathine(0, [], { gossip: 1 } as TelepathineOptions), { code: 'ERR_OPTION', message: /gossip/ })
  t.throws(() => new Telepathine(0, ['127.0.0.1:']), TelepathineError)
})

t.test('has a name before and after it starts', async (t) => {
  const world = new World()
  t.match(world.peer(9_000), { name: '127.0.0.1:9000', peer_name: '127.0.0.1:9000', address: '127.0.0.1', port: 9_000 })
  t.equal(world.peer(9_000, [], { address: '::1' }).name, '[::1]:9000')
  const any = world.peer(0).start()
  await world.settle(any.ready())
  t.match(any.name, /^127\.0\.0\.1:[1-9]\d+$/)
  t.equal(any.name, `127.0.0.1:${any.port}`)
  await world.stop()
})

t.test('start calls back, then emits start, then is ready; each with the peer', async (t) => {
  const world = new World()
  const order: unknown[] = []
  const peer = world.peer(9_000)
  const ready = peer.ready().then((self) => order.push('ready', self === peer))
  peer.on('start', function (self) {
    order.push('start', this === peer && self === peer)
  })
  t.equal(peer.start(function (self) {
    order.push('callback', this === peer && self === peer)
  }), peer)
  await world.settle(ready)
  t.strictSame(order, ['callback', true, 'start', true, 'ready', true])
  peer.start(() => order.push('already'))
  await world.run(1)
  t.strictSame(order.slice(6), ['already'], 'who starts a running peer is called back, and nothing else happens')
  await world.stop()
})

t.test('what one sets the other knows: every event, its arguments, this and this.event', async (t) => {
  const { world, a, b } = await pair()
  const heard: unknown[] = []
  const expiresAt = world.clock.wall() + 200
  /** Time to live travels as time left, so what the other sees may be later by what the way took. */
  const onTime = (at: unknown): unknown => (Math.abs(Number(at) - expiresAt) <= 5 ? expiresAt : at)
  b.on('set', function (...args) {
    heard.push([this === b && this.event, ...args.map(onTime)])
  })
  b.on('set:k:*', function (this: Telepathine, ...args: unknown[]) {
    heard.push([this.event, ...args.map(onTime)])
  })
  b.know('k:v', function (peer, value, key, until) {
    heard.push([this === b && this.event, peer, value, key, onTime(until), this.getRemote(peer, key)])
  })
  b.on('delete', (...args) => heard.push(['delete', ...args]))
  b.on('key:expired', (...args) => heard.push(['expired', ...args.map(onTime)]))
  a.on('key:expired', (...args) => heard.push(['own expired', ...args.map(onTime)]))
  a.onAny((name) => {
    if (name !== 'key:expired') heard.push(`a: ${String(name)}`)
  })
  t.equal(a.set('k:v', { deep: [1] }, expiresAt), true)
  await world.run(100)
  t.strictSame(heard.splice(0), [
    ['k:v', a.name, { deep: [1] }, 'k:v', expiresAt, { deep: [1] }],
    ['set', a.name, 'k:v', { deep: [1] }, expiresAt],
    ['set:k:v', a.name, { deep: [1] }, expiresAt],
  ])
  t.strictSame(a.get('k:v'), { deep: [1] })
  t.strictSame(b.getRemote(a.name, 'k:v'), { deep: [1] })
  t.strictSame([...b.entries(a.name)], [['k:v', { deep: [1] }]])
  t.strictSame([...a.entries()], [...b.entries(a.name)])
  t.equal(b.get('k:v'), undefined, 'own key spaces are apart')
  await world.run(200)
  t.strictSame(heard.splice(0).sort(), [
    ['expired', a.name, 'k:v', { deep: [1] }, expiresAt],
    ['own expired', a.name, 'k:v', { deep: [1] }, expiresAt],
  ])
  t.strictSame([a.get('k:v'), a.keys(), b.getRemoteKeys(a.name)], [undefined, [], []])

  a.set('gone', 1)
  await world.run(100)
  heard.length = 0
  t.strictSame([a.delete('gone'), a.delete('gone')], [true, false])
  await world.run(100)
  t.strictSame(heard, [['delete', a.name, 'gone']])
  t.equal(b.getRemote(a.name, 'gone'), undefined)
  await world.stop()
})

t.test('what is said is heard once, in order, by all others, also by those who join in time', async (t) => {
  const { world, a, b } = await pair()
  const heard: unknown[] = []
  b.hear('news:*', function (data, from) {
    heard.push([this === b && this.event, data, from === a.name])
  })
  b.hearOnce('news:*', (data) => heard.push(`once ${String(data)}`))
  b.on('say:news:*', function (this: Telepathine, data: unknown, from: unknown) {
    heard.push([this.event, data, from === a.name])
  })
  a.hear('**', () => heard.push('own'))
  a.say('news:x', 1)
  a.say('news:y')
  a.say('short', 'late?', 100)
  await world.run(500)
  t.strictSame(heard.splice(0), [
    ['news:x', 1, true], 'once 1', ['say:news:x', 1, true],
    ['news:y', undefined, true], ['say:news:y', undefined, true],
  ])
  const late = world.peer(0, [a.name])
  late.hear('**', function (data) {
    heard.push([this.event, data])
  })
  late.start()
  await world.run(2_000)
  t.strictSame(heard, [['news:x', 1], ['news:y', undefined]])
  await world.stop()
})

const hostile = [
  '*', '**', '__proto__', 'constructor', 'toString', '_listeners', 'a::b', ':', 'prototype', 'hasOwnProperty',
]

t.test('hostile names are keys and events like any other: each heard once, and nothing else set off', async (t) => {
  const { world, a, b } = await pair()
  const known: string[] = []
  const heard: string[] = []
  const plain: string[] = []
  b.know('**', function (_peer, value, key) {
    t.equal(this.event, key)
    t.equal(value, `value of ${key}`)
    known.push(key)
  })
  b.hear('**', function () {
    heard.push(this.event)
  })
  b.on('set', (_peer, key) => plain.push(key))
  for (const name of ['other', 'b', 'set', 'say']) {
    b.know(name, () => t.fail(name))
    b.hear(name, () => t.fail(name))
    b.on(`set:${name}`, () => t.fail(name))
    b.on(`say:${name}`, () => t.fail(name))
  }
  for (const name of hostile) {
    a.set(name, `value of ${name}`)
    a.say(name, name)
  }
  await world.run(200)
  t.strictSame(known, hostile)
  t.strictSame(heard, hostile)
  t.strictSame(plain, hostile)
  t.strictSame(b.getRemoteKeys(a.name).sort(), [...hostile].sort())
  t.strictSame(Object.keys(Object.prototype), [])

  let exact = 0
  for (const name of ['__proto__', 'constructor', '_listeners', 'a::b', ':']) {
    b.know(name, () => exact++)
    a.set(name, `value of ${name}`)
  }
  await world.run(200)
  t.equal(exact, 5)
  await world.stop()
})

t.test('handlers can be taken off, once each, and while they are called', async (t) => {
  const { world, a, b } = await pair()
  const calls: string[] = []
  const off = b.know('k', () => calls.push('known'))
  const offSelf: () => void = b.know('k', () => {
    calls.push('self')
    offSelf()
  })
  const offHear = b.hear('e', () => calls.push('heard'))
  const offOnce = b.hearOnce('e', () => calls.push('once'))
  offOnce()
  a.set('k', 1)
  a.say('e')
  await world.run(50)
  t.strictSame(calls.splice(0), ['known', 'self', 'heard'])
  off()
  off()
  offHear()
  a.set('k', 2)
  a.say('e')
  await world.run(50)
  t.strictSame(calls, [])
  await world.stop()
})

t.test('a handler that throws or rejects stops neither the peer nor others; its error goes to error', async (t) => {
  const { world, a, b } = await pair()
  const errors: string[] = []
  const calls: string[] = []
  b.know('k', () => {
    throw new Error('know')
  })
  b.know('k', async () => Promise.reject(new Error('async')))
  b.on('set', () => {
    throw new Error('on')
  })
  b.know('k', () => calls.push('known'))
  b.on('set:k', () => calls.push('set:k'))
  a.set('k', 1)
  await world.run(50)
  t.strictSame(calls, ['known', 'set:k'], 'also without a listener of error')
  b.on('error', (error) => errors.push(error.message))
  a.set('k', 2)
  await world.run(50)
  t.strictSame(errors.sort(), ['async', 'know', 'on'])
  t.strictSame(b.livePeers(), [a.name])
  await world.stop()
})

t.test('peers come and go: new, start, stop with its reason, all is live and dead', async (t) => {
  const world = new World()
  const events: unknown[] = []
  const a = world.peer(9_000).start()
  await world.settle(a.ready())
  a.on('peer:new', (info) => events.push(['new', info]))
  a.on('peer:start', (name) => events.push(['start', name]))
  a.on('peer:stop', (name, reason) => events.push(['stop', name, reason]))
  a.on('peer:forgotten', (name) => events.push(['forgotten', name]))
  const b = world.peer(9_001, [':9000'], { metadata: { role: 'b' } }).start()
  await world.until(() => a.livePeers().length === 1)
  const incarnation = world.wallOffset + world.now
  t.match(events.splice(0), [
    ['new', { name: b.name, address: '127.0.0.1', port: 9_001, metadata: { role: 'b' } }],
    ['start', b.name],
  ])
  t.strictSame([a.allPeers(), a.livePeers(), a.deadPeers()], [[b.name], [b.name], []])
  const stopping = b.stop()
  await world.run(30)
  t.strictSame(events.splice(0), [['stop', b.name, 'left']])
  t.strictSame([a.allPeers(), a.livePeers(), a.deadPeers()], [[b.name], [], [b.name]])
  await world.settle(stopping)

  const again = world.peer(9_001, [':9000']).start()
  await world.until(() => a.livePeers().length === 1)
  t.match(events.splice(0), [['new', { name: b.name, metadata: undefined }], ['start', b.name]])
  t.ok(world.wallOffset + world.now >= incarnation)
  world.transports.get(again.name)?.crash()
  await world.until(() => a.deadPeers().length === 1, 20_000)
  t.strictSame(events.splice(0), [['stop', b.name, 'failed']])
  await world.run(16 * 60_000)
  t.strictSame(events, [['forgotten', b.name]])
  t.strictSame([a.allPeers(), a.getRemoteKeys(b.name)], [[], []])
  await world.stop()
})

t.test('a new incarnation starts empty: none of the old keys remain', async (t) => {
  const world = new World()
  const a = world.peer(9_000).start()
  const b = world.peer(9_001, [':9000']).start()
  b.set('old', 1)
  await world.until(() => a.getRemote(b.name, 'old') === 1)
  await world.settle(b.stop())
  const reborn = world.peer(9_001, [':9000']).start()
  reborn.set('new', 2)
  await world.until(() => a.getRemote(b.name, 'new') === 2)
  t.strictSame(a.getRemoteKeys(b.name), ['new'])
  await world.stop()
})

t.test('an unknown peer has nothing; oneself is no other peer', async (t) => {
  const { world, a } = await pair()
  a.set('k', 1)
  t.strictSame([a.getRemote('1.2.3.4:5', 'k'), a.getRemoteKeys('x'), [...a.entries('x')]], [undefined, [], []])
  t.strictSame([a.getRemote(a.name, 'k'), a.getRemoteKeys(a.name)], [1, ['k']])
  t.notOk(a.allPeers().includes(a.name))
  await world.stop()
})

t.test('addPeer joins a stranger; not oneself, not one who is known, not what is no address', async (t) => {
  const world = new World()
  const a = world.peer(9_000).start()
  const b = world.peer(9_001).start()
  await world.settle(Promise.all([a.ready(), b.ready()]))
  t.strictSame([a.addPeer(':9000'), a.addPeer('localhost:9000'), a.addPeer(a.name)], [false, false, false])
  t.equal(a.addPeer(':9001'), true)
  await world.until(() => b.livePeers().length === 1)
  t.equal(a.addPeer(':9001'), false)
  t.throws(() => a.addPeer(':'), { code: 'ERR_ADDRESS' })
  await world.stop()
})

t.test('a seed that does not answer is tried until it does', async (t) => {
  const world = new World()
  const a = world.peer(9_000, [':9000', ':9001']).start()
  await world.run(60_000)
  t.strictSame(a.livePeers(), [])
  world.peer(9_001).start()
  await world.until(() => a.livePeers().length === 1, 5_000)
  await world.stop()
})

t.test('keys, values and times that are none are refused with a code, and change nothing', async (t) => {
  const { world, a, b } = await pair(1, { maxKeyBytes: 16, maxValueBytes: 100 })
  const refused: [() => unknown, string][] = [
    [() => a.set('', 1), 'ERR_KEY'],
    [() => a.set(5 as unknown as string, 1), 'ERR_KEY'],
    [() => a.delete(undefined as unknown as string), 'ERR_KEY'],
    [() => a.say('', 1), 'ERR_KEY'],
    [() => a.know('', () => 1), 'ERR_KEY'],
    [() => a.set('é'.repeat(9), 1), 'ERR_TOO_LARGE'],
    [() => a.say('x'.repeat(17), 1), 'ERR_TOO_LARGE'],
    [() => a.set('k', 'x'.repeat(99)), 'ERR_TOO_LARGE'],
    [() => a.say('e', 'x'.repeat(99)), 'ERR_TOO_LARGE'],
    [() => a.set('k', () => 1), 'ERR_VALUE'],
    [() => a.say('e', Symbol('s')), 'ERR_VALUE'],
    [() => a.set('k', 1, NaN), 'ERR_VALUE'],
    [() => a.set('k', 1, 'soon' as unknown as number), 'ERR_VALUE'],
    [() => a.say('e', 1, NaN), 'ERR_OPTION'],
    [() => a.say('e', 1, -1), 'ERR_OPTION'],
    [() => a.after(NaN, () => 1), 'ERR_OPTION'],
    [() => a.every(2 ** 31, () => 1), 'ERR_OPTION'],
    [() => a.hear('e', undefined as unknown as () => void), 'ERR_OPTION'],
    [() => a.start('now' as unknown as () => void), 'ERR_OPTION'],
    [() => a.watch('k', { buffer: 0 }), 'ERR_OPTION'],
  ]
  for (const [call, code] of refused) t.throws(call, { code }, String(call))
  t.equal(a.set('é'.repeat(8), 'x'.repeat(98)), true, 'what just fits is taken')
  a.set('forever', 1, Infinity)
  a.set('over', 1, world.clock.wall() - 1)
  await world.run(100)
  t.strictSame(a.keys().sort(), ['forever', 'é'.repeat(8)])
  t.strictSame(b.getRemoteKeys(a.name).sort(), ['forever', 'é'.repeat(8)])
  await world.stop()
})

t.test('above the send budget set and say return false, and drain follows; at the bound they throw', async (t) => {
  const { world, a, b } = await pair()
  let drains = 0
  let heard = 0
  a.on('drain', () => drains++)
  b.hear('bulk', () => heard++)
  const data = Buffer.alloc(256 << 10)
  let said = 0
  while (a.say('bulk', data)) said++
  said++
  t.ok(said > 1 && said < 40, `${said} before it was too much`)
  t.throws(() => {
    for (; said < 1_000; said++) a.set(`k${said}`, data)
  }, { code: /ERR_OVERLOAD|ERR_TOO_LARGE/ })
  await world.until(() => drains > 0, 60_000)
  t.equal(a.say('small', 1), true)
  await world.run(1_000)
  t.ok(heard > 1)
  await world.stop()
})

t.test('after and every run with the peer as this, from the start on, until it stops', async (t) => {
  const world = new World()
  const calls: string[] = []
  const peer = world.peer(9_000)
    .after(100, function () {
      calls.push(`after ${this.peer_name}`)
    })
    .every(40, () => calls.push('every'))
  await world.run(500)
  t.strictSame(calls, [])
  peer.start()
  await world.run(110)
  t.strictSame(calls.splice(0), ['every', 'every', 'after 127.0.0.1:9000'])
  await world.settle(peer.stop())
  await world.run(500)
  t.strictSame(calls.splice(0), [])
  peer.start()
  await world.run(110)
  t.strictSame(calls, ['every', 'every'], 'what was done once is done')
  await world.stop()
})

t.test('watch and listen iterate over what comes in, and end with an abort or the peer', async (t) => {
  const { world, a, b } = await pair()
  const controller = new AbortController()
  const watching = b.watch('k:*', { signal: controller.signal })
  const listening = b.listen('**')
  a.set('k:1', 'v', world.clock.wall() + 10_000)
  a.set('other', 1)
  a.say('e:f', [1])
  await world.run(50)
  t.match(await watching.next(), { done: false, value: { peer: a.name, key: 'k:1', value: 'v', expiresAt: Number } })
  t.strictSame((await listening.next()).value, { event: 'e:f', data: [1], from: a.name })
  const waiting = watching.next()
  controller.abort()
  t.equal((await waiting).done, true)
  const seen: unknown[] = []
  const loop = (async () => {
    for await (const { event } of listening) seen.push(event)
  })()
  a.say('last')
  await world.run(50)
  await world.settle(b.stop())
  await world.settle(loop)
  t.strictSame(seen, ['last'])
  await world.stop()
})

t.test('stop ends everything; start takes it up again with its keys and handlers, not doubled', async (t) => {
  const { world, a, b } = await pair()
  const events: string[] = []
  const heard: unknown[] = []
  b.on('start', () => events.push('start'))
  b.on('stop', (peer) => events.push(`stop ${String(peer === b)}`))
  b.hear('e', (data) => heard.push(data))
  b.set('mine', 1)
  await world.run(50)
  const first = b.stop()
  t.equal(b.stop(), first, 'stopping twice is stopping once')
  await world.settle(first)
  await world.settle(b.stop())
  t.strictSame(events.splice(0), ['stop true'])
  t.strictSame([b.get('mine'), b.keys(), b.livePeers()], [1, ['mine'], []])
  for (const call of [() => b.set('k', 1), () => b.delete('mine'), () => b.say('e')]) {
    t.throws(call, { code: 'ERR_STOPPED' })
  }
  await t.rejects(b.ready(), { code: 'ERR_STOPPED' })

  const name = b.name
  b.start()
  await world.settle(b.ready())
  t.equal(b.name, name)
  await world.until(() => a.getRemote(b.name, 'mine') === 1)
  a.say('e', 'again')
  await world.run(50)
  t.strictSame(heard, ['again'])
  t.strictSame(events, ['start'])
  await world.stop()
})

t.test('stop while starting, start while stopping, stop of what never started', async (t) => {
  const world = new World()
  const peer = world.peer(9_000)
  const events: string[] = []
  peer.on('start', () => events.push('start'))
  peer.on('stop', () => events.push('stop'))
  await peer.stop()

  peer.start()
  const ready = peer.ready()
  const stopped = peer.stop()
  await t.rejects(ready, { code: 'ERR_STOPPED' })
  await world.settle(stopped)
  t.equal(world.transports.size, 0, 'nothing is left open')

  peer.start()
  const second = peer.stop()
  peer.start()
  await world.settle(peer.ready())
  await second
  t.strictSame(events, ['start'])
  t.equal(peer.set('k', 1), true)

  const third = peer.stop()
  peer.start()
  await world.settle(peer.ready())
  await third
  t.strictSame(events, ['start', 'stop', 'start'])
  await world.stop()
  t.equal(world.transports.size, 0)
})

t.test('a handler may stop the peer: nothing more is heard, and all hear its last words', async (t) => {
  const { world, a, b } = await pair()
  const heard: unknown[] = []
  a.hear('bye', (data) => heard.push(data))
  b.hear('quit', (data) => {
    heard.push(data)
    b.say('bye', 'words')
    void b.stop()
  })
  a.say('quit', 1)
  a.say('quit', 2)
  await world.run(200)
  t.strictSame(heard, [1, 'words'])
  t.strictSame(a.deadPeers(), [b.name])
  await world.stop()
})

t.test('what is set and said before the start is known and heard after it', async (t) => {
  const world = new World()
  const a = world.peer(9_000)
  a.set('early', 1)
  a.set('deleted', 1)
  a.delete('deleted')
  a.say('word', 'early')
  t.equal(a.get('early'), 1)
  const b = world.peer(9_001, [':9000'])
  const heard: unknown[] = []
  b.hear('word', (data) => heard.push(data))
  a.start()
  b.start()
  await world.until(() => b.getRemote('127.0.0.1:9000', 'early') === 1)
  await world.run(100)
  t.strictSame(heard, ['early'])
  t.strictSame(b.getRemoteKeys(a.name), ['early'])
  await world.stop()
})

t.test('garbage from the network is reported and does no harm', async (t) => {
  const { world, a, b } = await pair()
  const rejected: unknown[] = []
  b.on('peer:rejected', (rejection) => rejected.push(rejection))
  const transport = world.transports.get(b.name) as MemoryTransport
  transport.inject(Uint8Array.of(1, 2, 3), '9.9.9.9:9')
  t.match(rejected, [{ address: '9.9.9.9:9', reason: String }])
  a.set('k', 1)
  await world.run(50)
  t.equal(b.getRemote(a.name, 'k'), 1)
  await world.stop()
})

t.test('peers of different clusters never mix', async (t) => {
  const world = new World()
  const a = world.peer(9_000, [], { cluster: 'red' }).start()
  const rejected: string[] = []
  a.on('peer:rejected', ({ reason }) => rejected.push(reason))
  const b = world.peer(9_001, [':9000'], { cluster: 'blue' }).start()
  await world.run(5_000)
  t.strictSame([a.allPeers(), b.allPeers()], [[], []])
  t.ok(rejected.length > 0)
  await world.stop()
})

t.test('heartbeats show as values when asked for', async (t) => {
  const { world, b } = await pair(1, { emitValueOnHeartBeat: true })
  const beats: unknown[] = []
  b.know('__heartbeat__', (_peer, value) => beats.push(value))
  await world.run(1_600)
  t.ok(beats.length >= 3 && beats.length <= 4, String(beats))
  await world.stop()
})

// From here on: real sockets on loopback.

function peerOn(t: Test, port = 0, seeds: string[] = [], options: TelepathineOptions = {}): Telepathine {
  const peer = new Telepathine(port, seeds, options)
  t.teardown(() => peer.stop())
  return peer
}

async function until(isSo: () => boolean): Promise<void> {
  for (const end = performance.now() + 10_000; !isSo();) {
    if (performance.now() > end) throw new Error(`not so after 10 s: ${String(isSo)}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

t.test('three peers on real sockets know, hear and say goodbye', async (t) => {
  const a = peerOn(t).start()
  await a.ready()
  const b = peerOn(t, 0, [`:${a.port}`]).start()
  const c = peerOn(t, 0, [`localhost:${a.port}`], { udp: false }).start()
  await until(() => [a, b, c].every((peer) => peer.livePeers().length === 2))
  const heard: unknown[] = []
  c.hear('hello:*', function (data, from) {
    heard.push([this.event, data, from])
  })
  const stops: unknown[] = []
  a.on('peer:stop', (...args) => stops.push(args))
  const large = 'x'.repeat(1_000_000)
  b.set('small', { map: new Map([['k', 1n]]), bytes: Buffer.from('b') })
  b.set('large', large)
  b.say('hello:all', large)
  await until(() => heard.length > 0 && c.getRemoteKeys(b.name).length === 2 && a.getRemoteKeys(b.name).length === 2)
  t.strictSame(heard, [['hello:all', large, b.name]])
  t.equal(c.getRemote(b.name, 'large'), large)
  t.strictSame(a.getRemote(b.name, 'small'), { map: new Map([['k', 1n]]), bytes: Buffer.from('b') })
  await b.stop()
  await until(() => stops.length > 0)
  t.strictSame(stops, [[b.name, 'left']])
})

t.test('IPv6', async (t) => {
  const a = peerOn(t, 0, [], { address: '::1' }).start()
  await a.ready()
  t.equal(a.name, `[::1]:${a.port}`)
  const b = peerOn(t, 0, [a.name], { address: '::1' }).start()
  await until(() => a.livePeers().includes(b.name) && b.livePeers().includes(a.name))
})

t.test('a port in use, TCP or UDP: error or ready() is enough to handle it, and start works later', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const byReady = peerOn(t, port).start()
  await t.rejects(byReady.ready(), { code: 'EADDRINUSE' })
  const byError = peerOn(t, port)
  const [error] = (await byError.start().waitFor('error')) as [NodeJS.ErrnoException]
  t.equal(error.code, 'EADDRINUSE')
  // an unhandled rejection would end the test here
  await new Promise((resolve) => setImmediate(resolve))
  server.close()
  await once(server, 'close')

  const socket = createSocket('udp4').bind(port, '127.0.0.1')
  await once(socket, 'listening')
  await t.rejects(byReady.start().ready(), { code: 'EADDRINUSE' })
  socket.close()
  await once(socket, 'close')
  t.equal(await byReady.start().ready(), byReady)
})

t.test('garbage on the ports is reported, and the peer goes on', async (t) => {
  const a = peerOn(t).start()
  await a.ready()
  const rejected: string[] = []
  a.on('peer:rejected', ({ reason }) => rejected.push(reason))
  const udp = createSocket('udp4')
  udp.send(Buffer.from('garbage'), a.port, '127.0.0.1')
  const tcp = connect(a.port, '127.0.0.1')
  tcp.on('error', () => undefined)
  tcp.write(Buffer.alloc(100, 7))
  await once(tcp, 'close')
  await until(() => rejected.length >= 2)
  udp.close()
  const b = peerOn(t, 0, [a.name]).start()
  await until(() => a.livePeers().includes(b.name))
})

t.test('after stop no socket is left: the ports can be taken at once', async (t) => {
  const a = peerOn(t).start()
  await a.ready()
  const { port } = a
  await a.stop()
  const server = createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  server.close()
  const socket = createSocket('udp4').bind(port, '127.0.0.1')
  await once(socket, 'listening')
  socket.close()
})

t.test('a snapshot brings a peer back among those it knew, with a higher incarnation', async (t) => {
  const snapshot = `${t.testdir()}/peer.json`
  const a = peerOn(t).start()
  await a.ready()
  const b = peerOn(t, 0, [a.name], { snapshot }).start()
  const incarnations: number[] = []
  a.on('peer:new', ({ incarnation }) => incarnations.push(incarnation))
  await until(() => a.livePeers().length === 1)
  await b.stop()
  t.match(JSON.parse(readFileSync(snapshot, 'utf8')), { peers: [a.name], incarnation: incarnations[0] as number })
  const again = peerOn(t, b.port, [], { snapshot }).start()
  await until(() => incarnations.length === 2)
  t.ok((incarnations[1] as number) > (incarnations[0] as number))
  await again.stop()
})

t.test('await using stops the peer', async (t) => {
  let peer: Telepathine
  {
    await using inner = new Telepathine(0).start()
    peer = await inner.ready()
  }
  t.throws(() => peer.set('k', 1), { code: 'ERR_STOPPED' })
})
