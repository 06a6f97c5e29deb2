import { once } from 'node:events'
import { createServer, request, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { Exchange } from '../../lib/http/exchange.js'
import { Lines } from '../../lib/http/lines.js'

/** Lines to a client that has not read anything yet. */
async function linesTo(t: Test, accept: string): Promise<{ lines: Lines, answer: IncomingMessage }> {
  const server = createServer().listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const asked = request({ port, host: '127.0.0.1', headers: { accept }, agent: false })
  t.teardown(() => asked.destroy())
  const answered = once(asked, 'response') as Promise<[IncomingMessage]>
  const served = once(server, 'request') as Promise<ConstructorParameters<typeof Exchange>>
  asked.end()
  const [incoming, outgoing] = await served
  const lines = new Lines(new Exchange(incoming, outgoing, { path: new Map(), query: new URLSearchParams() }, 0))
  const [answer] = await answered
  return { lines, answer }
}

async function textOf(answer: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of answer.setEncoding('utf8') as AsyncIterable<string>) text += chunk
  return text
}

t.test('lines are of the kind that was asked for', async t => {
  const ndjson = await linesTo(t, 'application/x-ndjson')
  ndjson.lines.write('chunk', { value: 'a\nb' })
  ndjson.lines.end({ ok: true })
  t.equal(ndjson.answer.headers['content-type'], 'application/x-ndjson')
  t.equal(await textOf(ndjson.answer), '{"type":"chunk","value":"a\\nb"}\n{"type":"end","ok":true}\n')
  const events = await linesTo(t, 'text/event-stream')
  events.lines.write('chunk', { value: 'a\nb' })
  events.lines.end()
  t.equal(events.answer.headers['x-accel-buffering'], 'no')
  t.equal(await textOf(events.answer), 'event: chunk\ndata: {"value":"a\\nb"}\n\n')
})

t.test('what a slow client does not take is dropped beyond a bound, and counted', async t => {
  const { lines, answer } = await linesTo(t, 'application/x-ndjson')
  const value = 'x'.repeat(1 << 20)
  const written = Array.from({ length: 40 }, () => lines.write('chunk', { value }))
  t.equal(written[0], false, 'better wait')
  const drained = lines.drained()
  const text = textOf(answer)
  await drained
  lines.write('chunk', { value: 'last' })
  lines.end()
  const types = (await text).trim().split('\n').map(line => JSON.parse(line) as { type: string, count?: number })
  const missed = types.find(({ type }) => type === 'missed')?.count ?? 0
  t.ok(missed > 0)
  t.equal(types.filter(({ type }) => type === 'chunk').length, 41 - missed)
  t.match(types.at(-1), { type: 'chunk', value: 'last' })
})

t.test('who has gone is not waited for', async t => {
  const { lines, answer } = await linesTo(t, 'application/x-ndjson')
  for (let n = 0; n < 10; n++) lines.write('chunk', { value: 'x'.repeat(1 << 20) })
  const drained = lines.drained()
  answer.destroy()
  await drained
  await lines.drained()
  lines.end()
  t.pass()
})
