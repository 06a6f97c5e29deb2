import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { Gateway } from '../../lib/http/gateway.js'
import { Routes, type Route } from '../../lib/http/routes.js'
import { ask } from './fixtures/ask.js'

/** A gateway on a port of its own, with one route that answers what is given. */
async function gatewayFor(t: Test, route: Partial<Route>, limits: { headersMs?: number, idleMs?: number } = {}) {
  const routes = new Routes()
  routes.add([{ method: 'POST', path: '/x', writes: false, summary: '', answer: e => e.empty(204), ...route }])
  const gateway = new Gateway({
    routes, maxBodyBytes: 1_000, token: undefined, private: false, hosts: [], isLocal: true,
    ...limits,
  })
  const server = createServer(socket => gateway.accept(socket)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    server.close()
    await gateway.close(0)
  })
  return { gateway, server, port: (server.address() as AddressInfo).port }
}

t.test('a body is taken as JSON within its bound, however it is sent', async t => {
  const echo = await gatewayFor(t, { answer: async e => e.json(200, await e.body()) })
  t.match(await ask(echo, '/x', { method: 'POST', json: { a: [1] } }), { status: 200, json: { a: [1] } })
  const json = { 'content-type': 'application/json; charset=utf-8' }
  const post = { method: 'POST', headers: json }
  t.match(await ask(echo, '/x', { ...post, body: '"é"' }), { status: 200, json: 'é' })
  t.match(await ask(echo, '/x', { ...post, body: '{' }), { status: 400, json: { error: { code: 'ERR_VALUE' } } })
  t.match(await ask(echo, '/x', { ...post, body: Uint8Array.of(0x22, 0xff, 0x22) }), { status: 400 }, 'no UTF-8')
  const tooLarge = { status: 413, json: { error: { code: 'ERR_TOO_LARGE' } } }
  t.match(await ask(echo, '/x', { ...post, body: `"${'x'.repeat(2_000)}"` }), tooLarge)
  const chunked = { ...json, 'transfer-encoding': 'chunked' }
  t.match(await ask(echo, '/x', { ...post, headers: chunked, body: `"${'x'.repeat(2_000)}"` }), tooLarge, 'unannounced')
  t.match(await ask(echo, '/x', { ...post, headers: { ...json, expect: '100-continue' }, body: '1' }), { json: 1 })
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp']) {
    const headers = { 'content-type': type }
    t.match(await ask(echo, '/x', { method: 'POST', headers, body: '1' }), { status: 415 }, type)
  }
  const gzip = { ...json, 'content-encoding': 'gzip' }
  t.match(await ask(echo, '/x', { method: 'POST', headers: gzip, body: '1' }), { status: 415 })
})

t.test('what is not there, and what is not done there, has its status', async t => {
  const gateway = await gatewayFor(t, {})
  t.match(await ask(gateway, '/y'), { status: 404, json: { error: { code: 'ERR_KEY', message: 'nothing is at /y' } } })
  t.match(await ask(gateway, '/x'), { status: 405, headers: { allow: 'POST' } })
  t.match(await ask(gateway, '/x', { method: 'POST' }), { status: 204 })
  t.match(await ask(gateway, '/x', { method: 'POST', headers: { host: 'evil.example' } }), { status: 403 })
  t.match(await ask(gateway, '*', { method: 'OPTIONS' }), { status: 400 })
})

t.test('an error that is nobody else\'s business stays here', async t => {
  const gateway = await gatewayFor(t, {
    answer: () => {
      throw new Error('secret of /home/user')
    },
  })
  const { status, text } = await ask(gateway, '/x', { method: 'POST' })
  t.equal(status, 500)
  t.notMatch(text, /secret/)
})

t.test('a client that goes away is noticed', async t => {
  let aborted: (() => void) | undefined
  const gone = new Promise<void>(resolve => (aborted = resolve))
  let begun: (() => void) | undefined
  const asked = new Promise<void>(resolve => (begun = resolve))
  const gateway = await gatewayFor(t, {
    answer: exchange => {
      exchange.signal.addEventListener('abort', () => aborted?.())
      begun?.()
    },
  })
  const socket = connect(gateway.port, '127.0.0.1')
  socket.write('POST /x HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await asked
  socket.destroy()
  await gone
  t.pass()
})

t.test('a head that does not come to its end is not waited for', async t => {
  const gateway = await gatewayFor(t, {}, { headersMs: 100 })
  const socket = connect(gateway.port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.write('POST /x HTTP/1.1\r\n')
  const [answer] = (await once(socket, 'data')) as [Buffer]
  t.match(String(answer), /^HTTP\/1\.1 408 /)
})

t.test('who is refused while still sending gets to know why', async t => {
  const gateway = await gatewayFor(t, { answer: async e => e.json(200, await e.body()) })
  for (const length of ['Content-Length: 33554432', 'Transfer-Encoding: chunked']) {
    const socket = connect(gateway.port, '127.0.0.1')
    const head = `POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${length}\r\n\r\n`
    // a client that looks at the answer only once it has sent all that it has
    socket.pause().write(head)
    const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(1 << 20, 'x'), Buffer.from('\r\n')])
    for (let n = 0; n < 32; n++) if (!socket.write(chunk)) await once(socket, 'drain')
    socket.end(length.startsWith('T') ? '0\r\n\r\n' : '')
    const [answer] = await once(socket.resume(), 'data') as [Buffer]
    t.match(String(answer), /^HTTP\/1\.1 413 /, length)
    await once(socket, 'close')
  }
})

t.test('who does not read what was asked for is not waited for', async t => {
  const answer: Route['answer'] = exchange => exchange.send(200, 'text/plain', 'x'.repeat(64 << 20))
  const { server, port } = await gatewayFor(t, { answer }, { idleMs: 50 })
  const closed = once(server, 'connection').then(([accepted]) => once(accepted as Socket, 'close'))
  const socket = connect(port, '127.0.0.1').pause()
  t.teardown(() => socket.destroy())
  socket.write('POST /x HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await closed
  t.pass()
})

t.test('who waits for an answer that takes its time is', async t => {
  const gateway = await gatewayFor(t, {
    answer: async exchange => {
      await new Promise(resolve => setTimeout(resolve, 200))
      exchange.empty(204)
    },
  }, { idleMs: 50 })
  t.match(await ask(gateway, '/x', { method: 'POST' }), { status: 204 })
})

t.test('garbage is answered with 400 and the connection is closed', async t => {
  const gateway = await gatewayFor(t, {})
  const socket = connect(gateway.port, '127.0.0.1')
  socket.write('GET \0\r\n\r\n')
  const [answer] = (await once(socket, 'data')) as [Buffer]
  t.match(String(answer), /^HTTP\/1\.1 400 /)
  await once(socket, 'close')
})

t.test('closing lets a request finish and takes no other', async t => {
  let finish: (() => void) | undefined
  let begun: (() => void) | undefined
  const asked = new Promise<void>(resolve => (begun = resolve))
  const { gateway, port } = await gatewayFor(t, {
    answer: exchange => {
      finish = () => exchange.empty(204)
      begun?.()
    },
  })
  const answer = ask({ port }, '/x', { method: 'POST' })
  await asked
  const closed = gateway.close(10_000)
  await t.rejects(ask({ port }, '/x', { method: 'POST' }))
  finish?.()
  t.match(await answer, { status: 204 })
  await closed
})
