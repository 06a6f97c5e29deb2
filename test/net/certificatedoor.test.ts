import { connect, TLSSocket } from 'node:tls'
import t from 'tap'
import { CertificateDoor } from '../../lib/net/certificatedoor.js'
import { Certificates } from '../../lib/net/certificates.js'
import { KeyDoor } from '../../lib/net/keydoor.js'
import { Keyring } from '../../lib/net/keyring.js'
import { certificatesOf, type Member } from '../fixtures/tls.js'
import { dial, dialSecond, porch, secure } from './fixtures/porch.js'

const certificates = (member: Member, authority?: 'authority' | 'elsewhere'): Certificates =>
  new Certificates(certificatesOf(member, authority), member === 'two' ? '127.0.0.2' : '127.0.0.1')
const doorOf = (...who: Parameters<typeof certificates>): CertificateDoor =>
  new CertificateDoor(certificates(...who), 5_000)

t.test('both sides show a certificate, and count under the names it is valid for', async (t) => {
  const [one, two] = [doorOf('one'), doorOf('two')]
  const { port, next } = await porch(t, one)
  const client = (await dial(t, two, port)) as TLSSocket
  const server = (await next()) as TLSSocket
  t.equal(client.getProtocol(), 'TLSv1.3')
  t.equal(one.objection(server), undefined)
  for (const name of ['127.0.0.2:9', 'two.example:9']) t.equal(one.objection(server, name), undefined, name)
  t.equal(one.objection(server, '127.0.0.1:9'), 'its certificate is not valid for the name 127.0.0.1:9')
  for (const name of ['127.0.0.1:9', '[::1]:9', 'localhost:9']) t.equal(two.objection(client, name), undefined, name)
  t.match(two.objection(client, 'localhost.evil:9'), /not valid/)
})

t.test('another authority is turned away, at either end', async (t) => {
  const { port, next } = await porch(t, doorOf('one'))
  const believing = doorOf('stranger')
  t.type(await dial(t, believing, port), TLSSocket, 'the client is let in, as it seems')
  t.match(await next(), /^no certificate that counts: /)
  const elsewhere = doorOf('stranger', 'elsewhere')
  const error = (await dial(t, elsewhere, port)) as NodeJS.ErrnoException
  t.match(elsewhere.explain(error, false), /^no certificate that counts: /)
  t.equal(await next(), 'broke off the TLS handshake')
})

t.test('no certificate, or a key instead: turned away', async (t) => {
  const { port, next } = await porch(t, doorOf('one'))
  await secure(t, connect({ port, host: '127.0.0.1', rejectUnauthorized: false }))
  t.match(await next(), /^no certificate that counts: /)
  t.type(await dial(t, new KeyDoor(new Keyring(['some key of the cluster'], 'test'), 1_000), port), Error)
})

t.test('certificates are renewed, and a change of authority ends what came about by the former', async (t) => {
  const ours = certificates('one')
  const door = new CertificateDoor(ours, 5_000)
  const { port, next } = await porch(t, door)
  await dial(t, doorOf('two'), port)
  const server = (await next()) as TLSSocket
  ours.replace(certificatesOf('one'))
  door.renew()
  t.equal(door.objection(server, '127.0.0.2:9'), undefined)
  ours.replace(certificatesOf('stranger', 'elsewhere'))
  door.renew()
  t.equal(door.objection(server, '127.0.0.2:9'), 'vouched for by a former authority')
  t.type(await dial(t, doorOf('stranger', 'elsewhere'), port), TLSSocket)
  t.type(await next(), TLSSocket)
  t.throws(() => ours.replace(certificatesOf('two')), /not for 127\.0\.0\.1/)
})

t.test('where the first address of a host refuses, the next one is dialled', async (t) => {
  const { port, next } = await porch(t, doorOf('one'))
  const client = (await dialSecond(t, doorOf('one'), port)) as TLSSocket
  t.equal(client.encrypted, true)
  t.equal(client.remoteAddress, '127.0.0.1')
  t.equal(((await next()) as TLSSocket).encrypted, true)
})
