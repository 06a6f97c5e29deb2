import { mkdir, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { FileInput, type FileInputOptions } from '../../lib/files/index.js'
import { emptyFolder, until } from './fixtures/disk.js'
import { Peers } from './fixtures/peers.js'

async function sharing(t: Test, path: string, options: FileInputOptions = {}) {
  const peer = new Peers().add('a')
  const input = new FileInput(peer.peer, path, { settleMS: 30, ...options })
  const errors: (string | undefined)[] = []
  input.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code))
  t.teardown(() => input.close())
  await input.ready()
  return { peer, input, errors }
}

t.test('shares what is in a folder, byte for byte', async t => {
  const folder = await emptyFolder(t)
  const all = Uint8Array.from({ length: 256 }, (_, i) => i)
  await mkdir(join(folder, 'sub/ü'), { recursive: true })
  await writeFile(join(folder, 'sub/ü/all.bin'), all)
  await utimes(join(folder, 'sub/ü/all.bin'), 1_700_000_000, 1_700_000_000.25)
  await writeFile(join(folder, 'empty'), '')
  const { peer } = await sharing(t, folder)
  t.strictSame(peer.keys().sort(), ['file:empty', 'file:sub/ü/all.bin'])
  t.strictSame(peer.get('file:sub/ü/all.bin'), { data: all, time: 1_700_000_000_250 })
  t.match(peer.get('file:empty'), { data: { length: 0 } })
})

t.test('shares a single file under its own name, with a prefix of your choice', async t => {
  const folder = await emptyFolder(t)
  await writeFile(join(folder, 'one.txt'), 'one')
  await writeFile(join(folder, 'two.txt'), 'two')
  const { peer } = await sharing(t, join(folder, 'one.txt'), { keyPrefix: 'config/' })
  t.strictSame(peer.keys(), ['config/one.txt'])
})

t.test('follows changes and deletions, and sets nothing for what has not changed', async t => {
  const folder = await emptyFolder(t)
  await writeFile(join(folder, 'a'), '1')
  const { peer, input } = await sharing(t, folder)
  const shared: string[] = []
  input.on('shared', (name, bytes) => shared.push(`${name} ${bytes}`))
  await writeFile(join(folder, 'a'), '22')
  await until('change', () => shared.includes('a 2'))
  await utimes(join(folder, 'a'), 5, 5)
  await writeFile(join(folder, 'b'), 'b')
  await until('new file', () => shared.includes('b 1'))
  t.strictSame(shared, ['a 2', 'b 1'], 'a new time alone is no change')
  await rm(join(folder, 'a'))
  await until('deletion', () => !peer.keys().includes('file:a'))
  t.strictSame(peer.keys(), ['file:b'])
})

t.test('leaves out what is too large, and withdraws what has become so', async t => {
  const folder = await emptyFolder(t)
  await writeFile(join(folder, 'large'), Buffer.alloc(101))
  await writeFile(join(folder, 'fits'), Buffer.alloc(100))
  const { peer, errors } = await sharing(t, folder, { maxFileSize: 100 })
  t.strictSame(peer.keys(), ['file:fits'])
  t.strictSame(errors, ['ERR_TOO_LARGE'])
  await writeFile(join(folder, 'fits'), Buffer.alloc(102))
  await until('withdrawn', () => peer.keys().length === 0)
  t.strictSame(errors, ['ERR_TOO_LARGE', 'ERR_TOO_LARGE'])
})

t.test('admits a megabyte when nothing is said, and not a byte more', async t => {
  const folder = await emptyFolder(t)
  await writeFile(join(folder, 'fits'), Buffer.alloc(1 << 20))
  await writeFile(join(folder, 'large'), Buffer.alloc((1 << 20) + 1))
  const { peer } = await sharing(t, folder)
  t.strictSame(peer.keys(), ['file:fits'])
})

t.test('leaves out names that not every system can hold', { skip: process.platform === 'win32' }, async t => {
  const folder = await emptyFolder(t)
  for (const name of ['a:b', 'nul.txt', 'back\\slash', 'fine']) await writeFile(join(folder, name), 'x')
  const { peer, errors } = await sharing(t, folder)
  t.strictSame(peer.keys(), ['file:fine'])
  t.strictSame(errors, ['ERR_KEY', 'ERR_KEY', 'ERR_KEY'])
})

t.test('waits while the peer has no room, and ends waiting when closed', async t => {
  const folder = await emptyFolder(t)
  for (const name of ['a', 'b', 'c']) await writeFile(join(folder, name), name)
  const peer = new Peers().add('a')
  peer.isFull = true
  const input = new FileInput(peer.peer, folder, { settleMS: 10 })
  await until('first', () => peer.keys().length === 1)
  await sleep(100)
  t.equal(peer.keys().length, 1)
  peer.emit('drain')
  await until('second', () => peer.keys().length === 2)
  await input.close()
  t.equal(peer.keys().length, 2)
})

t.test('close ends the watching and leaves what was shared; twice is once', async t => {
  const folder = await emptyFolder(t)
  await writeFile(join(folder, 'a'), 'a')
  const { peer, input } = await sharing(t, folder)
  await Promise.all([input.close(), input.close()])
  await writeFile(join(folder, 'b'), 'b')
  await sleep(150)
  t.strictSame(peer.keys(), ['file:a'])
  t.equal(peer.eventNames().length, 0)
})

t.test('refuses a path that is not there and options that it does not know', async t => {
  const folder = await emptyFolder(t)
  const peer = new Peers().add('a').peer
  const input = new FileInput(peer, join(folder, 'none'))
  input.on('error', () => undefined)
  await t.rejects(input.ready(), { code: 'ENOENT' })
  await input.close()
  const sizes = [{ maxFileSize: -1 }, { maxFileSize: 1.5 }, { maxFileSize: '1' }]
  const wrong: object[] = [...sizes, { keyPrefix: '' }, { settleMs: 5 }, { peerSubdirectory: true }]
  for (const options of wrong) {
    t.throws(() => new FileInput(peer, folder, options), { code: 'ERR_OPTION' }, JSON.stringify(options))
  }
})
