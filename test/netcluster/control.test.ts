import t from 'tap'
import type { NCPacket } from '../../lib/netcluster/index.js'
import { type Ear, on, serve, until } from './fixtures/channels.js'

/** Emits a request and waits for the answer. */
function ask(ear: Ear, request: string, data?: unknown): Promise<unknown> {
  return new Promise(resolve => {
    ear.agent.once(`nc-control-${request}-response`, (packet: NCPacket) => resolve(packet.data))
    ear.agent.emit(`nc-control-${request}`, data)
  })
}

t.test('the active configuration, without its key', async t => {
  const server = await serve(t, { A: { propagatetochannels: '.*' } })
  const control = await on(t, server, 'control')
  t.strictSame(await ask(control, 'showconfig', ''), server.config)
  server.config = { ...server.config, network: 'a very secret key' }
  t.match(await ask(control, 'showconfig'), { network: '(secret)' })
})

t.test('who is connected, and how they are', async t => {
  const server = await serve(t, { A: {} })
  const control = await on(t, server, 'control')
  const [one, two] = [await on(t, server, 'A'), await on(t, server, 'A')]
  t.strictSame(await ask(control, 'showchannel', 'A'), [one.agent.uuid, two.agent.uuid])
  one.agent.emit('log')
  await two.before('log')
  t.match(await ask(control, 'showclient', { channel: 'A', client: one.agent.uuid }), {
    uuid: one.agent.uuid, channel: 'A', pid: process.pid, received: 1, sent: 0, missed: 0, stalled: false,
  })
  await two.agent.disconnect()
  const left = async () => (await ask(control, 'showchannel', 'A')) as string[]
  await until('gone', async () => (await left()).length === 1)
  t.strictSame(await left(), [one.agent.uuid])
})

t.test('what cannot be served is answered with an error', async t => {
  const server = await serve(t, { A: {} })
  const control = await on(t, server, 'control')
  const none = { code: 'ERR_OPTION', error: /there is none/ }
  t.match(await ask(control, 'showchannel', 'B'), none)
  t.match(await ask(control, 'showchannel', '__proto__'), none)
  t.match(await ask(control, 'showchannel', null), none)
  t.match(await ask(control, 'showclient', { channel: 'A', client: 'x' }), none)
  t.match(await ask(control, 'showclient', null), none)
  t.match(await ask(control, 'nonsense'), { code: 'ERR_OPTION', error: /there are nc-control-showconfig, / })
  t.match(await ask(control, 'reloadconfig', { channels: {} }), { code: 'ERR_OPTION', error: /channels: "" given/ })
  t.match(await ask(control, 'reloadconfig', null), { code: 'ERR_OPTION' })
  t.match(await ask(control, 'showconfig'), { channels: { A: {} } }, 'it goes on')
})

t.test('a reload takes effect', async t => {
  const server = await serve(t, { A: {} })
  const control = await on(t, server, 'control')
  const config = { ...server.config, channels: { control: {}, B: {} } }
  t.equal(await ask(control, 'reloadconfig', config), 'done')
  t.strictSame(await ask(control, 'showconfig'), config)
  t.strictSame(await ask(control, 'showchannel', 'B'), [])
})

t.test('the answer goes to the one who asked', async t => {
  const server = await serve(t, {})
  const [one, two] = [await on(t, server, 'control'), await on(t, server, 'control')]
  await ask(one, 'showchannel', 'control')
  one.agent.emit('end')
  t.strictSame(await two.before('end'), ['control:nc-control-showchannel'])
})

t.test('without startcontrol nobody answers', async t => {
  const server = await serve(t, {}, { startcontrol: false })
  const [one, two] = [await on(t, server, 'control'), await on(t, server, 'control')]
  one.agent.emit('nc-control-showconfig')
  await two.before('nc-control-showconfig')
  two.agent.emit('end')
  t.notOk((await one.before('end')).some(packet => packet.includes('response')))
})
