import { AsyncLocalStorage } from 'node:async_hooks'
import { tracingChannel } from 'node:diagnostics_channel'
import { context, createTraceState, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  BasicTracerProvider, InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import t, { type Test } from 'tap'
import { subscribe, type CallMessage, type DiagnosticMessages, type ServeMessage } from '../../lib/diagnostics.js'
import { Telepathine, type TelepathineError } from '../../lib/index.js'
import { CallError, Dispatcher, openQueue } from '../../lib/work/index.js'
import { Crew } from './fixtures/crew.js'

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

/** Spans as an application would collect them, until the end of the test. */
function collected(t: Test): () => Promise<ReadableSpan[]> {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  trace.setGlobalTracerProvider(provider)
  t.teardown(async () => {
    trace.disable()
    context.disable()
    await provider.shutdown()
  })
  return async () => {
    await provider.forceFlush()
    return exporter.getFinishedSpans()
  }
}

/** What a tracing channel says, until the end of the test. */
function heard<M>(t: Test, name: string): [event: string, message: M][] {
  const seen: [string, M][] = []
  const tell = (event: string) => (message: unknown): void => void seen.push([event, message as M])
  const listeners = {
    start: tell('start'), end: tell('end'), asyncStart: tell('asyncStart'), asyncEnd: tell('asyncEnd'),
    error: tell('error'),
  }
  tracingChannel(name).subscribe(listeners)
  t.teardown(() => tracingChannel(name).unsubscribe(listeners))
  return seen
}

function said<N extends keyof DiagnosticMessages>(t: Test, name: N): DiagnosticMessages[N][] {
  const seen: DiagnosticMessages[N][] = []
  t.teardown(subscribe(name, (message) => void seen.push(message)))
  return seen
}

t.test('a call and its handler are told of on the tracing channels, each with one object', async (t) => {
  const crew = await Crew.of(2)
  crew.work(1).serve('double', async (n: number) => {
    if (n < 0) throw new RangeError('too small')
    await crew.sleep(1, 5)
    return n * 2
  })
  await crew.sim.run(100)
  const calls = heard<CallMessage>(t, 'telepathine:call')
  const servings = heard<ServeMessage>(t, 'telepathine:serve')
  t.equal(await crew.value(crew.work(0).request('double', 4)), 8)
  t.strictSame(calls.map(([event]) => event), ['start', 'end', 'asyncStart', 'asyncEnd'])
  t.strictSame(servings.map(([event]) => event), ['start', 'end', 'asyncStart', 'asyncEnd'])
  t.equal(new Set(calls.map(([, message]) => message)).size, 1)
  t.strictSame(calls[0]?.[1], {
    self: crew.name(0), service: 'double', kind: 'request', trace: undefined, worker: crew.name(1), attempts: 1,
    result: 8,
  })
  t.strictSame(servings[0]?.[1], {
    self: crew.name(1), service: 'double', from: crew.name(0), kind: 'request', attempt: 1, trace: undefined,
  })
  calls.length = servings.length = 0
  await crew.error(crew.work(0).request('double', -1))
  t.strictSame(calls.map(([event]) => event), ['start', 'end', 'error', 'asyncStart', 'asyncEnd'])
  t.match(calls[0]?.[1].error, { code: 'ERR_HANDLER' })
  t.match(servings.find(([event]) => event === 'error')?.[1].error, { name: 'RangeError' })
})

t.test('a call that cannot even begin has failed on its channel too', async (t) => {
  const crew = await Crew.of(2)
  const calls = heard<CallMessage>(t, 'telepathine:call')
  t.equal((await crew.error(crew.work(0).request('nobody'))).code, 'ERR_NO_WORKER')
  t.equal((await crew.error(crew.work(0).request('nobody', () => 1))).code, 'ERR_VALUE')
  const failures = calls.filter(([event]) => event === 'error').map(([, { error }]) => (error as TelepathineError).code)
  t.strictSame(failures, ['ERR_NO_WORKER', 'ERR_VALUE'])
  t.equal(calls.filter(([event]) => event === 'end').length, 2)
})

t.test('a store that is bound to the start of a handler is there to its end, in generators too', async (t) => {
  const crew = await Crew.of(2)
  const storage = new AsyncLocalStorage<string>()
  const { start } = tracingChannel<unknown, ServeMessage>('telepathine:serve')
  start.bindStore(storage, ({ service }) => `serving ${service}`)
  t.teardown(() => void start.unbindStore(storage))
  crew.work(1).serve('later', async () => {
    await crew.sleep(1, 5)
    return storage.getStore()
  })
  crew.work(1).serve('several', async function* () {
    yield storage.getStore()
    await crew.sleep(1, 5)
    yield storage.getStore()
  }, { concurrency: 1 })
  await crew.sim.run(100)
  t.equal(await crew.value(crew.work(0).request('later')), 'serving later')
  const values = crew.work(0).stream('several')
  const all = async (): Promise<unknown[]> => {
    const found: unknown[] = []
    for await (const value of values) found.push(value)
    return found
  }
  t.strictSame(await crew.value(all()), ['serving several', 'serving several'])
  t.equal(storage.getStore(), undefined)
})

t.test('attempts and refusals are told of', async (t) => {
  const crew = await Crew.of(3)
  for (const worker of [1, 2]) {
    crew.work(worker).serve('slow', () => crew.sleep(worker, 50), { concurrency: 1, queue: 0 })
  }
  await crew.sim.run(100)
  const attempts = said(t, 'telepathine:call:attempt')
  const refusals = said(t, 'telepathine:serve:refused')
  const calls = [1, 2, 3].map(() => crew.watch(crew.work(0).request('slow')))
  for (const call of calls) await crew.settles(call)
  t.equal(calls.filter(({ error }) => error?.code === 'ERR_BUSY').length, 1)
  t.ok(refusals.length >= 2)
  for (const refusal of refusals) t.match(refusal, { from: crew.name(0), service: 'slow', reason: 'busy' })
  t.equal(attempts.length, 2 + refusals.length)
  t.ok(attempts.some(({ attempt }) => attempt === 2))
})

t.test('a trace context that a subscriber gives goes with the call, if it is one', async (t) => {
  const crew = await Crew.of(2)
  crew.work(1).serve('echo', (value: unknown) => value)
  await crew.sim.run(100)
  const servings = heard<ServeMessage>(t, 'telepathine:serve')
  let given = { traceparent, tracestate: 'a=1' }
  const start = (message: unknown): void => void ((message as CallMessage).trace = given)
  tracingChannel('telepathine:call').start.subscribe(start)
  t.teardown(() => tracingChannel('telepathine:call').start.unsubscribe(start))
  const large = Buffer.alloc(100_000, 1)
  t.equal(await crew.value(crew.work(0).request('echo', 1, { key: 'k' })), 1)
  t.strictSame(await crew.value(crew.work(0).request('echo', large)), large)
  given = { traceparent: 'nonsense', tracestate: '' }
  t.equal(await crew.value(crew.work(0).request('echo', 2)), 2)
  const traces = servings.filter(([event]) => event === 'start').map(([, message]) => message.trace)
  t.strictSame(traces, [{ traceparent, tracestate: 'a=1' }, { traceparent, tracestate: 'a=1' }, undefined])
})

t.test('spans: a client\'s, and as its child, on the other peer, a server\'s', async (t) => {
  const crew = await Crew.of(2)
  crew.work(1).serve('inner', (n: number) => n + 1)
  crew.work(1).serve('outer', async (n: number) => {
    await crew.sleep(1, 5)
    trace.getActiveSpan()?.setAttribute('mine', 'outer')
    return crew.work(1).request('inner', n)
  })
  await crew.sim.run(100)
  const spans = collected(t)
  const outcome = trace.getTracer('test').startActiveSpan('root', (root) => {
    const call = crew.work(0).request<number>('outer', 1)
    root.end()
    return call
  })
  t.equal(await crew.value(outcome), 2)
  const all = await spans()
  const root = all.find(({ name }) => name === 'root')
  const find = (name: string, kind: SpanKind): ReadableSpan | undefined =>
    all.find((span) => span.name === name && span.kind === kind)
  const chain = [
    root, find('outer', SpanKind.CLIENT), find('outer', SpanKind.SERVER), find('inner', SpanKind.CLIENT),
    find('inner', SpanKind.SERVER),
  ]
  t.equal(all.length, chain.length)
  for (const [i, span] of chain.entries()) {
    t.ok(span, `span ${i}`)
    t.equal(span?.spanContext().traceId, root?.spanContext().traceId)
    t.equal(span?.parentSpanContext?.spanId, chain[i - 1]?.spanContext().spanId)
  }
  const [host, port] = crew.name(1).split(':')
  t.strictSame(chain[1]?.attributes, {
    'rpc.system.name': 'telepathine', 'rpc.method': 'outer', 'telepathine.call.kind': 'request',
    'server.address': host, 'server.port': Number(port), 'rpc.response.status_code': 'OK',
  })
  t.match(chain[2]?.attributes, { 'rpc.method': 'outer', 'client.address': crew.name(0).split(':')[0], mine: 'outer' })
  t.equal(chain[2]?.parentSpanContext?.isRemote, true)
})

t.test('spans: of a push, of a stream, of what fails, and the trace state comes along', async (t) => {
  const crew = await Crew.of(2)
  crew.work(1).serve('log', () => 1)
  crew.work(1).serve('fail', () => {
    throw Object.assign(new TypeError('no such thing'), { code: 'E_MINE' })
  })
  crew.work(1).serve('count', function* (n: number) {
    trace.getActiveSpan()?.addEvent('counts')
    while (n > 0) yield n--
  })
  await crew.sim.run(100)
  const spans = collected(t)
  const remote = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1, traceState: createTraceState('v=1') }
  await context.with(trace.setSpanContext(context.active(), remote), () => crew.value(crew.work(0).push('log')))
  await crew.sim.run(100)
  const [consumer, producer] = await spans()
  t.equal(producer?.kind, SpanKind.PRODUCER)
  t.equal(consumer?.kind, SpanKind.CONSUMER)
  t.equal(consumer?.spanContext().traceId, remote.traceId)
  t.equal(consumer?.spanContext().traceState?.get('v'), '1')

  const error = await crew.error(crew.work(0).request('fail'))
  t.ok(error instanceof CallError)
  const failed = (await spans()).filter(({ name }) => name === 'fail')
  t.strictSame(failed.map(({ kind, status }) => [kind, status.code]), [
    [SpanKind.SERVER, SpanStatusCode.ERROR], [SpanKind.CLIENT, SpanStatusCode.ERROR],
  ])
  t.match(failed[0]?.attributes, { 'error.type': 'E_MINE' })
  t.match(failed[1]?.attributes, { 'error.type': 'ERR_HANDLER', 'rpc.response.status_code': 'ERR_HANDLER' })
  t.match(failed[0]?.events, [{ name: 'exception', attributes: { 'exception.message': 'no such thing' } }])

  const counted = crew.work(0).stream('count', 2)
  t.strictSame(await crew.value(counted.next()), { done: false, value: 2 })
  await crew.value(counted.return())
  await crew.sim.run(100)
  const streams = (await spans()).filter(({ name }) => name === 'count')
  t.equal(streams.length, 2)
  t.ok(streams.some(({ kind, events }) => kind === SpanKind.SERVER && events.some(({ name }) => name === 'counts')))
})

