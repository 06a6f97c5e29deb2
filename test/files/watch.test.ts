import { mkdir, open, readFile, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { Watch } from '../../lib/files/watch.js'
import { emptyFolder, until } from './fixtures/disk.js'

async function watching(t: Test, path: string, settleMs = 30) {
  const told: string[] = []
  const watch = await Watch.open(path, settleMs, {
    settled: name => told.push(`settled ${name}`),
    failed: error => told.push(`failed ${error.message}`),
  })
  t.teardown(() => watch.close())
  return { watch, told }
}

t.test('reports what was there before it resolves', async t => {
  const folder = await emptyFolder(t)
  await mkdir(join(folder, 'a/b'), { recursive: true })
  await writeFile(join(folder, 'a/b/c.txt'), 'c')
  await writeFile(join(folder, 'd'), '')
  await utimes(join(folder, 'd'), 1, 1)
  const { told } = await watching(t, folder)
  t.strictSame(told.sort(), ['settled a/b/c.txt', 'settled d'])
})

t.test('reports new, changed and deleted files by their names', async t => {
  const folder = await emptyFolder(t)
  const { told } = await watching(t, folder)
  await mkdir(join(folder, 'ü'))
  await writeFile(join(folder, 'ü/x'), '1')
  await until('new', () => told.includes('settled ü/x'))
  told.length = 0
  await writeFile(join(folder, 'ü/x'), '22')
  await until('changed', () => told.includes('settled ü/x'))
  told.length = 0
  await rm(join(folder, 'ü'), { recursive: true })
  await until('gone', () => told.includes('settled ü/x'))
})

t.test('waits for a file that is being written to be whole', async t => {
  const folder = await emptyFolder(t)
  const { told } = await watching(t, folder, 250)
  const file = await open(join(folder, 'slow'), 'w')
  for (let i = 0; i < 12; i++) {
    await file.write('part ')
    t.strictSame(told, [], 'not before the last part')
    await sleep(50)
  }
  await file.close()
  await until('whole', () => told.length > 0)
  await sleep(300)
  t.strictSame(told, ['settled slow'], 'and once')
})

t.test('misses neither the last of many quick changes, nor a deletion right after them', async t => {
  const folder = await emptyFolder(t)
  const path = join(folder, 'x')
  let last = ''
  const watch = await Watch.open(folder, 1, {
    settled: () => void readFile(path, 'utf8').then(text => (last = text), () => (last = 'gone')),
    failed: error => t.fail(error.message),
  })
  t.teardown(() => watch.close())
  for (let round = 0; round < 10; round++) {
    for (let i = 0; i < 4; i++) {
      await writeFile(path, `${round} ${i}`)
      await sleep(10)
    }
    await until('last change', () => last === `${round} 3`)
    await rm(path)
    await until('deletion', () => last === 'gone')
  }
})

t.test('a single file is watched under its own name', async t => {
  const folder = await emptyFolder(t)
  await writeFile(join(folder, 'one.txt'), '1')
  await writeFile(join(folder, 'other.txt'), '1')
  const { told } = await watching(t, join(folder, 'one.txt'))
  t.strictSame(told, ['settled one.txt'])
  await writeFile(join(folder, 'other.txt'), '22')
  await writeFile(join(folder, 'one.txt'), '22')
  await until('changed', () => told.length === 2)
  t.strictSame(told, ['settled one.txt', 'settled one.txt'])
})

t.test('does not look behind links, nor at partial files', async t => {
  const home = await emptyFolder(t)
  await mkdir(join(home, 'outside'))
  await mkdir(join(home, 'in'))
  await writeFile(join(home, 'outside/secret'), 's')
  await symlink(join(home, 'outside'), join(home, 'in/link'))
  const { told } = await watching(t, join(home, 'in'))
  await writeFile(join(home, 'in/.telepathine-partial-x'), 'half')
  await rename(join(home, 'in/.telepathine-partial-x'), join(home, 'in/whole'))
  await until('whole', () => told.includes('settled whole'))
  t.notOk(told.some(line => line.includes('secret') || line.includes('partial')), told.join())
})

t.test('rejects when there is nothing to watch', async t => {
  const folder = await emptyFolder(t)
  await t.rejects(watching(t, join(folder, 'none')), { code: 'ENOENT' })
})

t.test('tells nothing after it was closed', async t => {
  const folder = await emptyFolder(t)
  const { told, watch } = await watching(t, folder)
  await writeFile(join(folder, 'a'), 'a')
  await watch.close()
  await writeFile(join(folder, 'b'), 'b')
  await sleep(150)
  t.strictSame(told, [])
})
