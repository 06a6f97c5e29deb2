import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import t from 'tap'
import { NCServer } from '../../lib/netcluster/index.js'
import { socketPath } from '../../lib/netcluster/names.js'
import { type Ear, on, serve, socketFolder } from './fixtures/channels.js'

/** All that an agent heard of what others emitted until now: theirs has gone out, so what comes now comes after it. */
async function heardBy(t: Parameters<typeof on>[0], server: NCServer, ear: Ear, ...others: Ear[]): Promise<string[]> {
  await Promise.all(others.map(({ agent }) => agent.disconnect()))
  const fence = await on(t, server, ear.agent.channel ?? '')
  fence.agent.emit('fence')
  const heard = await ear.before('fence')
  await fence.agent.disconnect()
  ear.packets.length = 0
  return heard
}

t.test('where a message goes is up to the channel that it comes from', async t => {
  const server = await serve(t, {
    A: { propagatetochannels: '.*' }, B: { propagatetochannels: '^A$' }, C: {}, D: { propagatetochannels: '^control$' },
  })
  const ears = { A: await on(t, server, 'A'), B: await on(t, server, 'B'), C: await on(t, server, 'C') }
  const D = await on(t, server, 'D')
  const control = await on(t, server, 'control')
  const speakers = await Promise.all(['A', 'B', 'C', 'D'].map(channel => on(t, server, channel)))
  for (const { agent } of speakers) agent.emit('log')
  t.strictSame((await heardBy(t, server, ears.A, ...speakers)).sort(), ['A:log', 'B:log'])
  t.strictSame((await heardBy(t, server, ears.B)).sort(), ['A:log', 'B:log'])
  t.strictSame((await heardBy(t, server, ears.C)).sort(), ['A:log', 'C:log'])
  t.strictSame((await heardBy(t, server, D)).sort(), ['A:log', 'D:log'])
  t.strictSame(await heardBy(t, server, control), ['D:log'], 'only who names control on purpose reaches it')
})

t.test('what comes from another channel is no request, whatever it is called', async t => {
  const server = await serve(t, { D: { propagatetochannels: 'control' } })
  const [D, control] = [await on(t, server, 'D'), await on(t, server, 'control')]
  const config = server.config
  D.agent.emit('nc-control-reloadconfig', { channels: { control: {} } })
  t.strictSame(await heardBy(t, server, control, D), ['D:nc-control-reloadconfig'])
  t.equal(server.config, config)
})

t.test('the sockets are there for this user alone, and gone after the stop', async t => {
  const server = await serve(t, { A: {} })
  const path = socketPath(server.socketdir, 'A')
  t.equal((await stat(path)).mode & 0o777, 0o600)
  t.equal((await stat(server.socketdir)).mode & 0o777, 0o700)
  await server.stop()
  await t.rejects(stat(path), { code: 'ENOENT' })
  await server.start()
  t.ok((await stat(path)).isSocket())
})

t.test('a second server in the same folder is refused, and harms nothing', async t => {
  const server = await serve(t, { A: {} })
  const [one, two] = [await on(t, server, 'A'), await on(t, server, 'A')]
  const second = new NCServer()
  second.config = { ...server.config, channels: { Z: {}, ...server.config.channels } }
  await t.rejects(second.start(), { code: 'EADDRINUSE', message: /control\.sock: another server listens there/ })
  await t.rejects(stat(socketPath(server.socketdir, 'Z')), { code: 'ENOENT' }, 'none of its channels is left')
  const error = await new Promise(resolve => void second.start(resolve))
  t.match(error, { code: 'EADDRINUSE' })
  one.agent.emit('log')
  await two.before('log')
})

t.test('of servers that start at once one gets the folder', async t => {
  const socketdir = await socketFolder(t)
  const servers = Array.from({ length: 5 }, () => {
    const server = new NCServer()
    server.config = { socketdir, connecttonet: false, channels: { control: {}, A: {} } }
    t.teardown(() => server.stop())
    return server
  })
  const started = await Promise.allSettled(servers.map(server => server.start()))
  t.strictSame(started.map(({ status }) => status).sort(), ['fulfilled', ...Array<string>(4).fill('rejected')])
})

t.test('a configuration that is none is refused at the start', async t => {
  const server = new NCServer()
  server.config = { channels: { A: {} } }
  await t.rejects(server.start(), { code: 'ERR_OPTION', message: /one is control/ })
  await t.rejects(server.reload(server.config), { code: 'ERR_STOPPED' })
  await server.stop()
})

t.test('reload opens what is new, closes what is gone, and applies new rules to the rest', async t => {
  const server = await serve(t, { A: { propagatetochannels: '.*' }, B: {}, gone: {} })
  const [A, B, gone] = [await on(t, server, 'A'), await on(t, server, 'B'), await on(t, server, 'gone')]
  const closed = once(gone.agent.events, 'disconnect')
  const { socketdir } = server
  await server.reload({ socketdir, connecttonet: false, channels: { control: {}, A: {}, B: {}, fresh: {} } })
  await closed
  await gone.agent.disconnect()
  const fresh = await on(t, server, 'fresh')
  t.equal(fresh.agent.channel, 'fresh')
  const speaker = await on(t, server, 'A')
  speaker.agent.emit('log')
  t.strictSame(await heardBy(t, server, B, speaker), [], 'A no longer propagates')
  t.strictSame(await heardBy(t, server, A), ['A:log'], 'its agents are still connected')
})

t.test('a reload that fails leaves all as it was', async t => {
  const server = await serve(t, { A: { propagatetochannels: '.*' }, B: {} })
  const B = await on(t, server, 'B')
  const { config, socketdir } = server
  const channels = { control: {}, fresh: {} }
  await t.rejects(server.reload({ channels: { A: {} } }), { code: 'ERR_OPTION' })
  await t.rejects(server.reload({ channels, connecttonet: false }), { code: 'ERR_OPTION', message: /cannot move/ })
  await t.rejects(server.reload({ socketdir, channels: { ...channels, ['ü'.repeat(60)]: {} }, connecttonet: false }),
    { code: 'ERR_OPTION', message: /shorter socketdir/ })
  const taken = createServer().listen(0, '127.0.0.1')
  t.teardown(() => taken.close())
  await once(taken, 'listening')
  const listen = `127.0.0.1:${(taken.address() as AddressInfo).port}`
  await t.rejects(server.reload({ socketdir, channels, connecttonet: true, listen }), { code: 'EADDRINUSE' })
  t.equal(server.config, config)
  await t.rejects(stat(socketPath(socketdir, 'fresh')), { code: 'ENOENT' })
  const speaker = await on(t, server, 'A')
  speaker.agent.emit('log')
  t.strictSame(await heardBy(t, server, B, speaker), ['A:log'])
})

t.test('channels may have any name', async t => {
  const names = ['..', '.', 'a/b', '__proto__', 'ü ö', '*', 'constructor']
  const server = await serve(t, Object.fromEntries(names.map(name => [name, {}])))
  const channels: Record<string, object> = JSON.parse('{"control":{},"__proto__":{}}') as Record<string, object>
  await server.reload({ ...server.config, channels: { ...server.config.channels, ...channels } })
  for (const name of names.filter(name => name !== '__proto__')) {
    const [one, two] = [await on(t, server, name), await on(t, server, name)]
    one.agent.emit('log')
    await two.before('log')
    t.match(two.packets, [{ channel: name }])
  }
})
