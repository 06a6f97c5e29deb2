import t, { type Test } from 'tap'
import { Telepathine, type TelepathineOptions } from '../../lib/index.js'
import { SocketTransport } from '../../lib/net/sockets.js'
import { Relay } from '../fixtures/relay.js'
import { freePorts } from '../fixtures/script.js'
import { certificatesOf } from '../fixtures/tls.js'
import { until } from '../fixtures/until.js'

const network = 'correct horse battery staple'

async function peerOn(t: Test, seeds: string[], options: TelepathineOptions, port = 0): Promise<Telepathine> {
  const peer = new Telepathine(port, seeds, { preset: 'local', ...options })
  t.teardown(() => peer.stop())
  return peer.start().ready()
}

/** Two peers that reach each other only through relays. */
async function apart(t: Test, options: TelepathineOptions) {
  const [toA, toB] = [await Relay.open(t), await Relay.open(t)]
  const first = await freePorts(2)
  const [nameOfA, nameOfB] = [`127.0.0.1:${first}`, `127.0.0.1:${first + 1}`]
  toA.target = first
  toB.target = first + 1
  const a = await peerOn(t, [], { ...options, addressMap: { [nameOfB]: `127.0.0.1:${toB.port}` } }, first)
  const b = await peerOn(t, [nameOfA], { ...options, addressMap: { [nameOfA]: `127.0.0.1:${toA.port}` } }, first + 1)
  await until(() => a.livePeers().length === 1 && b.livePeers().length === 1)
  return { a, b, toA, toB }
}

t.test('who stands between two peers with a key reads nothing of what they say', async (t) => {
  const talk = async (options: TelepathineOptions): Promise<boolean> => {
    const { a, b, toA, toB } = await apart(t, options)
    a.set('marzipan', { recipe: 'secret almonds' })
    b.say('party', 'secret guests')
    b.set('large', 'secret almonds'.repeat(10_000))
    await until(() => b.getRemote(a.name, 'marzipan') !== undefined && a.getRemote(b.name, 'large') !== undefined)
    await until(() => toA.streams.length + toB.streams.length > 0 && toA.datagrams.length > 0)
    return ['marzipan', 'almonds', 'guests', 'party', 'telepathine', a.name, network].some((word) =>
      toA.saw(word) || toB.saw(word))
  }
  t.equal(await talk({}), true, 'without a key it can')
  t.equal(await talk({ network }), false)
})

t.test('datagrams said again by another keep nobody alive, raise nobody, and bring nothing back', async (t) => {
  const { a, b, toA, toB } = await apart(t, { network, forgetAfterMS: 1_000 })
  b.set('key', 'before')
  await until(() => a.getRemote(b.name, 'key') === 'before')
  b.set('key', 'after')
  await until(() => a.getRemote(b.name, 'key') === 'after')
  const recorded = [...toA.datagrams]
  const stopped: string[] = []
  const news: string[] = []
  a.on('peer:stop', (name, reason) => stopped.push(`${name} ${reason}`))
  for (const event of ['peer:start', 'peer:new'] as const) a.on(event, () => news.push(event))
  toA.cut = toB.cut = true
  // as an attacker would who hopes that this keeps it alive
  a.every(20, () => toA.replay(recorded))
  const before = a.rejections
  await until(() => stopped.length > 0)
  t.strictSame(stopped, [`${b.name} failed`])
  t.strictSame(a.allPeers(), [b.name])
  await until(() => a.allPeers().length === 0)
  await until(() => a.rejections > before + recorded.length)
  t.strictSame(news, [])
})

t.test('to one who has forgotten everything, old datagrams raise nobody either', async (t) => {
  const { a, b, toA } = await apart(t, { network })
  b.set('key', 'value')
  await until(() => a.getRemote(b.name, 'key') === 'value')
  const recorded = [...toA.datagrams]
  toA.cut = true
  await a.stop()
  // half a minute later
  const later = new SocketTransport({}, () => Date.now() + 31_000)
  const fresh = await peerOn(t, [], { network, transport: later }, a.port)
  const reasons: string[] = []
  fresh.on('peer:rejected', ({ reason }) => reasons.push(reason))
  toA.replay(recorded)
  await until(() => fresh.rejections >= recorded.length)
  t.strictSame(fresh.allPeers(), [])
  t.match(reasons, [/replayed, or clocks differ: 3\d s/])
})

