import { once } from 'node:events'
import t from 'tap'
import { NCAgent, type NCPacket } from '../../lib/netcluster/index.js'
import { Script } from '../fixtures/script.js'
import { Ear, on, serve, socketFolder, until } from './fixtures/channels.js'

t.test('agents of a channel hear each other once, and themselves in memory', async t => {
  const server = await serve(t, { A: {} })
  const [one, two] = [await on(t, server, 'A'), await on(t, server, 'A')]
  one.agent.emit('log', { text: 'TESTE' })
  t.strictSame(one.packets, [{ channel: 'A', broadcast: false, event: 'log', data: { text: 'TESTE' } }], 'at once')
  one.agent.emit('end', undefined, true)
  t.strictSame(await two.before('end'), ['A:log'])
  t.match(two.packets[1], { broadcast: true, data: undefined })
  two.agent.emit('back')
  t.strictSame(await one.before('back'), ['A:log', 'A:end'], 'not by way of the server as well')
})

t.test('patterns cover the whole name of the event', async t => {
  const server = await serve(t, { A: {} })
  const [one, two] = [await on(t, server, 'A'), await on(t, server, 'A')]
  const heard: string[] = []
  for (const pattern of ['lo', 'lo.*', 'log', '.*']) two.agent.on(pattern, () => heard.push(pattern))
  t.throws(() => two.agent.on('(', () => undefined), { code: 'ERR_KEY' })
  one.agent.emit('log')
  one.agent.emit('end')
  await two.before('end')
  t.strictSame(heard, ['lo.*', 'log', '.*', '.*'])
})

t.test('once is once, and removeListener takes off that listener only', async t => {
  const server = await serve(t, { A: {} })
  const [one, two] = [await on(t, server, 'A'), await on(t, server, 'A')]
  const heard: string[] = []
  const listener = (name: string) => () => heard.push(name)
  const second = listener('second')
  two.agent.once('log', listener('once')).on('log', listener('first')).on('log', second).on('log', listener('third'))
  two.agent.removeListener('log', second).removeListener('log', second).removeListener('never', second)
  one.agent.emit('log')
  one.agent.emit('log')
  one.agent.emit('end')
  await two.before('end')
  t.strictSame(heard, ['once', 'first', 'third', 'first', 'third'])
})

t.test('a thousand messages of one turn and one of a megabyte arrive whole and in order', async t => {
  const server = await serve(t, { A: {} })
  const [one, two] = [await on(t, server, 'A'), await on(t, server, 'A')]
  const large = 'x'.repeat(1_000_000)
  for (let i = 0; i < 1_000; i++) one.agent.emit('n', i)
  one.agent.emit('large', large)
  one.agent.emit('bytes', Buffer.alloc(3_000_000, 7))
  one.agent.emit('end')
  await two.before('end')
  t.strictSame(two.packets.slice(0, 1_000).map(({ data }) => data), Array.from({ length: 1_000 }, (_, i) => i))
  t.equal(two.packets[1_000]?.data === large, true)
  t.ok(Buffer.alloc(3_000_000, 7).equals(two.packets[1_001]?.data as Buffer))
})

t.test('the callback comes once connected, or with the error', async t => {
  const server = await serve(t, { A: {} })
  const agent = new NCAgent({ socketdir: server.socketdir })
  t.teardown(() => agent.disconnect())
  await new Promise<void>(resolve => {
    void agent.connect('A', error => {
      t.equal(error, undefined)
      t.type(agent.uuid, 'string')
      resolve()
    })
    t.equal(agent.uuid, undefined, 'not yet')
  })
  t.equal(agent.channel, 'A')
  await t.rejects(agent.connect('A'), { code: 'ERR_OPTION', message: /"A" given, .* disconnect\(\) from "A" first/ })
  const other = new NCAgent({ socketdir: server.socketdir })
  const error = await new Promise<NodeJS.ErrnoException | undefined>(resolve => void other.connect('missing', resolve))
  t.match(error, { code: 'ENOENT', message: /channel missing: nobody answers at .*missing\.sock/ })
  await t.rejects(other.connect(''), { code: 'ERR_OPTION' })
  await other.connect('A')
  t.equal(other.channel, 'A', 'a first attempt that failed leaves it free')
  await other.disconnect()
})

t.test('what is emitted before it is connected waits; what is emitted afterwards is refused', async t => {
  const server = await serve(t, { A: {} })
  const two = await on(t, server, 'A')
  const agent = new NCAgent({ socketdir: server.socketdir })
  t.throws(() => agent.emit('early'), { code: 'ERR_STOPPED', message: /not connected/ })
  const connected = agent.connect('A')
  agent.emit('first')
  await connected
  agent.emit('last')
  await agent.disconnect()
  t.throws(() => agent.emit('late'), { code: 'ERR_STOPPED' })
  t.equal(await two.before('last').then(before => before.join()), 'A:first')
  two.agent.emit('still')
  t.equal(two.packets.at(-1)?.event, 'still', 'the others go on')
  await agent.disconnect()
  await agent.connect('A')
  two.agent.emit('again')
  await new Ear(agent).before('again')
  await agent.disconnect()
})

t.test('disconnecting while connecting ends it', async t => {
  const server = await serve(t, { A: {} })
  const agent = new NCAgent({ socketdir: server.socketdir })
  const connected = agent.connect('A')
  const undelivered: NCPacket[] = []
  agent.events.on('undelivered', packets => undelivered.push(...packets))
  agent.emit('never', 1)
  await Promise.all([t.rejects(connected, { code: 'ERR_STOPPED' }), agent.disconnect()])
  t.match(undelivered, [{ event: 'never', data: 1 }])
})

