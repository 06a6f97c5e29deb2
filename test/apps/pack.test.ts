import { existsSync } from 'node:fs'
import { chmod, mkdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { packApp } from '../../lib/apps/pack.js'
import { unpack } from '../../lib/apps/unpack.js'
import { tempFolder } from './fixtures/archive.js'

async function write(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
}

/** Packs a folder, and unpacks it as another peer would. */
async function roundTrip(t: Test, folder: string) {
  const packed = await packApp(folder)
  t.teardown(() => packed[Symbol.asyncDispose]())
  const to = join(await tempFolder(t), 'tree')
  await unpack(packed.archive, to, { app: 'zoo', version: 1, cluster: 'x', ...packed })
  return { packed, to, read: (path: string) => readFile(join(to, path), 'utf8') }
}

t.test('an app is packed with its packages, and without secrets', async t => {
  const folder = await tempFolder(t)
  await write(folder, {
    'counter.js': 'code', 'data/table.json': '{}', 'node_modules/dep/index.js': 'dep', 'node_modules/@a/b/x.js': 'b',
    'node_modules/.bin/tool': 'no', '.env': 'SECRET', '.env.local': 'SECRET', '.npmrc': 'SECRET', '.git/config': 'no',
    'data/.env': 'SECRET', 'id_rsa': 'SECRET', '.hidden': 'kept', 'run.sh': '#!/bin/sh',
  })
  await chmod(join(folder, 'run.sh'), 0o755)
  const { packed, to, read } = await roundTrip(t, folder)
  t.equal(packed.files, 6)
  t.equal(await read('node_modules/dep/index.js'), 'dep')
  t.equal(await read('node_modules/@a/b/x.js'), 'b')
  t.equal(await read('.hidden'), 'kept')
  t.equal((await stat(join(to, 'run.sh'))).mode & 0o100, 0o100)
  await packed[Symbol.asyncDispose]()
  t.notOk(existsSync(packed.archive))
})

t.test('the same contents make the same archive', async t => {
  const hashes = await Promise.all([1, 2].map(async n => {
    const folder = await tempFolder(t)
    await write(folder, n === 1 ? { b: '1', a: '2' } : { a: '2', b: '1' })
    await utimes(join(folder, 'a'), n, n)
    const packed = await packApp(folder)
    await packed[Symbol.asyncDispose]()
    return packed.sha256
  }))
  t.equal(hashes[0], hashes[1])
})

t.test('links are replaced by what they lead to', async t => {
  const folder = await tempFolder(t)
  const elsewhere = await tempFolder(t)
  await write(elsewhere, { 'index.js': 'linked', 'node_modules/own/index.js': 'own' })
  await write(folder, { 'a.js': 'a', 'lib/x.js': 'x' })
  await mkdir(join(folder, 'node_modules'))
  await symlink(elsewhere, join(folder, 'node_modules/linked'))
  await symlink('a.js', join(folder, 'b.js'))
  await symlink('lib', join(folder, 'again'))
  const { read, packed } = await roundTrip(t, folder)
  t.equal(await read('node_modules/linked/index.js'), 'linked')
  t.equal(await read('node_modules/linked/node_modules/own/index.js'), 'own')
  t.equal(await read('b.js'), 'a')
  t.equal(await read('again/x.js'), 'x')
  t.equal(packed.files, 6)
})

t.test('packages in a linked store find each other in the copy, also those that need each other', async t => {
  const folder = await tempFolder(t)
  const store = 'node_modules/.pnpm'
  await write(folder, {
    'app.js': '', [`${store}/a@1/node_modules/a/index.js`]: 'a', [`${store}/b@1/node_modules/b/index.js`]: 'b1',
    [`${store}/b@2/node_modules/b/index.js`]: 'b2',
  })
  const link = (to: string, from: string) => symlink(join(folder, store, to), join(folder, from))
  await link('a@1/node_modules/a', 'node_modules/a')
  await link('b@2/node_modules/b', 'node_modules/b')
  await link('b@1/node_modules/b', `${store}/a@1/node_modules/b`)
  await link('a@1/node_modules/a', `${store}/b@1/node_modules/a`)
  const { read, packed } = await roundTrip(t, folder)
  t.equal(await read('node_modules/b/index.js'), 'b2')
  t.equal(await read('node_modules/a/node_modules/b/index.js'), 'b1')
  t.equal(packed.files, 4, 'what is found above is not there again')
})

t.test('what cannot be packed is named', async t => {
  const folder = await tempFolder(t)
  await write(folder, { 'a.js': 'a' })
  await symlink('..', join(folder, 'up'))
  const inner = join(folder, 'inner')
  await mkdir(inner)
  await symlink('.', join(inner, 'self'))
  await t.rejects(packApp(inner), { code: 'ERR_VALUE', message: /^self is a link to a folder that it lies in/ })
  const broken = await tempFolder(t)
  await symlink('nothing', join(broken, 'gone'))
  await t.rejects(packApp(broken), { code: 'ERR_VALUE', message: /^gone is a link to nothing/ })
  const odd = await tempFolder(t)
  await write(odd, { 'what?.js': '' })
  await t.rejects(packApp(odd), { code: 'ERR_VALUE', message: /^what\?\.js holds a control character or one of/ })
})
