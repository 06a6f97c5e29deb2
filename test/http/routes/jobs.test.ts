import { request } from 'node:http'
import t from 'tap'
import { Dispatcher } from '../../../lib/work/index.js'
import { TelepathineError } from '../../../lib/index.js'
import { routesOf } from '../../../lib/http/routes.js'
import { until } from '../../fixtures/until.js'
import { ask, follow, served } from '../fixtures/ask.js'

const post = (json: unknown, headers: Readonly<Record<string, string>> = {}) => ({ method: 'POST', json, headers })

t.test('a job is done by whoever serves it, wherever it is asked for', async t => {
  const a = await served(t)
  const b = await served(t, {}, [a.name])
  const work = new Dispatcher(b)
  work.serve('double', (n: number) => n * 2)
  work.serve('apps/zoo/echo', (input: unknown) => ({ echo: input }))
  await new Dispatcher(a).waitFor('apps/zoo/echo')
  t.match(await ask(a, '/jobs/double', post(21)), { status: 200, json: 42 })
  t.match(await ask(b, '/jobs/double', post(21)), { status: 200, json: 42 })
  t.match(await ask(a, '/apps/zoo/echo', post('hi')), { status: 200, json: { echo: 'hi' } })
  const stream = await ask(a, '/jobs/double', post(1, { accept: 'application/x-ndjson' }))
  t.equal(stream.text, '{"type":"chunk","value":2}\n{"type":"end","ok":true}\n')
})

t.test('each failure has its status', async t => {
  const a = await served(t)
  const work = new Dispatcher(a)
  let release: (() => void) | undefined
  const held = new Promise<void>(resolve => (release = resolve))
  work.serve('throw', () => {
    throw Object.assign(new RangeError('no such town'), { code: 'E_TOWN', data: { town: 7 } })
  })
  work.serve('deny', () => {
    throw new TelepathineError('ERR_DENIED', 'not you')
  })
  work.serve('lost', () => {
    throw new TelepathineError('ERR_PEER_LOST', 'crashed')
  })
  work.serve('busy', () => held, { concurrency: 1, queue: 0 })
  t.match(await ask(a, '/jobs/throw', post(0)), {
    status: 500,
    json: { error: {
      code: 'ERR_HANDLER', message: 'no such town', name: 'RangeError', cause: 'E_TOWN', data: { town: 7 },
      peer: a.name,
    } },
  })
  t.match(await ask(a, '/jobs/deny', post(0)), { status: 403 })
  t.match(await ask(a, '/jobs/lost', post(0)), { status: 502, json: { error: { maybeExecuted: true } } })
  t.match(await ask(a, '/jobs/nobody', post(0)), { status: 404, json: { error: { code: 'ERR_NO_WORKER' } } })
  const first = ask(a, '/jobs/busy', post(0))
  const fast = { 'x-telepathine-timeout-ms': '1' }
  t.match(await ask(a, '/jobs/busy', post(0)), { status: 429, headers: { 'retry-after': /^\d+$/ } })
  release?.()
  t.match(await first, { status: 200, json: null })
  work.serve('never', () => new Promise(() => undefined))
  t.match(await ask(a, '/jobs/never', post(0, fast)), { status: 504 })
  for (const ms of ['0', '-1', 'x', '1e3', '']) {
    t.match(await ask(a, '/jobs/never', post(0, { 'x-telepathine-timeout-ms': ms })), { status: 400 }, ms)
  }
  t.match(await ask(a, '/jobs/never', post(0, { 'x-telepathine-select': 'best' })), { status: 400 })
  t.match(await ask(a, '/jobs/throw', { method: 'PUT', json: 0 }), { status: 405 })
})

