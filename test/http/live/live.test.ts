import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { LiveClose } from '../../../lib/http/live/protocol.js'
import { Dispatcher, openQueue } from '../../../lib/work/index.js'
import { ask, served } from '../fixtures/ask.js'
import { Stage } from '../../dashboard/fixtures/stage.js'
import { Look } from './fixtures/look.js'

t.test('who is there is seen, comes and goes', async t => {
  const a = await served(t, { metadata: { role: 'db' } })
  const look = await new Look(t, a).hello()
  await look.until(() => look.mirror.peers.size === 1)
  t.match(look.mirror.self, { name: a.name, writes: 'open', phiThreshold: 8 })
  t.match(look.mirror.peers.get(a.name), { state: 'alive', metadata: '{"role":"db"}', phi: null, keys: 0 })
  const b = await served(t, {}, [a.name])
  await look.until(() => look.mirror.peers.get(b.name)?.state === 'alive')
  await look.until(() => look.mirror.peers.get(b.name)?.phi !== null)
  b.set('x', 1)
  await look.until(() => look.mirror.peers.get(b.name)?.keys === 1)
  await b.stop()
  await look.until(() => look.mirror.peers.get(b.name)?.state === 'left')
  t.pass()
})

t.test('keys are found by their name and followed', async t => {
  const a = await served(t)
  const b = await served(t, {}, [a.name])
  a.set('price:tea', 3)
  b.set('Price:milk', { n: 1 })
  b.set('other', true)
  const look = await new Look(t, a).hello({ keys: { text: 'price' } })
  const [tea, milk] = [`${a.name} price:tea`, `${b.name} Price:milk`]
  await look.until(() => look.keys.get(tea) === '3' && look.keys.get(milk) === '{"n":1}')
  t.equal(look.keys.size, 2)
  a.set('price:tea', 4)
  b.delete('Price:milk')
  await look.until(() => look.keys.get(tea) === '4' && !look.keys.has(milk))
  a.delete('price:tea')
  await look.until(() => look.keys.size === 0)
  a.set('price:short', 1, Date.now() + 300)
  await look.until(() => look.keys.size === 1)
  await look.until(() => look.keys.size === 0)
  look.say({ type: 'want', want: { keys: { peer: b.name } } })
  await look.until(() => look.keys.size === 1 && look.keys.get(`${b.name} other`) === 'true')
  a.set('other', 1)
  look.say({ type: 'want', want: { keys: null, stream: { kinds: ['set'] } } })
  await look.until(() => look.messages.length > 0)
  b.set('more', 1)
  await look.until(() => look.happenings.some(({ name }) => name === 'more'))
  t.equal(look.keys.size, 1, 'no longer followed')
})

t.test('what happens is told, as far as it fits the filter', async t => {
  const a = await served(t)
  const b = await served(t, {}, [a.name])
  const look = await new Look(t, a).hello({ stream: { text: 'ORDER', kinds: ['say', 'set', 'delete'] } })
  await look.until(() => look.mirror.peers.size === 2)
  b.say('order:new', { id: 1 })
  b.say('noise')
  a.say('order:own', [1, 2])
  a.set('order:key', 'value')
  a.delete('order:key')
  await look.until(() => look.happenings.length === 4)
  const told = look.happenings.map(({ kind, peer, name, text }) => [kind, peer, name, text])
  t.strictSame(told.filter(([, peer]) => peer === b.name), [['say', b.name, 'order:new', '{"id":1}']])
  t.strictSame(told.filter(([, peer]) => peer === a.name), [
    ['say', a.name, 'order:own', '[1,2]'], ['set', a.name, 'order:key', '"value"'], ['delete', a.name, 'order:key', ''],
  ])
})