t.test('what cannot be emitted is refused, and changes nothing', async t => {
  const server = await serve(t, { A: {} })
  const one = await on(t, server, 'A', { maxBufferBytes: 100_000 })
  t.throws(() => one.agent.emit(''), { code: 'ERR_KEY' })
  t.throws(() => one.agent.emit('\ud800'), { code: 'ERR_KEY' })
  t.throws(() => one.agent.emit('x'.repeat(1_025)), { code: 'ERR_KEY', message: /a string of 1 to 1024 bytes/ })
  t.throws(() => one.agent.emit('log', () => 1), { code: 'ERR_VALUE' })
  t.throws(() => one.agent.emit('log', Buffer.alloc(9 << 20)), { code: 'ERR_TOO_LARGE' })
  t.throws(() => one.agent.emit('log', 'x'.repeat(100_001)), { code: 'ERR_OVERLOAD' })
  t.strictSame(one.packets, [])
  t.throws(() => new NCAgent({ maxBufferBytes: 0 }), { code: 'ERR_OPTION' })
  t.throws(() => new NCAgent({ sokcetdir: '/tmp' } as never), { code: 'ERR_OPTION', message: /option sokcetdir/ })
})

t.test('emit says when to wait, and drain when to go on', async t => {
  const server = await serve(t, { A: {} })
  const [one, two] = [await on(t, server, 'A'), await on(t, server, 'A')]
  let waited = 0
  for (let i = 0; i < 5_000; i++) {
    if (one.agent.emit('n', 'x'.repeat(1_000))) continue
    waited++
    await new Promise<void>(resolve => one.agent.events.once('drain', resolve))
  }
  one.agent.emit('end')
  t.equal((await two.before('end')).length, 5_000)
  t.ok(waited > 0, `waited ${waited} times`)
})

t.test('a listener that throws is reported and stops nothing', async t => {
  const server = await serve(t, { A: {} })
  const [one, two] = [await on(t, server, 'A'), await on(t, server, 'A')]
  const errors: string[] = []
  two.agent.events.on('error', error => errors.push(error.message))
  two.agent.on('log', () => { throw new Error('of a listener') })
  one.agent.emit('log')
  one.agent.emit('end')
  await two.before('end')
  t.strictSame(errors, ['of a listener'])
})

t.test('when a server is killed and comes back, agents are back within a second, and nothing is lost in silence',
  { timeout: 50_000 }, async t => {
    const socketdir = await socketFolder(t)
    const first = new Script(t, 'test/netcluster/fixtures/server.ts', [socketdir])
    t.ok(await first.prints(lines => lines.includes('ready'), 20_000))
    const second = new Script(t, 'test/netcluster/fixtures/server.ts', [socketdir, 'wait'])
    t.ok(await second.prints(lines => lines.includes('waiting'), 20_000))

    const [one, two] = [new NCAgent({ socketdir }), new NCAgent({ socketdir })]
    await Promise.all([one.connect('A'), two.connect('A')])
    t.teardown(() => Promise.all([one.disconnect(), two.disconnect()]))
    const ear = new Ear(two)
    const undelivered = new Set<number>()
    one.events.on('undelivered', packets => packets.forEach(({ data }) => undelivered.add(data as number)))
    let emitted = 0
    const traffic = setInterval(() => {
      for (let i = 0; i < 50; i++) one.emit('n', emitted++)
    }, 1)
    await until('traffic', () => ear.packets.length > 1_000)
    const back = Promise.all([one, two].map(agent => new Promise(resolve => agent.events.once('connect', resolve))))
    first.child.kill('SIGKILL')
    await first.ended
    const downSince = Date.now()
    second.child.stdin?.write('go\n')
    t.ok(await second.prints(lines => lines.includes('ready'), 10_000))
    const upSince = Date.now()
    await back
    t.comment(`down for ${upSince - downSince} ms, agents back ${Date.now() - upSince} ms after that`)
    await until('traffic again', () => ear.packets.length > 2_000)
    clearInterval(traffic)
    one.emit('end')
    await ear.before('end')

    const heard = ear.packets.filter(({ event }) => event === 'n').map(({ data }) => data as number)
    t.equal(new Set(heard).size, heard.length, 'none twice')
    t.strictSame(heard, [...heard].sort((a, b) => a - b), 'in order')
    const missing = Array.from({ length: emitted }, (_, i) => i).filter(i => !heard.includes(i))
    t.comment(`${emitted} emitted, ${heard.length} heard, ${undelivered.size} reported as in doubt`)
    t.strictSame(missing.filter(n => !undelivered.has(n)), [])
  })

t.test('what waited for the server waits for the other agents, too, when this one is back first', async t => {
  const server = await serve(t, { A: { propagatetochannels: 'B' }, B: {} })
  const { config } = server
  const [{ agent }, ear] = [await on(t, server, 'A'), await on(t, server, 'B')]
  const away = Promise.all([once(agent.events, 'disconnect'), once(ear.agent.events, 'disconnect')])
  await server.stop()
  await away
  agent.emit('meanwhile')
  const back = once(agent.events, 'connect')
  server.config = { ...config, channels: { control: {}, A: {} } }
  await server.start()
  await back
  await server.reload(config)
  agent.emit('end')
  t.strictSame(await ear.before('end'), ['A:meanwhile'])
})
