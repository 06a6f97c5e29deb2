import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { FileOutput, type FileOutputOptions } from '../../lib/files/index.js'
import { emptyFolder, filesOf, until } from './fixtures/disk.js'
import { Peers, type LocalPeer } from './fixtures/peers.js'

async function writing(t: Test, options: FileOutputOptions = {}, before?: (a: LocalPeer, folder: string) => unknown) {
  const peers = new Peers()
  const [a, b, reader] = [peers.add('127.0.0.1:9001'), peers.add('127.0.0.1:9002'), peers.add('reader')]
  const home = await emptyFolder(t)
  const folder = join(home, 'out')
  await mkdir(folder)
  await before?.(a, folder)
  const output = new FileOutput(reader.peer, folder, options)
  const errors: (string | undefined)[] = []
  output.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code))
  t.teardown(() => output.close())
  await output.ready()
  return { a, b, reader, peers, output, folder, home, errors }
}

const file = (text: string, time = 1) => ({ data: Buffer.from(text, 'latin1'), time })

t.test('writes what others share, before and after it began, and removes what they delete', async t => {
  const { a, folder } = await writing(t, {}, a => a.set('file:before', file('1')))
  t.strictSame(await filesOf(folder), { before: '1' })
  a.set('file:deep/ü', file('\xff\0\x80'))
  a.set('file:empty', file(''))
  a.set('other:x', file('not a file'))
  await until('written', async () => Object.keys(await filesOf(folder)).length === 3)
  t.strictSame(await filesOf(folder), { before: '1', 'deep/ü': '\xff\0\x80', empty: '' })
  a.delete('file:deep/ü')
  a.expire('file:before')
  await until('removed', async () => (await readdir(folder)).join() === 'empty')
})

t.test('stays inside its folder, whatever the names say', async t => {
  const evil = ['../out', '../../etc/x', '/tmp/telepathine-evil', 'C:\\x', 'a/../../x', 'a\0b', 'nul',
    'a:stream', '', '.',
    '..', 'x/', '\\\\s\\x', 'link/x', 'link']
  const { a, folder, home, errors } = await writing(t, {}, async (_, folder) => {
    await mkdir(join(folder, '../outside'))
    await symlink('../outside', join(folder, 'link'))
  })
  for (const name of evil) a.set(`file:${name}`, file('evil'))
  a.set('file:last', file('fine'))
  await until('written', async () => 'last' in (await filesOf(folder)))
  t.strictSame(await filesOf(home), { 'out/last': 'fine' })
  t.equal(errors.length, evil.length)
  t.strictSame([...new Set(errors)].sort(), ['ERR_DENIED', 'ERR_KEY'])
  for (const name of evil) a.delete(`file:${name}`)
  a.delete('file:last')
  await until('removed', async () => !('last' in (await filesOf(folder))))
  t.strictSame((await readdir(home)).sort(), ['out', 'outside'])
})

t.test('writes no value that is not a file', async t => {
  const { a, folder, errors } = await writing(t)
  const others = [1, null, 'text', {}, { data: 5 }, { data: 'x', time: 'y' }]
  for (const [i, value] of others.entries()) a.set(`file:${i}`, value)
  a.set('file:text', { data: 'by hand' })
  await until('written', async () => Object.keys(await filesOf(folder)).length > 0)
  t.strictSame(await filesOf(folder), { text: 'by hand' })
  t.strictSame(errors, [])
})

t.test('refuses what is too large and keeps what was there', async t => {
  const { a, folder, errors } = await writing(t, { maxFileSize: 10, maxTotalSize: 15 })
  a.set('file:a', file('0123456789'))
  await until('written', async () => 'a' in (await filesOf(folder)))
  a.set('file:a', file('0123456789!', 2))
  await until('refused', () => errors.length === 1)
  a.set('file:b', file('012345'))
  await until('refused', () => errors.length === 2)
  t.strictSame(errors, ['ERR_TOO_LARGE', 'ERR_TOO_LARGE'])
  t.strictSame(await filesOf(folder), { a: '0123456789' })
})

t.test('of two files with one name the one modified last stays, and the other comes back after it', async t => {
  const { a, b, folder } = await writing(t)
  b.set('file:x', file('newer', 20))
  await until('newer', async () => (await filesOf(folder))['x'] === 'newer')
  a.set('file:x', file('older', 10))
  a.set('file:y', file('y'))
  await until('heard', async () => 'y' in (await filesOf(folder)))
  t.equal((await filesOf(folder))['x'], 'newer')
  b.delete('file:x')
  await until('older', async () => (await filesOf(folder))['x'] === 'older')
  a.delete('file:x')
  await until('gone', async () => !('x' in (await filesOf(folder))))
})

t.test('or each peer has a subfolder of its own', async t => {
  const { a, b, folder } = await writing(t, { peerSubdirectory: true })
  a.set('file:x', file('of a', 10))
  b.set('file:x', file('of b', 20))
  await until('both', async () => Object.keys(await filesOf(folder)).length === 2)
  t.strictSame(await filesOf(folder), { '127.0.0.1_9001/x': 'of a', '127.0.0.1_9002/x': 'of b' })
  b.delete('file:x')
  await until('removed', async () => (await readdir(folder)).join() === '127.0.0.1_9001')
})

t.test('removes nothing that it did not write', async t => {
  const { a, folder } = await writing(t, {}, (_, folder) => writeFile(join(folder, 'mine'), 'mine'))
  a.set('file:mine/x', file('x'))
  a.set('file:gone', file('gone'))
  await until('written', async () => 'gone' in (await filesOf(folder)))
  for (const key of a.keys()) a.delete(key)
  a.expire('file:mine')
  await until('removed', async () => !('gone' in (await filesOf(folder))))
  t.strictSame(await filesOf(folder), { mine: 'mine' })
})

t.test('a file becomes a folder, and a folder a file, in whatever order the news come', async t => {
  const { a, folder } = await writing(t)
  a.set('file:x', file('file'))
  await until('file', async () => 'x' in (await filesOf(folder)))
  a.set('file:x/y', file('below'))
  a.delete('file:x')
  await until('folder', async () => 'x/y' in (await filesOf(folder)))
  a.set('file:x', file('file again'))
  a.delete('file:x/y')
  await until('file again', async () => (await filesOf(folder))['x'] === 'file again')
  t.strictSame(await filesOf(folder), { x: 'file again' })
})

t.test('keeps the files of a peer that died, and does not write its own', async t => {
  const { a, reader, peers, folder } = await writing(t)
  a.set('file:x', file('x'))
  reader.set('file:own', file('own'))
  await until('written', async () => 'x' in (await filesOf(folder)))
  peers.kill(a.name)
  a.delete('file:x')
  t.strictSame(await filesOf(folder), { x: 'x' })
})

t.test('closed, it writes no more', async t => {
  const { a, reader, output, folder } = await writing(t)
  await output.close()
  a.set('file:x', file('x'))
  await new Promise(setImmediate)
  await new Promise(setImmediate)
  t.strictSame(await filesOf(folder), {})
  t.strictSame(reader.eventNames(), [])
})
