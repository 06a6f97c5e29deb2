import t, { type Test } from 'tap'
import { Writer } from '../../lib/gossip/bytes.js'
import { Kind } from '../../lib/gossip/entry.js'
import { clusterTag, Message, writeHeader } from '../../lib/gossip/message.js'
import { Sections } from '../../lib/gossip/sections.js'
import type { Signer } from '../../lib/gossip/notary.js'
import { Telepathine, type TelepathineOptions } from '../../lib/index.js'
import { storedKey } from '../../lib/names.js'
import { Certificates } from '../../lib/net/certificates.js'
import { CertificateNotary } from '../../lib/net/notary.js'
import { SocketTransport } from '../../lib/net/sockets.js'
import { stampBytes, Stamps } from '../../lib/stamps.js'
import { encodeValue } from '../../lib/values.js'
import { certificatesOf } from '../fixtures/tls.js'
import { until } from '../fixtures/until.js'
import { Home } from '../gossip/fixtures/members.js'
import { Station } from '../net/fixtures/station.js'

t.setTimeout(180_000)

const cluster = 'telepathine'

async function peerOn(t: Test, seeds: string[], options: TelepathineOptions): Promise<Telepathine> {
  const peer = new Telepathine(0, seeds, { preset: 'local', ...options })
  t.teardown(() => peer.stop())
  return peer.start().ready()
}

/** Shows the certificate of another, and signs with its own key. */
class Impostor extends CertificateNotary {
  readonly #shown = new CertificateNotary(new Certificates(certificatesOf('one'), '127.0.0.1')).signer()

  override signer(): Signer {
    return { ...super.signer(), certificate: this.#shown.certificate }
  }
}

/** A message from `sender` that says what `name` said after its third word. */
function forged(sender: string, name: string, incarnation: number, certificates: Certificates | undefined): Uint8Array {
  const notary = certificates && new Impostor(certificates)
  const { mesh, config } = new Home({}, name, notary, incarnation)
  const { self } = mesh
  const value = encodeValue('red', 100, stampBytes)
  new Stamps(() => Date.now() + 1_000).write(value)
  for (const key of ['', 'a', 'b', storedKey('colour')]) self.space?.write(Kind.set, key, value, Infinity, 0)
  const writer = new Writer()
  writeHeader(writer, Message.delta, clusterTag(cluster), { name: sender, incarnation: 1, beat: 1 })
  for (let i = 0; i < 4; i++) writer.u8(0)
  const sections = new Sections(mesh, config, () => {})
  sections.write(writer, self, 3, 10_000, true, 0)
  sections.end(writer)
  writer.u8(0)
  return writer.take()
}

for (const secured of [false, true]) {
  const claim = secured ? "nobody with a certificate writes another's keys" : 'without certificates, anybody can'
  t.test(claim, async (t) => {
    const tls = secured ? { tls: certificatesOf('one') } : {}
    const owner = await peerOn(t, [], tls)
    const reader = new Telepathine(0, [owner.name], { preset: 'local', ...tls })
    t.teardown(() => reader.stop())
    let incarnation = 0
    const reasons: string[] = []
    reader.on('peer:new', (peer) => peer.name === owner.name && (incarnation = peer.incarnation))
    reader.on('peer:rejected', ({ reason }) => reasons.push(reason))
    await reader.start().ready()
    owner.set('colour', 'green')
    owner.set('shape', 'round')
    await until(() => reader.getRemote(owner.name, 'shape') === 'round')
    const certificates = secured ? new Certificates(certificatesOf('two'), '127.0.0.2') : undefined
    const address = '127.0.0.2'
    const hostile = new Station(new SocketTransport())
    t.teardown(() => hostile.transport.close())
    await hostile.open({ address, bind: address, cluster, security: certificates, udp: !secured })
    hostile.transport.sendFrame(reader.name, [forged(hostile.name, owner.name, incarnation, certificates)])
    await until(() => reasons.length > 0 || reader.getRemote(owner.name, 'colour') === 'red')
    t.equal(reader.getRemote(owner.name, 'colour'), secured ? 'green' : 'red')
    t.strictSame(reasons, secured ? [`not signed by ${owner.name}`] : [])
    hostile.transport.sendFrame(reader.name, [forged(owner.name, owner.name, incarnation, undefined)])
    if (secured) await until(() => reader.rejections === 2)
    owner.set('colour', 'blue')
    owner.set('size', 'large')
    await until(() => reader.getRemote(owner.name, 'size') === 'large')
    if (secured) t.equal(reader.getRemote(owner.name, 'colour'), 'blue')
  })
}

t.test('a hundred thousand signed keys are brought to a newcomer, by one who has them from their owner', async (t) => {
  const tls = certificatesOf('one')
  const owner = await peerOn(t, [], { tls })
  const relay = await peerOn(t, [owner.name], { tls: certificatesOf('two'), address: '127.0.0.2' })
  for (let i = 0; i < 100_000; i++) owner.set(`key:${i}`, i)
  await until(() => relay.getRemote(owner.name, 'key:99999') === 99_999, 60_000)
  const newcomer = await peerOn(t, [relay.name], { tls })
  await until(() => newcomer.getRemote(owner.name, 'key:99999') === 99_999, 60_000)
  t.equal(newcomer.getRemoteKeys(owner.name).length, 100_000)
  t.equal(newcomer.rejections, 0)
})

t.test('the authority is replaced step by step; a life that began by the former gives way to another', async (t) => {
  const [first, second] = [certificatesOf('one'), certificatesOf('stranger', 'elsewhere')]
  const both = { ca: `${String(first.ca)}\n${String(second.ca)}` }
  const a = await peerOn(t, [], { tls: { ...first, ...both } })
  const b = await peerOn(t, [a.name], { tls: { ...first, ...both } })
  a.set('key', 'value')
  await until(() => b.getRemote(a.name, 'key') === 'value')
  const lives: number[] = []
  b.on('peer:new', ({ name, incarnation }) => {
    if (name === a.name) lives.push(incarnation)
  })
  for (const peer of [a, b]) peer.rekey({ ...second, ...both })
  a.set('key', 'other')
  await until(() => b.getRemote(a.name, 'key') === 'other')
  t.strictSame(lives, [], 'nobody sees anything of a new certificate')
  for (const peer of [a, b]) peer.rekey(second)
  const c = await peerOn(t, [b.name], { tls: second })
  await until(() => c.getRemote(a.name, 'key') === 'other' && b.getRemote(a.name, 'key') === 'other')
  await until(() => lives.length > 0)
  t.equal(lives.length, 1)
})
