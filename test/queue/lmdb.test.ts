import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import * as lmdb from 'lmdb'
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

t.test('room that comes free while others are being taken is used as well', async (t) => {
  const { engine } = await openQueue(`file://${await folderOf(t)}`)
  for (let i = 1; i <= 5; i++) await engine.add(job(`job-${i}`))
  const held: Delivery[] = []
  const taker = await engine.take('s', 2, (delivery) => held.push(delivery))
  await until(() => held.length === 2)
  const [one, two] = held as [Delivery, Delivery]
  const first = engine.finish(one, new Uint8Array(1))
  // by now the transaction is under way that takes for the first
  for (let i = 0; i < 2; i++) await new Promise((resolve) => setImmediate(resolve))
  await Promise.all([first, engine.finish(two, new Uint8Array(1))])
  await until(() => held.length === 4)
  await taker.stop()
  await engine.close()
})

t.test('jobs that are settled as they are delivered make no more room than there is', async (t) => {
  const { engine } = await openQueue(`file://${await folderOf(t)}`)
  for (let i = 0; i < 40; i++) await engine.add(job(`job-${i}`))
  let most = 0
  let done = 0
  const taker = await engine.take('s', 3, (delivery) => {
    void engine.finish(delivery, new Uint8Array(1)).then(async () => {
      const [running = 0] = (await engine.depths()).map((depth) => depth.running)
      most = Math.max(most, running)
      done++
    })
  })
  await until(() => done === 40)
  t.ok(most <= 3, `${most} were held`)
  await taker.stop()
  await engine.close()
})

t.test('nothing is written while another process opens the folder', async (t) => {
  const folder = await folderOf(t)
  const { engine } = await openQueue(`file://${folder}`)
  await using other = await openQueue(`file://${await folderOf(t)}`)
  const name = (await readdir(folder)).find((each) => each.endsWith('.sock')) as string
  const opener = createConnection(join(folder, name))
  opener.write('open anybody_here\n')
  let heard = ''
  opener.on('data', (text) => (heard += String(text)))
  await until(() => heard === 'wait\ngo\n')
  let isAdded = false
  const added = engine.add(job('a')).then(() => (isAdded = true))
  for (let i = 0; i < 10; i++) await other.engine.add(job(`other-${i}`))
  t.equal(isAdded, false, 'while ten are written elsewhere')
  opener.destroy()
  await added
  await engine.close()
})

t.test('opened several times by one process it is one database, and a process that opens it finds all', async (t) => {
  const folder = join(await folderOf(t), 'with a blank', 'and a path that is too long for a socket'.repeat(4))
  const url = `file://${folder}`
  const [one, two] = await Promise.all([openQueue(url), openQueue(url)])
  await Promise.all([one.engine.add(job('a')), two.engine.add(job('b'))])
  await one.close()
  await two.engine.add(job('c'))
  await two.close()
  await using again = await openQueue(url)
  t.strictSame((await again.engine.depths()).map(({ waiting }) => waiting), [3])
  t.strictSame((await readdir(folder)).filter((name) => name.endsWith('.sock')).length, 1, 'nothing else is left')
})

t.test('a url that makes no sense is refused, and a folder may have a % in its name', async (t) => {
  for (const url of ['file:./50%off', 'file:', 'file:////host/share', 'file:./a%00b']) {
    await t.rejects(openQueue(url), { code: 'ERR_OPTION', message: /url: .*allowed: file:.*%25 for a %/ }, url)
  }
  const folder = await folderOf(t)
  await (await openQueue(`file://${folder}/50%25off`)).close()
  t.strictSame(await readdir(folder), ['50%off'])
})

t.test('one job per key is stored, and what was added is told of one that is discarded', async (t) => {
  const { engine } = await openQueue(`file://${await folderOf(t)}`)
  const keyed = { ...job('a'), isKeyed: true }
  t.strictSame([await engine.add(keyed), await engine.add(keyed)], [true, false])
  let isBuried = false
  await engine.take('s', 1, (delivery) => {
    void engine.bury(delivery, Uint8Array.of(1)).then(() => (isBuried = true))
  })
  await until(() => isBuried)
  t.equal(await engine.add(keyed), false)
  t.strictSame(Buffer.from(await engine.discard('a', Uint8Array.of(2)) as Uint8Array), Buffer.from(keyed.bytes))
  t.equal(await engine.discard('a', Uint8Array.of(2)), false)
  t.equal(await engine.add(keyed), false, 'its outcome is known')
  await engine.close()
})

t.test('a folder that another version wrote is refused, and left as it is', async (t) => {
  const folder = await folderOf(t)
  const url = `file://${folder}`
  const write = async (key: string[], value: unknown): Promise<void> => {
    const database = lmdb.open<unknown, string[]>({ path: folder, noSubdir: false, encoding: 'msgpack' })
    await database.put(key, value)
    await database.close()
  }
  await (await openQueue(url)).close()
  await write(['format'], 99)
  const before = await readFile(join(folder, 'data.mdb'))
  await t.rejects(openQueue(url), { code: 'ERR_QUEUE', message: /is in 99/ })
  t.ok(before.equals(await readFile(join(folder, 'data.mdb'))))
  t.strictSame((await readdir(folder)).toSorted(), ['data.mdb', 'lock.mdb'])
  await write(['format'], 1)
  await (await openQueue(url)).close()
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
