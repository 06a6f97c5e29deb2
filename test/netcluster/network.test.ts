import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import type { NCConfig, NCServer } from '../../lib/netcluster/index.js'
import { Telepathine } from '../../lib/telepathine.js'
import { type Ear, on, serve, until } from './fixtures/channels.js'

const channels = {
  A: { propagatetonet: true, propagatetochannels: '.*' }, B: { propagatetochannels: '.*' }, C: { propagatetonet: true },
}

/** A server in the network of this machine, by itself on its multicast port unless told otherwise. */
async function inNetwork(t: Test, more: Partial<NCConfig> = {}): Promise<NCServer> {
  return serve(t, channels, {
    connecttonet: true, listen: '127.0.0.1:0', port: await freePort(), addr: '239.255.44.54', ...more,
  })
}

/** A UDP port that nobody has. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  return port
}

/** Waits until what is emitted here is heard there. */
async function acquainted(from: Ear, to: Ear): Promise<void> {
  await until('acquainted', () => {
    from.agent.emit('ping')
    return to.packets.some(({ event }) => event === 'ping')
  })
  from.agent.emit('ready')
  await to.before('ready')
  from.packets.length = 0
  to.packets.length = 0
}

t.test('messages cross to other servers once, by the rules of their channel, and none comes back', async t => {
  const one = await inNetwork(t)
  const two = await inNetwork(t, { seeds: [one.address ?? ''] })
  const three = await inNetwork(t, { seeds: [one.address ?? '', two.address ?? ''] })
  const ears = new Map<string, Ear>()
  for (const [name, server] of Object.entries({ one, two, three })) {
    for (const channel of ['A', 'B', 'C', 'control']) ears.set(`${name} ${channel}`, await on(t, server, channel))
  }
  const A = ears.get('one A')!
  await acquainted(A, ears.get('two A')!)
  await acquainted(A, ears.get('three A')!)
  for (let i = 0; i < 20; i++) A.agent.emit(`a${i}`)
  ears.get('one B')!.agent.emit('b')
  ears.get('one C')!.agent.emit('c')
  A.agent.emit('end')
  for (const ear of ears.values()) if (!ear.agent.channel?.match(/^c/)) await ear.before('end')
  for (const name of ['two C', 'three C']) await ears.get(name)!.before('c')
  // Whatever another server would say again, it would have said before this.
  for (const name of ['two A', 'three A']) {
    ears.get(name)!.agent.emit(`fence ${name}`)
    await A.before(`fence ${name}`)
  }
  const events = ({ packets }: Ear) => packets.map(({ event }) => event).filter(isOurs)
  const heard = new Map([...ears].map(([name, ear]) => [name, events(ear)]))
  const sent = Array.from({ length: 20 }, (_, i) => `a${i}`).concat('end')
  for (const name of ['two A', 'two B', 'three A', 'three B']) t.strictSame(heard.get(name), sent, name)
  for (const name of ['one A', 'one C']) t.strictSame(heard.get(name)?.filter(event => /^[ae]/.test(event)), sent, name)
  for (const name of ['two C', 'three C']) t.strictSame(heard.get(name)?.toSorted(), [...sent, 'c'].sort(), name)
  for (const name of ['one A', 'one C']) t.equal(heard.get(name)?.filter(event => event === 'b').length, 1, name)
  for (const name of ['one', 'two', 'three']) t.strictSame(heard.get(`${name} control`), [], `${name} control`)
})

function isOurs(event: string): boolean {
  return !/^(ping|ready|fence)/.test(event)
}

t.test('servers find each other by multicast', async t => {
  const port = await freePort()
  const one = await inNetwork(t, { port })
  const warned = new Promise<Error>(resolve => one.once('error', resolve))
  const two = await inNetwork(t, { port })
  const other = await inNetwork(t, { port, cluster: 'another' })
  const [A, B, C] = [await on(t, one, 'A'), await on(t, two, 'A'), await on(t, other, 'A')]
  const met = acquainted(A, B).then(() => 'met')
  const how = await Promise.race([met, warned])
  if (how instanceof Error) {
    t.comment(`no multicast here: ${how.message}`)
    t.pass('goes on without')
    return
  }
  C.agent.emit('mine')
  t.strictSame(C.packets.map(({ event }) => event), ['mine'], 'clusters do not mix')
})

t.test('what was said before a server came is not heard by its agents', async t => {
  const one = await inNetwork(t)
  const two = await inNetwork(t, { seeds: [one.address ?? ''] })
  const [A, first] = [await on(t, one, 'A'), await on(t, two, 'A')]
  await acquainted(A, first)
  A.agent.emit('old')
  await first.before('old')
  await two.stop()
  const again = await inNetwork(t, { seeds: [one.address ?? ''] })
  const second = await on(t, again, 'A')
  A.agent.emit('new')
  t.strictSame(await second.before('new'), [])
})