t.test('services and how they fare are seen from any peer', async t => {
  const a = await served(t)
  const b = await served(t, {}, [a.name])
  const work = new Dispatcher(b)
  work.serve('sum', (n: number) => n + 1, { tags: ['fast'], version: '2', concurrency: 3 })
  const caller = new Dispatcher(a)
  const look = await new Look(t, a).hello()
  const row = () => look.mirror.workers.get(`${b.name} sum`)
  await look.until(row)
  t.match(row(), { service: 'sum', peer: b.name, version: '2', tags: 'fast', concurrency: 3 })
  await Promise.all(Array.from({ length: 20 }, (_, n) => caller.request('sum', n)))
  await look.until(() => (row()?.calls ?? 0) > 0)
  t.match(row(), { running: 0, waiting: 0, errors: 0, refused: 0, p50: Number, p99: Number })
  await caller.stop()
  await work.stop()
  await look.until(() => row() === undefined)
})

t.test('what waits in the queue is seen; its engine is asked once for all, and holds nobody up', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'telepathine-live-'))
  const queue = await openQueue(`file:${folder}`)
  t.teardown(async () => {
    await queue.close()
    await rm(folder, { recursive: true, force: true })
  })
  const { engine } = queue
  const depths = engine.depths.bind(engine)
  let asked = 0
  let fail: ((error: Error) => void) | undefined
  let isAway = false
  engine.depths = () => {
    asked++
    return isAway ? new Promise((_, reject) => (fail = reject)) : depths()
  }
  const a = await served(t)
  const one = await new Look(t, a).hello({ keys: {} })
  await one.until(() => one.mirror.self)
  t.strictSame([one.mirror.queue, one.mirror.queues.size], [null, 0])

  const began = performance.now()
  const work = new Dispatcher(a, { queue })
  await one.until(() => one.mirror.queue !== null)
  const two = await new Look(t, a).hello()
  const looks = [one, two]
  for (const waiting of [1, 2, 3]) {
    await work.enqueue('invoice', waiting)
    for (const look of looks) await look.until(() => look.mirror.queues.get('invoice')?.waiting === waiting)
  }
  t.strictSame([...two.mirror.queues.values()], [{ key: 'invoice', waiting: 3, delayed: 0, running: 0, dead: 0 }])
  const seconds = (performance.now() - began) / 1_000
  t.ok(asked >= 3 && asked <= seconds + 1, `${asked} times in ${seconds} s`)

  isAway = true
  for (const look of looks) await look.until(() => typeof look.mirror.queue?.silentSince === 'number')
  t.equal(two.mirror.queues.get('invoice')?.waiting, 3, 'as it was')
  a.set('while:away', 1)
  await one.until(() => one.keys.size === 1)
  isAway = false
  fail?.(new Error('the server is gone'))
  for (const look of looks) await look.until(() => look.mirror.queue?.silentSince === null)
  await work.stop()
  for (const look of looks) await look.until(() => look.mirror.queue === null && look.mirror.queues.size === 0)
})

t.test('who suspects whom is seen, and what becomes of it', async t => {
  const stage = await new Stage(12).open(t)
  const look = await new Look(t, stage).hello({ stream: { kinds: ['rumour', 'peer'] } })
  await look.until(() => look.mirror.peers.size === 12)
  const lost = stage.others[5]?.name ?? ''
  stage.others[5]?.crash(true)
  await look.until(() => look.mirror.peers.get(lost)?.state === 'suspect')
  const about = () => [...look.mirror.rumours.values()].filter(rumour => rumour.about === lost)
  await look.until(() => about().some(({ verdict, stands }) => verdict === 'suspect' && stands))
  t.ok((look.mirror.peers.get(lost)?.phi ?? 8) >= 8, 'phi is beyond the threshold, if it is watched from here')
  await look.until(() => look.mirror.peers.get(lost)?.state === 'dead')
  await look.until(() => about().some(({ verdict }) => verdict === 'dead'))
  await look.until(() => look.happenings.some(({ kind }) => kind === 'peer'))
  const told = (name: string) => look.happenings.filter(each => each.kind === 'rumour' && each.name === name)
  await look.until(() => told('suspect').length > 0 && told('dead').length > 0)
  t.ok(told('dead').every(({ peer, text }) => peer === lost && text !== lost))
  t.match(look.happenings.find(({ kind }) => kind === 'peer'), { peer: lost, name: 'failed' })
})