t.test('peers whose clocks differ talk over connections, and are told of it', async (t) => {
  const ahead = new SocketTransport({}, () => Date.now() + 3_600_000)
  const a = await peerOn(t, [], { network })
  const reasons: string[] = []
  a.on('peer:rejected', ({ reason }) => reasons.push(reason))
  const b = await peerOn(t, [a.name], { network, transport: ahead })
  a.set('from', 'a')
  b.set('from', 'b')
  await until(() => a.getRemote(b.name, 'from') === 'b' && b.getRemote(a.name, 'from') === 'a')
  await until(() => reasons.length > 0)
  t.match(reasons, [/clocks differ: 3600 s/])
})

t.test('a key is replaced while the cluster talks, and not one event is lost', async (t) => {
  const young = 'a new key, as good as the old'
  const a = await peerOn(t, [], { network })
  const peers = [a, await peerOn(t, [a.name], { network }), await peerOn(t, [a.name], { network })]
  await until(() => peers.every((peer) => peer.livePeers().length === 2))
  const heard = peers.map((): number[] => [])
  const stopped: string[] = []
  for (const [i, peer] of peers.entries()) {
    peer.hear('count', (n: number) => heard[i]!.push(n))
    peer.on('peer:stop', (name) => stopped.push(name))
    peer.on('events:missed', (name) => stopped.push(`events of ${name}`))
  }
  let said = 0
  a.every(1, () => {
    for (let i = 0; i < 5; i++) a.say('count', said++)
  })
  const secured = 'x'.repeat(200_000)
  for (const keys of [[network, young], [young, network], young]) {
    for (const peer of peers) {
      peer.rekey(keys)
      const upTo = said + 200
      await until(() => heard.every((numbers, i) => peers[i] === a || (numbers.at(-1) ?? 0) >= upTo))
      // over connections, too
      peer.set('large', `${secured}${upTo}`)
      const others = peers.filter((other) => other !== peer)
      await until(() => others.every((other) => other.getRemote(peer.name, 'large') === peer.get('large')))
    }
  }
  await a.stop()
  await until(() => stopped.length >= 2)
  t.strictSame(stopped, [a.name, a.name], 'nobody was taken for dead, nothing was missed')
  for (const numbers of heard.slice(1)) t.strictSame(numbers, Array.from({ length: said }, (_, n) => n))

  const left = await peerOn(t, [peers[1]!.name], { network })
  const late = await peerOn(t, [peers[1]!.name], { network: young })
  await until(() => late.livePeers().length === 2)
  t.strictSame(left.allPeers(), [], 'the former key opens nothing any more')
})

t.test('keys are replaced by others of their kind only, and are never shown', async (t) => {
  const open = new Telepathine(0)
  t.throws(() => open.rekey(network), { code: 'ERR_OPTION', message: /neither network nor tls/ })
  const closed = new Telepathine(0, [], { network })
  const error = t.throws(() => closed.rekey(['short secret']), { code: 'ERR_OPTION' }) as Error
  t.match(error.message, /a key of 12 characters given/)
  t.throws(() => closed.rekey(certificatesOf('one')), { code: 'ERR_OPTION' })
  const certified = new Telepathine(0, [], { tls: certificatesOf('one') })
  t.throws(() => certified.rekey(network), { code: 'ERR_OPTION', message: /tls: a string given/ })
  t.throws(() => certified.rekey(certificatesOf('two')), { code: 'ERR_OPTION', message: /not for 127\.0\.0\.1/ })
})

t.test('peers with certificates of one authority find each other, and nobody else', async (t) => {
  const a = await peerOn(t, [], { tls: certificatesOf('one') })
  const b = await peerOn(t, [a.name], { tls: certificatesOf('two'), address: '127.0.0.2' })
  b.set('key', 'value')
  await until(() => a.getRemote(b.name, 'key') === 'value')
  const reasons: string[] = []
  a.on('peer:rejected', ({ reason }) => reasons.push(reason))
  await peerOn(t, [a.name], { tls: certificatesOf('stranger', 'elsewhere') })
  await peerOn(t, [a.name], { network })
  await peerOn(t, [a.name], {})
  await until(() => new Set(reasons).size >= 2)
  t.strictSame(a.livePeers(), [b.name])
  t.ok(reasons.every((reason) => /broke off the TLS handshake|speaks openly/.test(reason)), reasons.join(', '))
})
