import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { connect, createServer, type Server, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { seededRandom } from '../../lib/gossip/random.js'
import { Certificates } from '../../lib/net/certificates.js'
import { encodeHello } from '../../lib/net/hello.js'
import { KeyDoor } from '../../lib/net/keydoor.js'
import { Keyring } from '../../lib/net/keyring.js'
import type { SocketLimits } from '../../lib/net/limits.js'
import { sealBytes } from '../../lib/net/seal.js'
import { SocketTransport } from '../../lib/net/sockets.js'
import type { OpenOptions, TransportHandlers } from '../../lib/net/transport.js'
import { transportContract } from '../contract/transport.js'
import { certificatesOf } from '../fixtures/tls.js'
import { localOptions, message, Station } from './fixtures/station.js'

await transportContract(() => new SocketTransport())

const keyed = {
  open: () => ({ security: new Keyring(['a key that nobody knows'], 'test') }),
  datagramOverheadBytes: sealBytes,
}
const certified = {
  open: () => ({ security: new Certificates(certificatesOf('one'), '127.0.0.1'), udp: false }),
  datagramOverheadBytes: undefined,
}
await t.test('with a network key', (t) => transportContract(() => new SocketTransport(), keyed, t))
await t.test('with certificates', (t) => transportContract(() => new SocketTransport(), certified, t))

const stationOf = async (t: Test, options: Partial<OpenOptions> = {}, limits: Partial<SocketLimits> = {}) => {
  const station = await new Station(new SocketTransport(limits)).open(options)
  t.teardown(() => station.transport.close(0))
  return station
}

type Serve = (socket: Socket) => void

const listening = async (t: Test, serve: Serve = () => {}): Promise<{ server: Server; port: number }> => {
  const server = createServer(serve).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return { server, port: (server.address() as { port: number }).port }
}

/** A connection made by hand, which says what it is given and keeps what it hears. */
const intruder = async (t: Test, port: number, says: Uint8Array | string): Promise<Socket> => {
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.on('error', () => {}).resume()
  await once(socket, 'connect')
  socket.write(says)
  return socket
}

/** A frame that says so. */
const hi = Buffer.from([0, 0, 0, 2, 104, 105])

const nothing = (): void => undefined
const ignoring: TransportHandlers = {
  datagram: nothing, frame: nothing, linkUp: nothing, linkDown: nothing, drained: nothing, rejected: nothing,
  error: nothing,
}

const hello = { instance: '00112233445566ff', serial: 1, cluster: 'test', name: '127.0.0.1:1' }

t.test('a peer gets in under no name but those in its certificate, at either end', async (t) => {
  const one = await stationOf(t, certified.open())
  const two = new Certificates(certificatesOf('two'), '127.0.0.2')
  const impostor = await stationOf(t, { security: two, udp: false })
  impostor.transport.sendFrame(one.name, message('hello, I am your neighbour'))
  t.match(await one.until('rejected'), { reason: `its certificate is not valid for the name ${impostor.name}` })
  one.transport.sendFrame(impostor.name, message('hello, are you my neighbour?'))
  t.match(await one.until('linkDown'), { peer: impostor.name, how: 'unreachable' })
  t.strictSame([...one.all('frame'), ...one.all('linkUp'), ...impostor.all('frame')], [])
})

t.test('when keys are replaced, connections by the former one make way, and no frame is lost', async (t) => {
  const rings = [new Keyring(['the former key', 'the later key'], 'test'), new Keyring(['the later key'], 'test')]
  const [a, b] = [await stationOf(t, { security: rings[0] }), await stationOf(t, { security: rings[0] })]
  a.transport.keep([b.name])
  await b.until('linkUp')
  for (let i = 0; i < 100; i++) a.transport.sendFrame(b.name, message(`${i}`))
  rings[0]?.replace(['the later key'])
  for (const each of [a, b]) each.transport.renew()
  for (let i = 100; i < 200; i++) {
    a.transport.sendFrame(b.name, message(`${i}`))
    if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  await b.until('frame', ({ text }) => text === '199')
  t.strictSame(b.texts(), Array.from({ length: 200 }, (_, i) => `${i}`))
  t.strictSame(a.all('linkDown'), [], 'who keeps the link has not lost it')
  const c = await stationOf(t, { security: rings[1] })
  c.transport.sendFrame(b.name, message('from c'))
  await b.until('frame', ({ text }) => text === 'from c')
})

t.test('garbage inside TLS, from one who has the key, is counted, closed, and harmless', async (t) => {
  const security = new Keyring(['a key that nobody knows'], 'test')
  const a = await stationOf(t, { security })
  const whole = encodeHello({ ...hello, cluster: 'test' })
  const cases: Record<string, [Uint8Array | string, RegExp]> = {
    HTTP: ['GET / HTTP/1.1\r\n\r\n', /speaks HTTP/],
    noise: ['\u0000\u0001\u0002', /not a peer/],
    'a hello with a name that is none': [encodeHello({ ...hello, name: 'nobody' }), /malformed/],
    'another cluster': [encodeHello({ ...hello, cluster: 'other' }), /of cluster "other"/],
    'a frame of 4 GB': [Buffer.concat([whole, Buffer.alloc(4, 0xff)]), /chunk of/],
  }
  for (const [what, [says, reason]] of Object.entries(cases)) {
    const socket = new KeyDoor(security, 1_000).dial({ port: a.port, host: '127.0.0.1' })
    socket.on('error', () => undefined).resume()
    t.teardown(() => socket.destroy())
    await once(socket, 'secureConnect')
    socket.write(says)
    await once(socket, 'close')
    t.match(a.all('rejected').at(-1)?.reason, reason, what)
  }
  t.equal(a.all('frame').length, 0)
  const b = await stationOf(t, { security })
  b.transport.sendFrame(a.name, message('still there?'))
  await a.until('frame')
})

t.test('HTTP is handed on if somebody wants it, sealed or not, and closed with the rest', async (t) => {
  for (const security of [undefined, new Keyring(['a key that nobody knows'], 'test')]) {
    const server = createHttpServer((request, response) => response.end(`you asked for ${request.url}`))
    const transport = new SocketTransport()
    t.teardown(() => transport.close(0))
    const http = (socket: Socket, head: Uint8Array): void => {
      socket.unshift(head)
      server.emit('connection', socket)
      socket.resume()
    }
    const { port } = await transport.open({ ...localOptions, security }, { ...ignoring, http })
    const response = await fetch(`http://127.0.0.1:${port}/this`)
    t.equal(await response.text(), 'you asked for /this')
    await transport.close(0)
  }
})

t.test('one connection is left when both dial at once, and it is the same at both ends', async (t) => {
  for (let round = 0; round < 10; round++) {
    const a = await stationOf(t)
    const b = await stationOf(t)
    a.transport.keep([b.name])
    b.transport.keep([a.name])
    a.transport.sendFrame(b.name, message('a'))
    b.transport.sendFrame(a.name, message('b'))
    await Promise.all([a.until('frame'), b.until('frame')])
    // Whatever lost has been closed once an exchange over the other has gone to and fro a few times.
    for (let i = 0; i < 5; i++) {
      a.transport.sendFrame(b.name, message(`ping ${i}`))
      await b.until('frame', ({ text }) => text === `ping ${i}`)
      b.transport.sendFrame(a.name, message(`pong ${i}`))
      await a.until('frame', ({ text }) => text === `pong ${i}`)
    }
    t.equal(a.transport.connections, 1)
    t.equal(b.transport.connections, 1)
    t.equal(a.all('linkUp').length + b.all('linkUp').length, 2)
  }
})

t.test('whoever dials whom, when, by which address: one connection is left and each frame arrives once', async (t) => {
  const random = seededRandom(1)
  for (let round = 0; round < 40; round++) {
    const pair = [await stationOf(t), await stationOf(t)]
    const sent: string[][] = [[], []]
    for (let step = 0; step < 20; step++) {
      const side = random.below(2)
      const [from, to] = [pair[side]!, pair[1 - side]!]
      const address = [to.name, `:${to.port}`, `localhost:${to.port}`][random.below(3)]!
      const what = random.below(6)
      if (what === 0) from.transport.keep([to.name])
      else if (what === 1) await new Promise((resolve) => setImmediate(resolve))
      else {
        sent[1 - side]!.push(`${step}`)
        from.transport.sendFrame(address, message(`${step}`))
      }
    }
    for (const [i, each] of pair.entries()) {
      if (sent[i]!.length > 0) await each.until('frame', () => each.all('frame').length >= sent[i]!.length)
      while (each.transport.connections > 1) await new Promise((resolve) => setImmediate(resolve))
      t.strictSame(each.texts().sort(), sent[i]!.sort(), `round ${round}`)
    }
    t.strictSame(pair.flatMap((each) => each.all('linkDown')), [])
    t.equal(pair.flatMap((each) => each.all('linkUp')).length, 2)
    await Promise.all(pair.map((each) => each.transport.close(0)))
  }
})

t.test('a small frame does not wait for 20 MB that went before it', async (t) => {
  const a = await stationOf(t)
  const b = await stationOf(t)
  a.transport.sendFrame(b.name, [Buffer.alloc(20 << 20, 7)])
  a.transport.sendFrame(b.name, message('small'))
  await b.until('frame', ({ bytes }) => bytes.length === 20 << 20)
  t.equal(b.texts()[0], 'small')
  t.ok(b.all('frame')[1]?.bytes.every((byte) => byte === 7))
})

t.test('an address that turns out to be a known peer shares its link', async (t) => {
  const a = await stationOf(t)
  const b = await stationOf(t)
  a.transport.sendFrame(`:${b.port}`, message('by the short name'))
  t.match(await b.until('frame'), { from: a.name })
  t.match(await a.until('linkUp'), { peer: b.name })
  a.transport.sendFrame(b.name, message('by name'))
  a.transport.sendFrame(`localhost:${b.port}`, message('by host name'))
  await b.until('frame', ({ text }) => text === 'by name')
  await b.until('frame', ({ text }) => text === 'by host name')
  b.transport.sendFrame(a.name, message('back'))
  await a.until('frame', ({ text }) => text === 'back')
  t.equal(a.all('linkUp').length, 1)
  t.strictSame([...a.all('linkDown'), ...b.all('linkDown')], [])
  t.equal(a.transport.connections, 1)
})

t.test('host names are looked up for datagrams and frames', async (t) => {
  const a = await stationOf(t)
  const b = await stationOf(t)
  a.transport.sendDatagram(`localhost:${b.port}`, message('datagram'))
  a.transport.sendFrame(`localhost:${b.port}`, message('frame'))
  await b.until('datagram')
  await b.until('frame')
})

t.test('the address map decides what is dialled', async (t) => {
  const b = await stationOf(t, { address: '192.0.2.7' })
  const a = await stationOf(t, { addressMap: { '192.0.2.7': '127.0.0.1' } })
  t.equal(b.name, `192.0.2.7:${b.port}`)
  a.transport.sendDatagram(b.name, message('datagram'))
  a.transport.sendFrame(b.name, message('frame'))
  await b.until('datagram')
  await b.until('frame')
  t.match(await a.until('linkUp'), { peer: b.name })
})

t.test('dialling oneself is unreachable, under any name', async (t) => {
  const a = await stationOf(t)
  for (const name of [a.name, `:${a.port}`, `localhost:${a.port}`]) {
    a.transport.sendFrame(name, message('me'))
    await a.until('linkDown', ({ peer, how }) => peer === name && how === 'unreachable')
  }
  a.transport.keep([a.name])
  t.equal(a.all('frame').length, 0)
  t.equal(a.all('linkUp').length, 0)
})

t.test('a later connection of a peer replaces an earlier one; one that was begun before it does not', async (t) => {
  const a = await stationOf(t)
  const peer = { ...hello, name: '127.0.0.2:9' }
  const first = await intruder(t, a.port, encodeHello({ ...peer, serial: 5 }))
  await a.until('linkUp', ({ peer }) => peer === '127.0.0.2:9')
  const begunBefore = await intruder(t, a.port, Buffer.concat([encodeHello({ ...peer, serial: 4 }), hi]))
  await once(begunBefore, 'end')
  t.strictSame(a.texts(), ['hi'], 'what it brought is not lost')
  t.notOk(first.readableEnded)
  const later = await intruder(t, a.port, encodeHello({ ...peer, serial: 6 }))
  await once(first, 'end')
  t.equal(a.all('linkUp').length, 1, 'the link was up all the time')
  await intruder(t, a.port, encodeHello({ ...peer, instance: 'ffffffffffffffff', serial: 1 }))
  await once(later, 'close')
  t.equal(a.all('linkUp').length, 2, 'the peer is a new one')
  t.strictSame(a.all('linkDown'), [])
})

t.test('what listens but does not answer as a peer is unreachable', async (t) => {
  const a = await stationOf(t, {}, { helloMs: 20 })
  let dials = 0
  const answers: Record<string, (socket: Socket) => void> = {
    nothing: () => {},
    'the end': (socket) => void (dials++, socket.end()),
    'a reset': (socket) => void (dials++, socket.resetAndDestroy()),
    'another protocol': (socket) => socket.write('SSH-2.0-OpenSSH\r\n'),
    'our own bytes': (socket) => void socket.pipe(socket),
  }
  for (const [answer, serve] of Object.entries(answers)) {
    const { port } = await listening(t, (socket) => serve(socket.on('error', () => {})))
    a.transport.sendFrame(`:${port}`, message('hello?'))
    t.match(await a.until('linkDown', ({ peer }) => peer === `:${port}`), { how: 'unreachable' }, answer)
  }
  t.equal(dials, 4, 'a door that shuts is tried twice')
  t.equal(a.transport.traffic.rejected, 1)
  t.equal(a.transport.traffic.dropped, 5)
})

t.test('another cluster is rejected at both ends', async (t) => {
  const a = await stationOf(t)
  const b = await stationOf(t, { cluster: 'other' })
  a.transport.sendFrame(b.name, message('x'))
  await a.until('linkDown', ({ peer, how }) => peer === b.name && how === 'unreachable')
  t.match(await a.until('rejected'), { reason: 'of cluster "other", not "test"' })
  t.match(await b.until('rejected'), { reason: 'of cluster "test", not "other"' })
  t.equal(b.transport.traffic.rejected, 1)
  t.equal(b.all('frame').length, 0)
})

t.test('frames behind a hello that is turned away are not handed on', async (t) => {
  const a = await stationOf(t)
  const known = await intruder(t, a.port, encodeHello(hello))
  const [answer] = (await once(known, 'data')) as [Buffer]
  const instance = answer.toString('hex', 13, 21)
  for (const odd of [{ cluster: 'other' }, { name: a.name }, { instance }, { name: 'nobody' }]) {
    const socket = await intruder(t, a.port, Buffer.concat([encodeHello({ ...hello, ...odd }), hi]))
    await Promise.race([once(socket, 'end'), once(socket, 'close')])
  }
  t.equal(a.all('frame').length, 0)
  known.write(hi)
  t.match(await a.until('frame'), { text: 'hi', from: hello.name })
})

t.test('a kept link is dialled again until the peer is back', async (t) => {
  const a = await stationOf(t, {}, { retryMinMs: 5, retryMaxMs: 20 })
  const b = await stationOf(t)
  a.transport.keep([b.name])
  await a.until('linkUp')
  const began = performance.now()
  await b.transport.close(0)
  await a.until('linkDown', ({ how }) => how === 'refused')
  t.ok(performance.now() - began < 1_000, 'noticed at once')
  const back = await stationOf(t, { port: b.port })
  await back.until('linkUp', ({ peer }) => peer === a.name)
  a.transport.sendFrame(b.name, message('welcome back'))
  await back.until('frame')
})

t.test('a kept link that breaks while its peer lives comes back without linkDown', async (t) => {
  const a = await stationOf(t)
  const b = await stationOf(t)
  a.transport.keep([b.name])
  await b.until('linkUp')
  b.transport.drop(a.name)
  await b.until('linkUp', (told) => b.all('linkUp').indexOf(told) === 1)
  await a.until('linkUp', (told) => a.all('linkUp').indexOf(told) === 1)
  t.strictSame(a.all('linkDown'), [])
})

t.test('bulk that is under way when a kept link breaks starts anew on the next connection', async (t) => {
  const a = await stationOf(t)
  const b = await stationOf(t)
  a.transport.keep([b.name])
  a.transport.sendFrame(b.name, [Buffer.alloc(30 << 20, 7)])
  while (b.transport.traffic.frameBytesIn < 1 << 20) await new Promise((resolve) => setImmediate(resolve))
  t.ok(a.transport.backlog(b.name) > 1 << 20, 'it is under way')
  b.transport.drop(a.name)
  const { bytes } = await b.until('frame')
  t.equal(bytes.length, 30 << 20)
  t.ok(bytes.every((byte) => byte === 7))
  t.equal(a.transport.backlog(b.name), 0)
})

t.test('a link that nobody keeps closes when idle, a kept one does not', async (t) => {
  const limits = { idleMs: 40, sweepMs: 10 }
  const a = await stationOf(t, {}, limits)
  const b = await stationOf(t, {}, limits)
  const c = await stationOf(t, {}, limits)
  a.transport.keep([c.name])
  await c.until('linkUp')
  a.transport.sendFrame(b.name, message('hello'))
  await a.until('linkDown', ({ peer, how }) => peer === b.name && how === 'closed')
  await b.until('linkDown', ({ peer, how }) => peer === a.name && how === 'closed')
  t.strictSame(c.all('linkDown'), [])
})

t.test('a peer that does not read costs no more than the bound, and is told of when it has drained', async (t) => {
  const a = await stationOf(t, {}, { linkBytesMax: 1_000_000, highWaterBytes: 500_000, lowWaterBytes: 100_000 })
  let paused: Socket | undefined
  const { port } = await listening(t, (socket) => {
    paused = socket.on('error', () => {})
    socket.once('data', () => {
      socket.write(encodeHello({ ...hello, name: `127.0.0.1:${port}` }))
      socket.pause()
    })
  })
  const name = `127.0.0.1:${port}`
  const big = Buffer.alloc(5_000_000)
  t.ok(a.transport.sendFrame(name, [big]) > 5_000_000, 'the first is always taken')
  await a.until('linkUp')
  while (a.transport.traffic.dropped === 0) {
    const backlog = a.transport.sendFrame(name, [big.subarray(0, 200_000)])
    t.ok(backlog <= 5_300_000)
    await new Promise((resolve) => setImmediate(resolve))
  }
  t.strictSame(a.all('drained'), [])
  paused?.resume()
  t.match(await a.until('drained'), { peer: name })
  t.ok(a.transport.backlog(name) <= 100_000)
  paused?.destroy()
})

t.test('garbage on the TCP port is counted, closed, and harmless', async (t) => {
  const a = await stationOf(t, {}, { helloMs: 200, stallMs: 100, sweepMs: 20 })
  const whole = encodeHello({ ...hello, cluster: 'test' })
  const frame = (word: number): Buffer => Buffer.from([word >>> 24, word >>> 16, word >>> 8, word])
  const cases: Record<string, [Uint8Array | string, RegExp]> = {
    HTTP: ['GET / HTTP/1.1\r\n\r\n', /speaks HTTP/],
    TLS: [Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1), /speaks TLS/],
    noise: ['\u0000\u0001\u0002', /not a peer/],
    'a preamble cut short': [whole.subarray(0, 5), /no hello/],
    'a hello cut short': [whole.subarray(0, 30), /no hello/],
    'a hello of another version': [whole.map((byte, i) => (i === 12 ? 99 : byte)), /version 99/],
    'a hello with a name that is none': [encodeHello({ ...hello, name: 'nobody' }), /malformed/],
    'a hello that is too long': [encodeHello({ ...hello, cluster: 'x'.repeat(5_000) }), /more than 2048/],
    'our own name': [encodeHello({ ...hello, name: a.name }), /our own name/],
    'a frame that is too long': [Buffer.concat([whole, frame(0x3fff_ffff)]), /chunk of/],
    'a chunk that is no chunk': [Buffer.concat([whole, frame(0x4000_0001)]), /chunk/],
    'half a frame': [Buffer.concat([whole, frame(500), Buffer.alloc(100)]), /half a frame/],
  }
  let count = 0
  for (const [what, [says, reason]] of Object.entries(cases)) {
    const socket = await intruder(t, a.port, says)
    await once(socket, 'close')
    count++
    t.equal(a.transport.traffic.rejected, count, what)
    t.match(a.all('rejected').at(-1)?.reason, reason)
  }
  t.equal(a.all('frame').length, 0)
  const b = await stationOf(t)
  b.transport.sendFrame(a.name, message('still there?'))
  await a.until('frame')
  t.equal(a.all('error').length, 0)
})

t.test('a frame that comes in drop by drop is rejected, one that comes slowly in chunks is not', async (t) => {
  const a = await stationOf(t, {}, { stallMs: 100, sweepMs: 10 })
  const drip = await intruder(t, a.port, Buffer.concat([encodeHello(hello), Buffer.from([0, 0, 0x80, 0])]))
  const drops = setInterval(() => drip.write('x'), 5)
  t.teardown(() => clearInterval(drops))
  const slow = await intruder(t, a.port, encodeHello({ ...hello, name: '127.0.0.1:2' }))
  const chunk = Buffer.concat([Buffer.from([0xc0, 1, 0, 0]), Buffer.alloc(1 << 16)])
  const chunks = setInterval(() => slow.write(chunk), 20)
  t.teardown(() => clearInterval(chunks))
  t.match(await a.until('rejected'), { reason: /^half a frame for 1\d\d ms$/ })
  await once(drip, 'close')
  t.notOk(slow.closed)
  clearInterval(chunks)
  slow.write(Buffer.concat([Buffer.from([0x80, 0, 0, 1]), Buffer.from('x')]))
  t.ok((await a.until('frame')).bytes.length > 1 << 16)
  t.equal(a.all('rejected').length, 1)
})

t.test('who connects and says nothing is closed without a report', async (t) => {
  const a = await stationOf(t, {}, { helloMs: 20 })
  const socket = await intruder(t, a.port, '')
  await once(socket, 'close')
  t.equal(a.transport.traffic.rejected, 0)
})

t.test('too many connections are turned away', async (t) => {
  const a = await stationOf(t, {}, { inboundMax: 2 })
  await intruder(t, a.port, '')
  const second = await intruder(t, a.port, '')
  await once(await intruder(t, a.port, ''), 'close')
  t.match(await a.until('rejected'), { reason: 'more than 2 connections' })
  second.destroy()
  const b = await stationOf(t)
  while (b.all('linkUp').length === 0) {
    b.transport.sendFrame(a.name, message('room again?'))
    await Promise.race([b.until('linkUp'), b.until('linkDown', (told) => told === b.all('linkDown').at(-1))])
  }
})

t.test('a datagram that is too long is counted and dropped', async (t) => {
  const a = await stationOf(t)
  const socket = createSocket('udp4')
  t.teardown(() => socket.close())
  socket.send(Buffer.alloc(10_000), a.port, '127.0.0.1')
  t.match(await a.until('rejected'), { reason: 'datagram of 10000 bytes, more than 1400' })
  t.match(a.transport.traffic, { datagramsIn: 0, rejected: 1 })
})

t.test('a datagram that is too long to send is dropped', async (t) => {
  const a = await stationOf(t)
  a.transport.sendDatagram(a.name, [Buffer.alloc(1_401)])
  t.match(a.transport.traffic, { datagramsOut: 0, dropped: 1 })
})

t.test('datagrams to where nobody listens stop nothing', async (t) => {
  const a = await stationOf(t)
  const b = await stationOf(t)
  const gone = await stationOf(t)
  await gone.transport.close()
  for (let i = 0; i < 20; i++) a.transport.sendDatagram(gone.name, message('anybody?'))
  a.transport.sendDatagram(b.name, message('you?'))
  await b.until('datagram')
  t.strictSame(a.told, [])
})

t.test('IPv6 works for datagrams and frames', async (t) => {
  const a = await stationOf(t, { address: '::1', bind: '::1' })
  const b = await stationOf(t, { address: '::1', bind: '::1' })
  t.match(a.name, /^\[::1\]:\d+$/)
  a.transport.sendDatagram(b.name, message('datagram'))
  a.transport.sendFrame(b.name, message('frame'))
  t.match(await b.until('datagram'), { from: a.name })
  t.match(await b.until('frame'), { from: a.name })
})

t.test('a socket bound to :: is reached over IPv4 and reaches it', async (t) => {
  const a = await stationOf(t, { bind: '::' })
  const b = await stationOf(t)
  for (const [from, to] of [[a, b], [b, a]] as const) {
    from.transport.sendDatagram(to.name, message('datagram'))
    from.transport.sendFrame(to.name, message('frame'))
    t.match(await to.until('datagram'), { from: from.name })
    t.match(await to.until('frame'), { from: from.name })
  }
})

t.test('without UDP only the TCP port is taken', async (t) => {
  const a = await stationOf(t, { udp: false })
  const socket = createSocket('udp4').bind(a.port, '127.0.0.1')
  await once(socket, 'listening')
  socket.close()
  a.transport.sendDatagram(a.name, message('x'))
  t.equal(a.transport.traffic.datagramsOut, 0)
})

t.test('a port taken for TCP or UDP alone rejects with the code of the system and leaves nothing open', async (t) => {
  const { server, port } = await listening(t)
  const a = new Station(new SocketTransport())
  await t.rejects(a.open({ port }), { code: 'EADDRINUSE' })
  const free = createSocket('udp4').bind(port, '127.0.0.1')
  await once(free, 'listening')
  server.close()
  await once(server, 'close')
  await t.rejects(a.open({ port }), { code: 'EADDRINUSE' })
  const again = createServer().listen(port, '127.0.0.1')
  await once(again, 'listening')
  again.close()
  await once(again, 'close')
  free.close()
  await once(free, 'close')
  await a.open({ port })
  t.equal(a.port, port)
  await a.transport.close()
})

t.test('a malformed address or bind rejects', async (t) => {
  const transport = new SocketTransport()
  const handlers = {} as Parameters<SocketTransport['open']>[1]
  await t.rejects(transport.open({ ...localOptions, address: '1.2.3' }, handlers), { code: 'ERR_ADDRESS' })
  await t.rejects(transport.open({ ...localOptions, bind: 'not a host' }, handlers), { code: 'ERR_ADDRESS' })
  await t.rejects(transport.open({ ...localOptions, addressMap: { a: 'b:1' } }, handlers), { code: 'ERR_ADDRESS' })
})

t.test('closing while opening rejects the opening, and leaves nothing open', async (t) => {
  const { server, port } = await listening(t)
  server.close()
  await once(server, 'close')
  const a = new Station(new SocketTransport())
  const opening = t.rejects(a.open({ port }), { code: 'ERR_STOPPED' })
  await a.transport.close()
  await opening
  await a.open({ port })
  await t.rejects(a.open({ port }), { code: 'ERR_BUSY' })
  await a.transport.close()
})

t.test('an opened transport can be closed and opened again, and counts from nothing', async (t) => {
  const a = await stationOf(t)
  const b = await stationOf(t)
  a.transport.sendFrame(b.name, message('one'))
  await b.until('frame')
  await a.transport.close()
  await a.open({ port: a.port })
  t.equal(a.transport.traffic.framesOut, 0)
  a.transport.sendFrame(b.name, message('two'))
  await b.until('frame', ({ text }) => text === 'two')
})