t.test('values come as lines, and what goes wrong on the way stands in the last', async t => {
  const a = await served(t)
  const work = new Dispatcher(a)
  work.serve('count', async function* (to: number) {
    for (let n = 1; n <= to; n++) yield n
    if (to === 2) throw new Error('only two')
  })
  const ndjson = { accept: 'application/x-ndjson' }
  t.equal((await ask(a, '/jobs/count', post(2, ndjson))).text,
    '{"type":"chunk","value":1}\n{"type":"chunk","value":2}\n' +
    `{"type":"end","ok":false,"error":{"code":"ERR_HANDLER","message":"only two","peer":"${a.name}","name":"Error"}}\n`)
  const events = await ask(a, '/jobs/count', post(1, { accept: 'text/event-stream' }))
  t.equal(events.text, 'event: chunk\ndata: {"value":1}\n\nevent: end\ndata: {"ok":true}\n\n')
  t.match(events.headers, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' })
  t.match(await ask(a, '/jobs/nobody', post(0, ndjson)), { status: 404 }, 'before the first value the status tells')
})

t.test('a client that goes away cancels its task', async t => {
  const a = await served(t)
  const work = new Dispatcher(a)
  let begun: (() => void) | undefined
  const began = new Promise<void>(resolve => (begun = resolve))
  const aborted = new Promise<void>(resolve => {
    work.serve('long', (_: unknown, { signal }) => new Promise(() => {
      signal.addEventListener('abort', () => resolve())
      begun?.()
    }))
  })
  const headers = { 'content-type': 'application/json' }
  const asked = request({ host: '127.0.0.1', port: a.port, path: '/jobs/long', method: 'POST', headers })
  asked.on('error', () => undefined)
  asked.end('1')
  await began
  asked.destroy()
  await aborted
  t.pass()
})

t.test('a result can be asked for later', async t => {
  const a = await served(t)
  const work = new Dispatcher(a)
  let release: ((value: unknown) => void) | undefined
  work.serve('slow', () => new Promise(resolve => (release = resolve)))
  const later = { prefer: 'respond-async' }
  const given = await ask(a, '/jobs/slow', post(0, later))
  t.match(given, { status: 202, json: { token: /^[\w-]{24}$/ }, headers: { location: /^\/jobs\// } })
  const location = given.headers.location ?? ''
  t.match(await ask(a, location), { status: 202, json: { done: false } })
  release?.({ n: 1 })
  const done = follow(t, a, '/healthz', '*/*')
  await done.next() // the result has come by the time that this is answered
  t.match(await ask(a, location), { status: 200, json: { n: 1 } })
  t.match(await ask(a, location, { method: 'DELETE' }), { status: 204 })
  t.match(await ask(a, location), { status: 404 })
  const failed = await ask(a, '/jobs/nobody', post(0, later))
  t.match(await ask(a, failed.headers.location ?? ''), { status: 404, json: { error: { code: 'ERR_NO_WORKER' } } })
})

t.test('who is asked for nothing in return gets nothing, once it is taken', async t => {
  const a = await served(t)
  const taken: unknown[] = []
  new Dispatcher(a).serve('log', (input: unknown) => (taken.push(input), 'unheard'))
  const minimal = { prefer: 'return=minimal' }
  const answer = await ask(a, '/jobs/log', post('x', minimal))
  t.match(answer, { status: 204, text: '', headers: { 'preference-applied': 'return=minimal' } })
  t.strictSame(taken, ['x'])
  t.match(await ask(a, '/jobs/nobody', post('x', minimal)), { status: 404 })
})

t.test('all who serve it can be asked at once', async t => {
  const a = await served(t)
  const b = await served(t, {}, [a.name])
  const c = await served(t, {}, [a.name])
  new Dispatcher(a).serve('name', () => 'a')
  new Dispatcher(b).serve('name', () => {
    throw new Error('none')
  })
  new Dispatcher(c).serve('name', () => new Promise(() => undefined))
  await new Dispatcher(a).waitFor('name', { count: 3 })
  const all = { 'x-telepathine-select': 'all', 'x-telepathine-timeout-ms': '200' }
  t.match(await ask(a, '/jobs/name', post(0, all)), {
    status: 200,
    json: {
      results: { [a.name]: 'a' }, errors: { [b.name]: { code: 'ERR_HANDLER', message: 'none' } },
      missing: [{ peer: c.name, reason: 'ERR_TIMEOUT' }], complete: false,
    },
  })
  const { text } = await ask(a, '/jobs/name', post(0, { ...all, accept: 'application/x-ndjson' }))
  const lines = text.trim().split('\n').map(line => JSON.parse(line) as { type: string })
  t.strictSame(lines.map(({ type }) => type), ['chunk', 'chunk', 'end'])
  t.match(lines.at(-1), { ok: true, complete: false, missing: [{ peer: c.name, reason: 'ERR_TIMEOUT' }] })
  t.match(await ask(a, '/jobs/nobody', post(0, all)), { status: 404 })
  t.match(await ask(a, '/jobs/name', post(0, { ...all, 'idempotency-key': 'k' })), { status: 400 })
})

t.test('what nobody serves for the moment is another matter than what nobody knows', async t => {
  const a = await served(t)
  const b = await served(t, {}, [a.name])
  new Dispatcher(b).serve('job', () => 1)
  const work = new Dispatcher(a)
  await work.waitFor('job')
  t.match(await ask(a, '/jobs/job', post(0, { 'x-telepathine-tags': 'none' })), { status: 404 })
  t.match(await ask(a, '/jobs/job', post(0, { 'x-telepathine-target': '127.0.0.1:1' })), { status: 404 })
  await b.stop()
  await until(() => work.workers('job').length === 0)
  const away = { status: 503, json: { error: { code: 'ERR_NO_WORKER', message: /at the moment$/ } },
    headers: { 'retry-after': '1' } }
  t.match(await ask(a, '/jobs/job', post(0)), away)
  t.match(await ask(a, '/jobs/job', post(0, { 'x-telepathine-target': b.name })), away)
  t.match(await ask(a, '/jobs/job', post(0, { accept: 'application/x-ndjson' })), away)
  t.match(await ask(a, '/jobs/other', post(0)), { status: 404 })
  routesOf(a).expects = service => service === 'apps/zoo/echo'
  t.match(await ask(a, '/apps/zoo/echo', post(0)), away, 'an app that is wanted')
  t.match(await ask(a, '/apps/zoo/other', post(0)), { status: 404 })
})