t.test('spans: retries are events of the one span that a call has', async (t) => {
  const crew = await Crew.of(3)
  for (const worker of [1, 2]) {
    crew.work(worker).serve('slow', () => crew.sleep(worker, 50), { concurrency: 1, queue: 0 })
  }
  await crew.sim.run(100)
  const spans = collected(t)
  const calls = [1, 2, 3].map(() => crew.watch(crew.work(0).request('slow')))
  for (const call of calls) await crew.settles(call)
  const clients = (await spans()).filter(({ kind }) => kind === SpanKind.CLIENT)
  t.equal(clients.length, 3)
  t.ok(clients.some(({ events }) => events.some(({ name }) => name === 'retry')))
  t.equal(clients.filter(({ attributes }) => attributes['error.type'] === 'ERR_BUSY').length, 1)
})

t.test('a handler is nobody\'s child but its caller\'s: what was active when it came in does not count', async (t) => {
  const crew = await Crew.of(2)
  crew.work(1).serve('one', () => crew.sleep(1, 5), { concurrency: 1 })
  await crew.sim.run(100)
  const spans = collected(t)
  const calls = [1, 2, 3].map(() => crew.watch(crew.work(0).request('one')))
  for (const call of calls) await crew.settles(call)
  const all = await spans()
  const servers = all.filter(({ kind }) => kind === SpanKind.SERVER)
  t.equal(servers.length, 3)
  t.equal(new Set(servers.map((span) => span.spanContext().traceId)).size, 3, 'those that waited have their own trace')
})

