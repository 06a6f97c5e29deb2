import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type TLSSocket } from 'node:tls'
import t from 'tap'
import { KeyDoor } from '../../lib/net/keydoor.js'
import { Keyring } from '../../lib/net/keyring.js'
import { certificatesOf } from '../fixtures/tls.js'
import { dial, dialSecond, porch, say, secure } from './fixtures/porch.js'

const secret = 'the key of this cluster'
const ringOf = (...keys: string[]): Keyring => new Keyring(keys, 'test')
const doorOf = (ring: Keyring = ringOf(secret)): KeyDoor => new KeyDoor(ring, 5_000)
const stranger = 'no network key in common'

t.test('who has the key comes in; the session has a key of its own', async (t) => {
  const door = doorOf()
  const { port, next } = await porch(t, door)
  const client = (await dial(t, doorOf(), port)) as TLSSocket
  const server = (await next()) as TLSSocket
  t.equal(client.getProtocol(), 'TLSv1.3')
  t.match(client.getEphemeralKeyInfo(), { type: 'ECDH', name: 'X25519' })
  t.strictSame([door.objection(server), doorOf().objection(client)], [undefined, stranger], 'each door knows its own')
  client.write('hello')
  const [bytes] = (await once(server, 'data')) as [Buffer]
  t.equal(bytes.toString(), 'hello')
})

t.test('another key, another cluster: both sides turn away', async (t) => {
  const { port, next } = await porch(t, doorOf())
  for (const ring of [ringOf('another key of a cluster'), new Keyring([secret], 'other')]) {
    const door = doorOf(ring)
    const error = (await dial(t, door, port)) as NodeJS.ErrnoException
    t.equal(door.explain(error, false), stranger)
    t.equal(await next(), stranger)
  }
})

t.test('who knows the key\'s identity, having seen it on the way, but not the key, is turned away', async (t) => {
  const { port, next } = await porch(t, doorOf())
  const { identity } = ringOf(secret).first
  const pskCallback = (): { psk: Buffer; identity: string } => ({ psk: randomBytes(32), identity })
  t.type(await secure(t, connect({ port, host: '127.0.0.1', ciphers: 'TLS_AES_128_GCM_SHA256', pskCallback })), Error)
  t.equal(await next(), stranger)
})

t.test('certificates count for nothing, whoever vouches for them', async (t) => {
  const { port, next } = await porch(t, doorOf())
  const { cert, key, ca } = certificatesOf('one')
  const options = { cert: Buffer.from(cert), key: Buffer.from(key), ca: Buffer.from(ca) }
  t.type(await secure(t, connect({ ...options, port, host: '127.0.0.1' })), Error)
  t.equal(await next(), stranger)

  const impostor = createServer(options).listen(0, '127.0.0.1')
  impostor.on('tlsClientError', () => undefined)
  await once(impostor, 'listening')
  t.teardown(() => impostor.close())
  const error = (await dial(t, doorOf(), (impostor.address() as { port: number }).port)) as NodeJS.ErrnoException
  t.type(error, Error)
  t.equal(doorOf().explain(error, false), stranger)
})

t.test('older TLS is turned away', async (t) => {
  const { port, next } = await porch(t, doorOf())
  const { identity, connections } = ringOf(secret).first
  const pskCallback = (): { psk: Buffer; identity: string } => ({ psk: connections.export(), identity })
  const old = connect({ port, host: '127.0.0.1', maxVersion: 'TLSv1.2', ciphers: 'PSK', pskCallback })
  t.type(await secure(t, old), Error)
  t.equal(await next(), stranger)
})

t.test('garbage gets an alert and no more; half a handshake gets nothing', async (t) => {
  const { port, next } = await porch(t, new KeyDoor(ringOf(secret), 50))
  const garbage = await say(t, port, Buffer.concat([Uint8Array.of(0x16, 3, 1, 2, 0), randomBytes(600)]))
  t.equal(await next(), stranger)
  await once(garbage.socket, 'close')
  t.ok(garbage.heard().length <= 7, `${garbage.heard().length} bytes`)
  const half = await say(t, port, Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0))
  t.equal(await next(), 'slow TLS handshake')
  await once(half.socket, 'close')
  t.equal(half.heard().length, 0)
})

t.test('a connection counts as long as the key does by which it came about', async (t) => {
  const ring = ringOf('the key before', secret)
  const door = doorOf(ring)
  const { port, next } = await porch(t, door)
  const ours = ringOf(secret)
  const client = (await dial(t, doorOf(ours), port)) as TLSSocket
  const server = (await next()) as TLSSocket
  t.equal(door.objection(server), undefined)
  ring.replace([secret])
  t.equal(door.objection(server), undefined)
  ring.replace(['the key after'])
  t.match(door.objection(server), /not in use any more/)
  t.equal(client.authorized, true)
})

t.test('no session can be taken up again, so a key that is gone is gone', async (t) => {
  const ring = ringOf(secret)
  const { port, next } = await porch(t, doorOf(ring))
  const { identity, connections } = ring.first
  const options = { host: '127.0.0.1', port, ciphers: 'TLS_AES_128_GCM_SHA256', rejectUnauthorized: false }
  const first = connect({ ...options, pskCallback: () => ({ psk: connections.export(), identity }) })
  const sessions: Buffer[] = []
  first.on('session', (session) => sessions.push(session))
  t.teardown(() => first.destroy())
  const server = (await next()) as TLSSocket
  server.write('hello')
  await once(first, 'data')
  ring.replace(['the key after'])
  for (const session of [...sessions, first.getSession() as Buffer]) {
    t.type(await secure(t, connect({ ...options, session })), Error)
    t.equal(await next(), stranger)
  }
})

t.test('errors of the network are not explained', async (t) => {
  const door = doorOf()
  const error = (await secure(t, door.dial({ port: 1, host: '127.0.0.1' }))) as NodeJS.ErrnoException
  t.equal(error.code, 'ECONNREFUSED')
  t.equal(door.explain(error, false), undefined)
  t.equal(door.explain(Object.assign(new Error(), { code: 'EAI_AGAIN' }), false), undefined)
})

t.test('where the first address of a host refuses, the next one is dialled', async (t) => {
  const { port, next } = await porch(t, doorOf())
  const client = (await dialSecond(t, doorOf(), port)) as TLSSocket
  t.equal(client.encrypted, true)
  t.equal(client.remoteAddress, '127.0.0.1')
  t.equal(((await next()) as TLSSocket).encrypted, true)
})
