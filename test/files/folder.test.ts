import { execFileSync } from 'node:child_process'
import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Folder } from '../../lib/files/folder.js'
import { emptyFolder, filesOf } from './fixtures/disk.js'

const limits = { maxFileSize: 1_000, maxTotalSize: 10_000 }
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')

async function fixture(t: Test) {
  const home = await emptyFolder(t)
  const outside = join(home, 'outside')
  await mkdir(outside)
  const root = join(home, 'root')
  const folder = await Folder.open(root, limits)
  return { folder, root, outside }
}

t.test('writes and reads whole files, with their times', async t => {
  const { folder, root } = await fixture(t)
  const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
  const time = 1_700_000_000_123
  await folder.write('deep/down/ü 日本 😀.bin', all, time)
  await folder.write('empty', Buffer.alloc(0), time)
  t.strictSame(await folder.read('deep/down/ü 日本 😀.bin'), { data: all, time })
  t.strictSame(await folder.read('empty'), { data: Buffer.alloc(0), time })
  const left = await readdir(root, { recursive: true })
  t.strictSame(left.sort(), ['deep', 'deep/down', 'deep/down/ü 日本 😀.bin', 'empty'], 'and leaves no partial file')
})

t.test('keeps every millisecond of a time', async t => {
  const { folder } = await fixture(t)
  for (let time = 1_700_000_000_000; time < 1_700_000_000_050; time++) {
    await folder.write('a', bytes('a'), time)
    t.equal((await folder.read('a'))?.time, time)
    await folder.touch('a', time + 1_000)
    t.equal((await folder.read('a'))?.time, time + 1_000)
  }
})

t.test('replaces a file in one go: who has the old one open reads the old one to its end', async t => {
  const { folder, root } = await fixture(t)
  await folder.write('a', bytes('old'), 1)
  const before = (await stat(join(root, 'a'))).ino
  await folder.write('a', bytes('new'), 2)
  t.not((await stat(join(root, 'a'))).ino, before)
  t.equal(await readFile(join(root, 'a'), 'latin1'), 'new')
})

t.test('writes nowhere for a name that is not allowed', async t => {
  const { folder, root } = await fixture(t)
  for (const name of ['../outside/x', '/tmp/x', 'C:/x', 'a\0', 'a/../../outside/x', 'nul', '']) {
    await t.rejects(folder.write(name, bytes('x'), 1), { code: 'ERR_KEY' }, JSON.stringify(name))
    await t.rejects(folder.remove(name), { code: 'ERR_KEY' })
    await t.rejects(folder.read(name), { code: 'ERR_KEY' })
  }
  t.strictSame(await filesOf(join(root, '..')), {})
})

t.test('follows no link inside the folder, whether of a folder or a file', async t => {
  const { folder, root, outside } = await fixture(t)
  await writeFile(join(outside, 'secret'), 'secret')
  await symlink(outside, join(root, 'link'))
  await symlink(join(outside, 'secret'), join(root, 'file'))
  await symlink(join(outside, 'new'), join(root, 'dangling'))
  for (const name of ['link/x', 'link/deep/x', 'link/secret', 'link', 'file', 'dangling']) {
    await t.rejects(folder.write(name, bytes('x'), 1), { code: 'ERR_DENIED' }, name)
    t.equal(await folder.read(name), undefined, name)
    t.equal(await folder.remove(name), false, name)
  }
  t.strictSame(await filesOf(outside), { secret: 'secret' })
  t.strictSame((await readdir(root)).sort(), ['dangling', 'file', 'link'], 'nor does it replace one')
})

t.test('a folder that is a link itself is where it leads', async t => {
  const { outside, root } = await fixture(t)
  await symlink(outside, join(root, 'link'))
  const folder = await Folder.open(join(root, 'link'), limits)
  await folder.write('a/b', bytes('x'), 1)
  t.strictSame(await filesOf(outside), { 'a/b': 'x' })
})

t.test('a file becomes a folder and a folder a file only when nothing is lost', async t => {
  const { folder, root } = await fixture(t)
  await folder.write('a', bytes('a'), 1)
  await t.rejects(folder.write('a/b', bytes('b'), 1), { code: 'ERR_DENIED', message: /file "a" is in the way/ })
  t.equal(await folder.remove('a'), true)
  await folder.write('a/b', bytes('b'), 1)
  await t.rejects(folder.write('a', bytes('a'), 1), { code: 'ERR_DENIED', message: /a folder is in the way/ })
  t.equal(await folder.remove('a'), false, 'a folder is not removed as if it were a file')
  t.strictSame(await filesOf(root), { 'a/b': 'b' })
  await folder.remove('a/b')
  await mkdir(join(root, 'a'))
  await folder.write('a', bytes('a'), 1)
  t.strictSame(await filesOf(root), { a: 'a' }, 'an empty folder gives way')
})

t.test('removes the folders that a removed file leaves empty, and no others', async t => {
  const { folder, root } = await fixture(t)
  await folder.write('a/b/c', bytes('c'), 1)
  await folder.write('a/d', bytes('d'), 1)
  await folder.remove('a/b/c')
  t.strictSame(await readdir(root, { recursive: true }), ['a', 'a/d'])
  await folder.remove('a/d')
  t.strictSame(await readdir(root), [])
  t.equal(await folder.remove('a/d'), false)
})

t.test('refuses a file above the limit, and one above the limit of all', async t => {
  const { folder, root } = await fixture(t)
  await folder.write('a', Buffer.alloc(1_000), 1)
  await t.rejects(folder.write('a', Buffer.alloc(1_001), 2), { code: 'ERR_TOO_LARGE' })
  t.equal((await readFile(join(root, 'a'))).length, 1_000, 'what was there is unchanged')
  for (let i = 0; i < 9; i++) await folder.write(`b${i}`, Buffer.alloc(1_000), 1)
  await t.rejects(folder.write('c', Buffer.alloc(1), 1), { code: 'ERR_TOO_LARGE' })
  await folder.write('a', Buffer.alloc(999), 2)
  await folder.write('c', Buffer.alloc(1), 1)
  await folder.remove('b0')
  await folder.write('d', Buffer.alloc(1_000), 1)
  await writeFile(join(root, 'huge'), Buffer.alloc(1_001))
  await t.rejects(folder.read('huge'), { code: 'ERR_TOO_LARGE' })
})

t.test('does not hang on a pipe, nor take it for a file', { skip: process.platform === 'win32' }, async t => {
  const { folder, root } = await fixture(t)
  execFileSync('mkfifo', [join(root, 'pipe')])
  await mkdir(join(root, 'dir'))
  t.equal(await folder.read('pipe'), undefined)
  t.equal(await folder.read('dir'), undefined)
  t.equal(await folder.read('dir/none'), undefined)
  await t.rejects(folder.write('pipe', bytes('x'), 1), { code: 'ERR_DENIED' })
})

t.test('knows when it is gone itself', async t => {
  const { folder, root } = await fixture(t)
  await folder.mustExist()
  await rm(root, { recursive: true })
  await t.rejects(folder.mustExist(), { code: 'ENOENT' })
})