t.test('without OpenTelemetry there are no spans, and nothing of a trace goes over the wire', async (t) => {
  const crew = await Crew.of(2)
  crew.work(1).serve('plain', () => trace.getActiveSpan())
  await crew.sim.run(100)
  const servings = heard<ServeMessage>(t, 'telepathine:serve')
  t.equal(await crew.value(crew.work(0).request('plain')), undefined)
  t.equal(servings[0]?.[1].trace, undefined)
})

t.test('a job carries its trace through the queue, and each time that it is begun is a span', async (t) => {
  const queue = await openQueue(`file://${t.testdir()}`)
  const peer = await new Telepathine(0).start().ready()
  const work = new Dispatcher(peer, { queue })
  t.teardown(async () => {
    await work.stop()
    await queue.close()
    await peer.stop()
  })
  work.serve('invoice', (n: number, call) => {
    trace.getActiveSpan()?.addEvent('at it')
    if (call.attempt === 1) throw new RangeError('not yet')
    return n * 2
  }, { durable: true })
  const spans = collected(t)
  const calls = heard<CallMessage>(t, 'telepathine:call')
  const servings = heard<ServeMessage>(t, 'telepathine:serve')
  const token = await work.enqueue('invoice', 4, { attempts: 2, backoff: 1 })
  t.equal(await work.outcome(token), 8)
  t.match(calls[0]?.[1], { kind: 'enqueue', service: 'invoice', result: token })
  t.strictSame(servings.filter(([event]) => event === 'start').map(([, { attempt, kind }]) => [attempt, kind]), [
    [1, 'enqueue'], [2, 'enqueue'],
  ])
  const [producer, ...consumers] = (await spans()).filter(({ name }) => name === 'invoice')
  t.equal(producer?.kind, SpanKind.PRODUCER)
  t.strictSame(consumers.map(({ kind, status }) => [kind, status.code]), [
    [SpanKind.CONSUMER, SpanStatusCode.ERROR], [SpanKind.CONSUMER, SpanStatusCode.UNSET],
  ])
  for (const consumer of consumers) {
    t.equal(consumer.parentSpanContext?.spanId, producer?.spanContext().spanId)
    t.ok(consumer.events.some(({ name }) => name === 'at it'))
  }
  t.notOk((await spans()).some(({ name }) => name.startsWith('\0')), 'nothing of what peers do among themselves')
})
