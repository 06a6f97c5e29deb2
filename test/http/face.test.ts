import { connect } from 'node:net'
import { once } from 'node:events'
import t from 'tap'
import { Telepathine } from '../../lib/index.js'
import { ask, follow, served } from './fixtures/ask.js'

t.test('keys are read of any peer and written of the one that is asked', async t => {
  const a = await served(t)
  const b = await served(t, {}, [a.name])
  t.match(await ask(a, '/state/a%2Fb', { method: 'PUT', json: { n: 1 } }), { status: 204 })
  t.strictSame(a.get('a/b'), { n: 1 })
  await known(b, a.name, 'a/b')
  t.match(await ask(b, `/state/a/b?peer=${a.name}`), {
    status: 200, json: { key: 'a/b', peer: a.name, value: { n: 1 }, version: Number, expiresAt: null },
  })
  t.match(await ask(b, '/state/a/b'), { status: 404, json: { error: { code: 'ERR_KEY' } } })
  t.match(await ask(b, '/state/a/b?peer=127.0.0.1:1'), { status: 404, json: { error: { code: 'ERR_ADDRESS' } } })
  t.strictSame((await ask(b, `/state?peer=${a.name}`)).json, { peer: a.name, keys: ['a/b'] })
  const expiresAt = Date.now() + 60_000
  t.match(await ask(a, `/state/..?expiresAt=${expiresAt}`, { method: 'PUT', json: 1 }), { status: 204 })
  const { json } = await ask(a, '/state/..')
  t.ok(Math.abs((json as { expiresAt: number }).expiresAt - expiresAt) < 1_000)
  t.match(await ask(a, '/state/x?expiresAt=soon', { method: 'PUT', json: 1 }), { status: 400 })
  t.match(await ask(a, '/state/%E0', { method: 'PUT', json: 1 }), { status: 400 })
  t.match(await ask(a, '/state/a/b', { method: 'DELETE' }), { status: 204 })
  t.match(await ask(a, '/state/a/b', { method: 'DELETE' }), { status: 404 })
})

t.test('events are said to all and can be followed, one\'s own too', async t => {
  const a = await served(t)
  const b = await served(t, {}, [a.name])
  const events = follow(t, b, '/events?hear=order:*&know=**', 'application/x-ndjson')
  const first = events.next()
  await ask(b, '/healthz') // the stream is open by the time that this is answered
  t.match(await ask(b, '/events/order:new', { method: 'POST', json: { id: 1 } }), { status: 202 })
  t.strictSame(JSON.parse((await first).value as string), {
    type: 'say', event: 'order:new', data: { id: 1 }, from: b.name,
  })
  await ask(a, '/events/other', { method: 'POST', json: 0 })
  await ask(a, '/events/order:old', { method: 'POST', json: null })
  t.strictSame(JSON.parse((await events.next()).value as string), {
    type: 'say', event: 'order:old', data: null, from: a.name,
  })
  a.set('key', 'value')
  t.strictSame(JSON.parse((await events.next()).value as string), {
    type: 'set', peer: a.name, key: 'key', value: 'value', expiresAt: null,
  })
  await b.stop()
  t.strictSame(JSON.parse((await events.next()).value as string), { type: 'end' }, 'ends with the peer')
})

t.test('events come as server-sent events unless asked for otherwise', async t => {
  const a = await served(t)
  const events = follow(t, a, '/events', 'text/event-stream')
  const first = events.next()
  await ask(a, '/healthz')
  a.say('x', 'line\nbreak')
  t.equal((await first).value, 'event: say')
  t.equal((await events.next()).value, `data: {"event":"x","data":"line\\nbreak","from":"${a.name}"}`)
})

t.test('patterns that would cost too much are refused', async t => {
  const a = await served(t)
  for (const query of ['hear=', 'hear=**:a:**:b:**', `know=${'x'.repeat(2_000)}`, 'hear=a&'.repeat(17)]) {
    t.match(await ask(a, `/events?${query}`), { status: 400 }, query.slice(0, 20))
  }
})

t.test('who is there and who is not', async t => {
  const a = await served(t, {}, ['127.0.0.1:1'])
  t.match(await ask(a, '/readyz'), { status: 503 }, 'has met nobody')
  t.match(await ask(a, '/healthz'), { status: 200 })
  t.match((await ask(a, '/')).text, /- <a href="http:\/\/127\.0\.0\.1:1">127\.0\.0\.1:1<\/a> last seen never/)
  const b = new Telepathine(0, [a.name], { metadata: { role: 'db' } })
  await b.start().ready()
  await new Promise(resolve => a.once('peer:start', resolve))
  t.match(await ask(a, '/readyz'), { status: 200 })
  const members = (await ask(a, '/peers')).json as { name: string }[]
  t.match(members.find(member => member.name === b.name), { state: 'alive', self: false, metadata: { role: 'db' } })
  t.match(members.find(member => member.name === a.name), { state: 'alive', self: true })
  const page = await ask(a, '/')
  t.match(page.headers['content-type'], /^text\/html/)
  t.match(page.text, new RegExp(`\\+ <a href="http://${b.name}">${b.name}</a> up 0 seconds`))
  t.match(page.text, /1 active connections/)
  const stopped = new Promise(resolve => a.once('peer:stop', resolve))
  await b.stop()
  await stopped
  t.match((await ask(a, '/')).text, `- <a href="http://${b.name}">${b.name}</a> last seen 0 seconds ago (left)`)
  t.match((await ask(a, '/')).text, /0 active connections/)
})

t.test('a peer with a token keeps its writes, a peer without HTTP its silence', async t => {
  const guarded = await served(t, { http: { token: 'long-secret' } })
  t.match(await ask(guarded, '/state/x', { method: 'PUT', json: 1 }), { status: 401 })
  const authorization = 'Bearer long-secret'
  t.match(await ask(guarded, '/state/x', { method: 'PUT', json: 1, headers: { authorization } }), { status: 204 })
  const silent = await served(t, { http: false })
  await t.rejects(ask(silent, '/peers'))
})

t.test('the original\'s hello is answered only if asked for', async t => {
  const a = await served(t)
  t.match(await ask(a, '/hello/10.0.0.9/99', { method: 'POST', json: {} }), { status: 404 })
  const old = await served(t, { http: { legacy: true } })
  const { status, json } = await ask(old, '/hello/10.0.0.9/99', { method: 'POST', json: {} })
  t.equal(status, 200)
  t.match(json, { '10.0.0.9:99': { firstSeen: -1, lastSeen: -1, down: true }, [old.name]: { down: false } })
  t.match(await ask(old, '/hello/%3Cscript%3E/99', { method: 'POST', json: {} }), { status: 400 })
  t.match((await ask(old, '/')).text, /- <a href="http:\/\/10\.0\.0\.9:99">/)
})

t.test('all routes are described', async t => {
  const a = await served(t)
  const { json } = await ask(a, '/openapi.json')
  t.match(json, { openapi: /^3\.1/, paths: { '/state/{key}': { get: Object, put: { security: [{ token: [] }] } } } })
})

t.test('a peer that stops closes its connections, and serves again after a start', async t => {
  const a = await served(t)
  const idle = connect(a.port, '127.0.0.1')
  idle.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await once(idle, 'data')
  await Promise.all([once(idle, 'close'), a.stop()])
  await a.start().ready()
  t.match(await ask(a, '/healthz'), { status: 200 })
})

async function known(peer: Telepathine, owner: string, key: string): Promise<void> {
  for await (const each of peer.watch(key, { signal: AbortSignal.timeout(10_000) })) if (each.peer === owner) return
}
