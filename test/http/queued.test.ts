import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Dispatcher, openQueue } from '../../lib/work/index.js'
import { ask, served } from './fixtures/ask.js'

const post = (json: unknown, headers: Readonly<Record<string, string>> = {}) => ({
  method: 'POST', json, headers: { prefer: 'respond-async', ...headers },
})

/** A peer that serves HTTP and has a queue. */
async function queued(t: Test) {
  const folder = await mkdtemp(join(tmpdir(), 'telepathine-http-queue-'))
  const queue = await openQueue(`file://${folder}`)
  const peer = await served(t)
  const work = new Dispatcher(peer, { queue })
  t.teardown(async () => {
    await work.stop({ grace: 0 })
    await queue.close()
    await rm(folder, { recursive: true, force: true })
  })
  return { peer, work }
}

t.test('a task whose client does not wait is stored, if its service takes from the queue', async t => {
  const { peer, work } = await queued(t)
  work.serve('double', (n: number) => 2 * n, { durable: true })
  work.serve('plain', (n: number) => n)
  const first = await ask(peer, '/jobs/double', post(21))
  t.match(first, { status: 202, json: { done: false, durable: true }, headers: { location: /^\/jobs\/[\w-]{24}$/ } })
  const { location } = first.headers as { location: string }
  await work.outcome(location.slice('/jobs/'.length))
  t.match(await ask(peer, location), { status: 200, json: 42 })
  t.match(await ask(peer, location), { status: 200, json: 42 }, 'as often as one likes')
  const plain = await ask(peer, '/jobs/plain', post(1))
  t.strictSame(Object.keys(plain.json as object), ['token', 'done'], 'another is not')
})

t.test('one that nobody serves is stored when that is asked for, once for a key', async t => {
  const { peer, work } = await queued(t)
  const headers = { 'x-telepathine-durable': 'true', 'idempotency-key': 'k' }
  const one = await ask(peer, '/jobs/later', post(1, headers))
  const two = await ask(peer, '/jobs/later', post(1, headers))
  t.equal(one.headers['location'], two.headers['location'])
  t.match(await ask(peer, one.headers['location'] as string), { status: 202, json: { done: false } })
  t.match((await ask(peer, '/queues')).json, [{ name: 'later', waiting: 1, delayed: 0, running: 0, dead: 0 }])
  work.serve('later', (n: number) => n + 1, { durable: true })
  t.equal(await work.outcome((one.json as { token: string }).token), 2)
})

t.test('dead letters are shown, tried again and dropped', async t => {
  const { peer, work } = await queued(t)
  let isWell = false
  work.serve('ill', () => {
    if (!isWell) throw new RangeError('ill')
    return 'well'
  }, { durable: true })
  const { json } = await ask(peer, '/jobs/ill', post('input', { 'x-telepathine-attempts': '1' }))
  const { token } = json as { token: string }
  await t.rejects(work.outcome(token))
  t.match(await ask(peer, `/jobs/${token}`), { status: 500, json: { error: { code: 'ERR_HANDLER', message: 'ill' } } })
  t.match((await ask(peer, '/queues/ill')).json, [{ token, input: 'input', attempts: 1, error: { message: 'ill' } }])
  const letters = (await ask(peer, '/queues/ill?preview=5')).json as object[]
  t.strictSame(letters.map(letter => ({ ...letter, error: 0, enqueuedAt: 0 })), [
    {
      token, name: 'ill', isLarge: false, from: peer.name, enqueuedAt: 0, attempts: 1, input: '"inp…', error: 0,
    },
  ])
  t.match(await ask(peer, '/queues/ill?preview=x'), { status: 400, json: { error: { message: /preview/ } } })
  isWell = true
  t.match(await ask(peer, `/retries/${token}`, { method: 'POST' }), { status: 204 })
  t.equal(await work.outcome(token), 'well')
  t.match(await ask(peer, `/retries/${token}`, { method: 'POST' }), { status: 404 })
  t.match(await ask(peer, `/jobs/${token}`, { method: 'DELETE' }), { status: 404 })
})

t.test('what makes no sense is refused, and so is what needs a queue where there is none', async t => {
  const { peer } = await queued(t)
  for (const [header, value] of [['x-telepathine-delay-ms', '-1'], ['x-telepathine-attempts', '0']] as const) {
    const headers = { 'x-telepathine-durable': 'true', [header]: value }
    const answer = await ask(peer, '/jobs/x', post(1, headers))
    t.match(answer, { status: 400, json: { error: { code: 'ERR_OPTION' } } }, header)
  }
  const bare = await served(t)
  t.match(await ask(bare, '/jobs/x', post(1, { 'x-telepathine-durable': 'true' })), {
    status: 400, json: { error: { code: 'ERR_OPTION', message: /openQueue/ } },
  })
  t.strictSame((await ask(bare, '/queues')).json, [])
})
