import { subscribe as subscribeTo, unsubscribe } from 'node:diagnostics_channel'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { channels, subscribe, traces, type DiagnosticMessages } from '../lib/diagnostics.js'
import { Telepathine } from '../lib/index.js'
import { Simulation } from '../simulation/index.js'
import { until } from './fixtures/until.js'

type Name = keyof DiagnosticMessages

/** What is said on a channel, until the end of the test. */
function said<N extends Name>(t: Test, name: N): DiagnosticMessages[N][] {
  const seen: DiagnosticMessages[N][] = []
  t.teardown(subscribe(name, (message) => void seen.push(message)))
  return seen
}

t.test('docs/metrics.md lists all channels, and no others', async (t) => {
  const text = readFileSync(join(import.meta.dirname, '../docs/metrics.md'), 'utf8')
  const listed = [...text.matchAll(/^\| `((?:tracing:)?telepathine:[\w:*]+)` \|/gm)].map(([, name]) => name)
  const tracing = Object.keys(traces).map((name) => `tracing:${name}:*`)
  t.strictSame(listed, [...Object.keys(channels), ...tracing])
})

t.test('a channel has the name that it is published under, and nobody hears of it after the end', async (t) => {
  const sim = new Simulation({ peers: 2, seed: 1 })
  const seen: unknown[] = []
  const heard = (message: unknown): void => void seen.push(message)
  subscribeTo('telepathine:peer:start', heard)
  await sim.run(1_000)
  const names = sim.peers.map(({ name }) => name)
  t.same(seen, [{ self: names[1], peer: names[0] }, { self: names[0], peer: names[1] }])
  unsubscribe('telepathine:peer:start', heard)
  sim.restart(1)
  await sim.run(5_000)
  t.equal(seen.length, 2)
  for (const [name, { hasSubscribers }] of Object.entries(channels)) t.equal(hasSubscribers, false, name)
})

t.test('what becomes of a peer, step by step', async (t) => {
  const sim = new Simulation({ peers: 4, seed: 3 })
  const all = (['new', 'start', 'suspect', 'trust', 'stop', 'forgotten'] as const).map((kind) => {
    return [kind, said(t, `telepathine:peer:${kind}`)] as const
  })
  await sim.run(2_000)
  const [first, , , last] = sim.peers.map(({ name }) => name)
  const steps = (): string[] => all.flatMap(([kind, seen]) => {
    return seen.some(({ self, peer }) => self === first && peer === last) ? [kind] : []
  })
  t.strictSame(steps(), ['new', 'start'])
  sim.pause(3, 2_200)
  await sim.run(4_000)
  t.strictSame(steps(), ['new', 'start', 'suspect', 'trust'])
  const [, suspicions] = all[2] ?? []
  t.ok(suspicions?.every((message) => 'by' in message && message.by !== last))
  sim.crash(3)
  await sim.run(20_000)
  t.strictSame(steps(), ['new', 'start', 'suspect', 'trust', 'stop'])
  t.match(all[4]?.[1].find(({ self }) => self === first), { peer: last, reason: 'failed' })
  await sim.run(900_000)
  t.strictSame(steps(), ['new', 'start', 'suspect', 'trust', 'stop', 'forgotten'])
})

t.test('messages that go out and come in: what, whose, how, how long', async (t) => {
  const sim = new Simulation({ peers: 2, seed: 1 })
  await sim.run(2_000)
  const [sent, received] = [said(t, 'telepathine:message:sent'), said(t, 'telepathine:message:received')]
  sim.peers[0]?.set('a', 'x'.repeat(100))
  await sim.run(3_000)
  const [a, b] = sim.peers.map(({ name }) => name)
  const news = sent.find(({ kind }) => kind === 'news')
  t.match(news, { self: a, peer: b, via: 'datagram' })
  t.ok((news?.bytes ?? 0) > 100)
  t.equal(received.find(({ kind }) => kind === 'news')?.bytes, news?.bytes)
  t.strictSame(new Set(sent.map(({ kind }) => kind)), new Set(['news', 'heartbeat', 'digest', 'delta']))
})

t.test('real sockets: connections, garbage, a snapshot', async (t) => {
  const folder = t.testdir()
  const file = join(folder, 'snapshot.json')
  await writeFile(file, JSON.stringify({ incarnation: 5, peers: ['127.0.0.1:1'] }))
  const loaded = said(t, 'telepathine:snapshot:loaded')
  const [up, down] = [said(t, 'telepathine:link:up'), said(t, 'telepathine:link:down')]
  const rejected = said(t, 'telepathine:rejected')
  const a = await new Telepathine(0, [], { snapshot: file, preset: 'local' }).start().ready()
  t.teardown(() => a.stop())
  t.same(loaded, [{ file, incarnation: 5, peers: ['127.0.0.1:1'] }])
  const b = await new Telepathine(0, [a.name], { preset: 'local' }).start().ready()
  t.teardown(() => b.stop())
  await until(() => up.some(({ self, peer }) => self === a.name && peer === b.name))
  connect(a.port, '127.0.0.1').on('error', () => undefined).end('hello there, is this a mail server?\r\n')
  await until(() => rejected.length > 0)
  t.match(rejected, [{ self: a.name, address: /^127\.0\.0\.1:/, reason: 'not a peer', kind: 'protocol' }])
  await until(() => down.some(({ self, peer, how }) => self === a.name && peer === '127.0.0.1:1' && how === 'refused'))
})

t.test('more is said than can be sent: held back, and drained', async (t) => {
  const sim = new Simulation({ peers: 2, seed: 1 })
  await sim.run(1_000)
  const states = said(t, 'telepathine:backpressure')
  const [peer] = sim.peers
  let room = true
  for (let i = 0; room && i < 10_000; i++) room = peer?.say('flood', 'x'.repeat(100_000)) ?? false
  t.equal(room, false)
  t.same(states, [{ self: peer?.name, state: 'held' }])
  await sim.run(60_000)
  t.same(states.at(-1), { self: peer?.name, state: 'drained' })
})
