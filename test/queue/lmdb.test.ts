import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import type { Delivery } from '../../lib/queue/engine.js'
import { openQueue } from '../../lib/work/index.js'
import { until } from '../fixtures/until.js'
import { contract } from './fixtures/contract.js'
import type { Place } from './fixtures/workshop.js'

async function place(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'telepathine-queue-'))
  return {
    open: () => openQueue(`file://${folder}`),
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}

t.test('durable work in a folder', (t) => contract(t, place, { hasPriorities: true, tellsAll: true, isFaulty: false }))

async function folderOf(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'telepathine-queue-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}

const job = (token: string) => {
  return { token, service: 's', bytes: new Uint8Array(10), delayMs: 0, priority: 0, isKeyed: false }
}

t.test('no more are held than there is room for, however they are settled, and in the end all are done', async (t) => {
  const { engine } = await openQueue(`file://${await folderOf(t)}`)
  const [count, room] = [400, 7]
  const done = new Set<string>()
  let most = 0
  const settle = async (delivery: Delivery): Promise<void> => {
    const [running = 0] = (await engine.depths()).map((depth) => depth.running)
    most = Math.max(most, running)
    // some twice at a time, as when serving ends while a handler does
    const again = delivery.attempt === 1 && delivery.token.endsWith('3')
    await Promise.all([
      again ? engine.putBack(delivery, 0, true) : engine.finish(delivery, new Uint8Array(1)),
      delivery.token.endsWith('5') && engine.putBack(delivery, 0, true),
    ])
    if (!again) done.add(delivery.token)
  }
  const taker = await engine.take('s', room, (delivery) => void settle(delivery))
  await Promise.all(Array.from({ length: count }, (_, i) => engine.add(job(`job-${i}`))))
  await until(() => done.size === count)
  t.equal(most, room, 'all room is used')
  t.strictSame((await engine.depths()).map(({ waiting, running }) => [waiting, running]), [])
  await taker.stop()
  await engine.close()
})

t.test('a full disk rejects what is added, and harms neither its process nor what was stored', {
  skip: spawnSync('prlimit', ['--version']).status !== 0 && 'LEFT OUT: there is no prlimit on this machine',
}, async (t) => {
  const folder = await folderOf(t)
  const script = fileURLToPath(new URL(`./fixtures/filler${extname(import.meta.url)}`, import.meta.url))
  const given = [...process.execArgv, script, `file://${folder}`]
  const child = spawn(process.execPath, given, { stdio: ['ignore', 'pipe', 'ignore'] })
  const [said, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  t.equal(code, 0)
  const lines = said.trim().split('\n')
  t.equal(lines.pop(), 'closed')
  t.match(lines.pop(), /^ERR_QUEUE the queue cannot be written/)
  t.ok(lines.length > 1, `${lines.length} were stored`)
  const { engine } = await openQueue(`file://${folder}`)
  const taken = new Set<string>()
  await engine.take('s', 10_000, ({ token }) => void taken.add(token))
  await engine.add(job('one-more'))
  await until(() => taken.has('one-more'))
  for (const token of lines) t.ok(taken.has(token), token)
  await engine.close()
})
