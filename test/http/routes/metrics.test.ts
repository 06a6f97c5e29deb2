import t from 'tap'
import { Dispatcher } from '../../../lib/work/index.js'
import { lint, parse } from '../../metrics/fixtures/exposition.js'
import { ask, served } from '../fixtures/ask.js'

t.test('a peer tells its metrics over HTTP, life after life, and those of the process if asked', async (t) => {
  const peer = await served(t, { http: { processMetrics: true } })
  const other = await served(t, {}, [peer.name])
  const work = new Dispatcher(other)
  work.serve('a', () => 1)
  await work.waitFor('a')
  await work.request('a')
  const here = await ask(peer, '/metrics')
  t.match(here, { status: 200, headers: { 'content-type': /^text\/plain; version=0\.0\.4; charset=utf-8$/ } })
  const found = parse(here.text)
  t.strictSame(found.filter(({ name }) => name.startsWith('telepathine_')).flatMap(lint), [])
  t.ok(found.some(({ name }) => name === 'telepathine_event_loop_delay_seconds'))
  t.ok(found.some(({ name }) => name === 'nodejs_heap_size_used_bytes'))
  t.ok(found.find(({ name }) => name === 'telepathine_connections')?.samples.length)
  const there = await ask(other, '/metrics')
  t.notMatch(there.text, /nodejs_/)
  t.match(there.text, /^telepathine_calls_total\{service="a",outcome="ok"\} 1$/m)
  await peer.stop()
  await peer.start().ready()
  const again = parse((await ask(peer, '/metrics')).text)
  t.strictSame(again.map(({ name }) => name), found.map(({ name }) => name), 'once each')
  await work.stop()
})

t.test('reading metrics is guarded as all reading is', async (t) => {
  const token = 'a-token-for-reading'
  const open = await served(t, { http: { token } })
  t.equal((await ask(open, '/metrics')).status, 200)
  const peer = await served(t, { http: { token, private: true } })
  t.match(await ask(peer, '/metrics'), { status: 401 })
  t.match(await ask(peer, '/metrics', { headers: { authorization: `Bearer ${token}` } }), { status: 200 })
  t.match(await ask(open, '/metrics', { headers: { host: 'evil.example' } }), { status: 403 })
  t.match(await ask(open, '/metrics', { method: 'POST' }), { status: 405 })
})