t.test('start waits for the server that a seed names, so that nothing said afterwards is missed', async t => {
  const one = await inNetwork(t)
  const A = await on(t, one, 'A')
  const two = await inNetwork(t, { seeds: [one.address ?? ''] })
  const B = await on(t, two, 'A')
  A.agent.emit('there')
  B.agent.emit('back')
  t.ok(await B.before('there'))
  t.ok(await A.before('back'))
})

t.test('a message of a megabyte crosses', async t => {
  const one = await inNetwork(t)
  const two = await inNetwork(t, { seeds: [one.address ?? ''] })
  const [A, B] = [await on(t, one, 'A'), await on(t, two, 'A')]
  A.agent.emit('large', 'x'.repeat(1_000_000))
  A.agent.emit('largest', Buffer.alloc(8 << 20 - 1))
  A.agent.emit('end')
  t.strictSame(await B.before('end'), ['A:large', 'A:largest'])
  t.equal(String(B.packets[0]?.data).length, 1_000_000)
})

t.test('a peer that is no server, or a hostile one, harms nobody and reaches no control', async t => {
  const one = await inNetwork(t)
  const two = await inNetwork(t, { seeds: [one.address ?? ''] })
  const [A, B, control] = [await on(t, one, 'A'), await on(t, two, 'A'), await on(t, two, 'control')]
  const peer = await new Telepathine(0, [one.address ?? ''], { cluster: 'netcluster' }).start().ready()
  t.teardown(() => peer.stop())
  const none = [null, 7, {}, { id: 1, since: 2 }, { id: 'x', since: NaN }]
  for (const session of none) peer.set('netcluster:session', session)
  peer.set('netcluster:session', { id: 'hostile', since: Date.now() + 1e9 })
  const { encodeFrames } = await import('../../lib/netcluster/delivery.js')
  const { encodeHead } = await import('../../lib/netcluster/packet.js')
  const request = Buffer.concat([encodeHead('control', 'nc-control-showconfig', false), Buffer.of(0xc0)])
  const nowhere = Buffer.concat([encodeHead('nowhere', 'log', false), Buffer.of(0xc0)])
  const undecodable = Buffer.concat([encodeHead('A', 'undecodable', false), Buffer.of(0xc1)])
  for (const batch of [null, 'text', Buffer.from('garbage'), ...[request, nowhere, undecodable].map(frame =>
    Buffer.concat(encodeFrames([frame])))]) peer.say('netcluster:batch', batch)
  peer.say('netcluster:welcome', { id: 7 })
  const last = Buffer.concat([encodeHead('A', 'last', false), Buffer.of(0xc0)])
  const warnings: Error[] = []
  B.agent.events.on('error', error => warnings.push(error))
  A.agent.events.on('error', () => undefined)
  peer.say('netcluster:batch', Buffer.concat(encodeFrames([last])))
  t.strictSame(await B.before('last'), [])
  t.match(warnings, [{ code: 'ERR_VALUE' }], 'bytes that are no value are reported by who listens')
  t.strictSame(control.packets, [])
  A.agent.emit('end')
  await B.before('end')
})

t.test('with a key only those who have it meet, found by multicast too', async t => {
  const port = await freePort()
  const [key, other] = ['a key of sixteen characters', 'another of sixteen characters']
  const one = await inNetwork(t, { port, network: key })
  const stranger = await inNetwork(t, { port, seeds: [one.address ?? ''], network: other })
  const open = await inNetwork(t, { port, seeds: [one.address ?? ''] })
  const two = await inNetwork(t, { port, seeds: [one.address ?? ''], network: [key, 'a third of sixteen characters'] })
  const [A, B] = [await on(t, one, 'A'), await on(t, two, 'A')]
  const outside = [await on(t, stranger, 'A'), await on(t, open, 'A')]
  for (const { agent } of outside) agent.emit('intruder')
  A.agent.emit('end')
  t.strictSame(await B.before('end'), [])
  t.strictSame(outside.flatMap(({ packets }) => packets.map(({ event }) => event)), ['intruder', 'intruder'])
})

t.test('a key that is none is refused', async t => {
  await t.rejects(inNetwork(t, { network: 'short' }), { code: 'ERR_OPTION', message: /network/ })
})

t.test('another network after a reload, the old one if that fails', async t => {
  const one = await inNetwork(t)
  const two = await inNetwork(t, { seeds: [one.address ?? ''] })
  const [A, B] = [await on(t, one, 'A'), await on(t, two, 'A')]
  await acquainted(A, B)
  const { config, address } = two
  await t.rejects(two.reload({ ...config, network: 'short' }), { code: 'ERR_OPTION' })
  await t.rejects(two.reload({ ...config, listen: '0.0.0.0:0' }), { code: 'ERR_OPTION' })
  t.equal(two.address, address)
  await t.rejects(two.reload({ ...config, listen: one.address ?? '' }), { code: 'EADDRINUSE' })
  await acquainted(A, B)
  await two.reload({ ...config, connecttonet: false })
  t.equal(two.address, undefined)
  await two.reload({ ...config, seeds: [one.address ?? ''], cluster: 'netcluster' })
  await acquainted(A, B)
})
