import { symlink } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { checkAppName, findApp } from '../../lib/apps/spec.js'
import { tempFolder } from './fixtures/archive.js'
import { writeFiles } from './fixtures/hosts.js'

t.test('an app is a worker in a folder', async t => {
  for (const name of ['wordcount/counter', 'a-b/c_d.e', 'A1/2']) t.equal(checkAppName(name), name)
  for (const name of ['', 'a', 'a/b/c', '../b', 'a/..', '.a/b', 'a/.b', 'a/b c', '/a', 'a/', 'a\\\\b/c', 7]) {
    t.throws(() => checkAppName(name), { code: 'ERR_KEY' }, String(name))
  }
})

t.test('the ending may be left out', async t => {
  const folder = await tempFolder(t)
  await writeFiles(folder, { 'a.js': '', 'b.mjs': '', 'c.cjs': '', 'd/index.js': '', 'a': '' })
  const file = async (name: string) => (await findApp(`x/${name}`, folder)).file.slice(folder.length + 1)
  t.equal(await file('a'), 'a')
  t.equal(await file('a.js'), 'a.js')
  t.equal(await file('b'), 'b.mjs')
  t.equal(await file('c'), 'c.cjs')
  t.equal(await file('d'), 'd/index.js')
  await t.rejects(findApp('x/e', folder), { code: 'ERR_KEY', message: /no e, e\.js, \.cjs or \.mjs in/ })
  await t.rejects(findApp('x/a', join(folder, 'nothing')), { code: 'ERR_KEY' })
})

t.test('a link out of the folder leads nowhere', async t => {
  const folder = await tempFolder(t)
  await writeFiles(folder, { 'secret.js': '', 'app/a.js': '' })
  await symlink(join(folder, 'secret.js'), join(folder, 'app/b.js'))
  await symlink('a.js', join(folder, 'app/c.js'))
  await t.rejects(findApp('app/b', join(folder, 'app')), { code: 'ERR_KEY' })
  t.match(await findApp('app/c', join(folder, 'app')), { file: /a\.js$/ })
})

t.test('package.json says how the app wants to be run', async t => {
  const folder = await tempFolder(t)
  const config = async (text: string) => {
    await writeFiles(folder, { 'a.js': '', 'package.json': text })
    return (await findApp('x/a', folder)).config
  }
  const usual = { concurrency: 32, queue: 1_024, memoryMB: 512, idleMS: 2_000, serialization: 'json' }
  t.strictSame(await config('{}'), usual)
  t.match(await config('{"telepathine":{"concurrency":1,"idleMS":0}}'), { concurrency: 1, idleMS: 0 })
  for (const wrong of ['{', '{"telepathine":{"concurency":1}}', '{"telepathine":{"memoryMB":1}}',
    '{"telepathine":{"serialization":"xml"}}', '{"telepathine":{"queue":"1"}}']) {
    await t.rejects(config(wrong), { code: 'ERR_OPTION', message: /package\.json/ }, wrong)
  }
})