t.test('who does not say hello as it should is turned away', async t => {
  const a = await served(t)
  const rude = new Look(t, a)
  await once(rude.socket, 'open')
  rude.say({ type: 'want', want: {} })
  t.equal(await rude.closed(), LiveClose.badRequest)
  const old = await new Look(t, a).hello({}, { version: 0 })
  t.equal(await old.closed(), LiveClose.version)
  const odd = await new Look(t, a).hello({ keys: { text: 7 as never } })
  t.equal(await odd.closed(), LiveClose.badRequest)
  const loud = await new Look(t, a).hello()
  for (let i = 0; i < 60; i++) loud.say({ type: 'want', want: { stream: null } })
  t.equal(await loud.closed(), LiveClose.badRequest)
  const large = await new Look(t, a).hello({}, { token: 'x'.repeat(10_000) })
  t.equal(await large.closed(), 1009)
})

t.test('where reading takes the token, so does looking', async t => {
  const a = await served(t, { http: { token: 'long-secret', private: true } })
  t.equal(await (await new Look(t, a).hello()).closed(), LiveClose.unauthorized)
  t.equal(await (await new Look(t, a).hello({}, { token: 'wrong-secret' })).closed(), LiveClose.unauthorized)
  const told = await new Look(t, a).hello({}, { token: 'long-secret' })
  await told.until(() => told.mirror.self)
  t.equal(told.mirror.self?.writes, 'token')
  const header = await new Look(t, a, { authorization: 'Bearer long-secret' }).hello()
  await header.until(() => header.mirror.self)
})

t.test('pages of others cannot look', async t => {
  const a = await served(t)
  for (const headers of [{ origin: 'http://evil.example' }, { host: 'evil.example' }]) {
    const foreign = new Look(t, a, headers)
    const [, response] = (await once(foreign.socket, 'unexpected-response')) as [unknown, { statusCode: number }]
    t.equal(response.statusCode, 403)
  }
  const own = await new Look(t, a, { origin: `http://127.0.0.1:${a.port}` }).hello()
  await own.until(() => own.mirror.self)
})

t.test('what is no WebSocket is answered as ever', async t => {
  const a = await served(t)
  t.match(await ask(a, '/live'), { status: 426, headers: { upgrade: 'websocket' } })
  const upgrade = { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABk' }
  t.match(await ask(a, '/healthz', { headers: upgrade }), { status: 200, json: { status: 'ok' } })
  t.match(await ask(a, '/healthz', { headers: { connection: 'upgrade', upgrade: 'websocket' } }), { status: 200 })
  t.match(await ask(a, '/state/x', { method: 'PUT', json: 1, headers: upgrade }), { status: 400 })
  const garbage = connect(a.port, '127.0.0.1')
  garbage.write('GET /live HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n')
  const [answer] = (await once(garbage, 'data')) as [Buffer]
  t.match(String(answer), /^HTTP\/1\.1 4\d\d /)
  await once(garbage, 'close')
})

t.test('a client that does not read costs a bounded amount, and then sees the present', async t => {
  const a = await served(t)
  const look = await new Look(t, a).hello({ keys: {}, stream: {} })
  await look.until(() => look.mirror.self)
  const steady = await new Look(t, a).hello({ keys: { text: 'last' } })
  await steady.until(() => steady.mirror.self)
  const { socket } = look.socket as unknown as { _socket: { pause(): void, resume(): void }, socket?: never }
  t.equal(socket, undefined)
  look.socket.pause()
  const filler = 'x'.repeat(200)
  const before = process.memoryUsage().arrayBuffers
  for (let round = 0; round < 40; round++) {
    for (let i = 0; i < 1_000; i++) a.set(`key:${i}`, `${round} ${filler}`)
    await new Promise(resolve => setImmediate(resolve))
  }
  a.set('last', 1)
  await steady.until(() => steady.keys.size === 1)
  t.ok(process.memoryUsage().arrayBuffers - before < 64 << 20)
  look.socket.resume()
  look.say({ type: 'want', want: { keys: { text: 'last' } } })
  await look.until(() => look.keys.size === 1)
})

t.test('clients are told when the peer stops, and nothing is left running', async t => {
  const a = await served(t)
  const look = await new Look(t, a).hello()
  await look.until(() => look.mirror.self)
  const closed = look.closed()
  await a.stop()
  t.equal(await closed, 1001)
})
