import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Standing } from '../../lib/apps/index.js'
import { Dispatcher } from '../../lib/work/index.js'
import { ask } from '../http/fixtures/ask.js'
import { isAlive } from '../cli/fixtures/demo.js'
import { tempFolder } from './fixtures/archive.js'
import { deployed, hosted, settled, writeFiles } from './fixtures/hosts.js'
import { deployKeys } from './fixtures/keys.js'

const keys = deployKeys()
const deployKeys_ = [keys.publicKey]
const echo = (tag: string) =>
  `process.on('message', task => process.send({ tag: ${JSON.stringify(tag)}, task, pid: process.pid }))`

const failed = (error: RegExp) => (standing: Standing): boolean => {
  return standing.state === 'failed' && error.test(standing.error ?? '')
}

t.test('an app that peers have in their own folders runs on all of them, and stops', { timeout: 60_000 }, async t => {
  const a = await hosted(t)
  const b = await hosted(t, {}, [a.peer.name])
  const c = await hosted(t, {}, [a.peer.name])
  for (const { folder } of [a, b]) await writeFiles(folder, { 'apps/zoo/echo.js': echo('own') })
  const order = a.host.run('zoo/echo')
  await settled([a, b], 'zoo/echo', order, ({ state }) => state === 'running')
  await settled([c], 'zoo/echo', order, failed(/no echo, echo\.js/))
  await new Dispatcher(c.peer).waitFor('apps/zoo/echo', { count: 2 })
  const answer = await ask(c.peer, '/apps/zoo/echo', { method: 'POST', json: 'hi' })
  t.match(answer, { status: 200, json: { tag: 'own', task: 'hi' } }, 'from a peer that has it not')
  t.match((await ask(a.peer, '/')).text, /processes<\/h1>\nzoo\/echo<br>/)
  const { pid } = answer.json as { pid: number }
  const again = b.host.run('zoo/echo')
  await settled([a, b], 'zoo/echo', again, ({ state }) => state === 'running')
  t.ok(isAlive(pid), 'an app that runs is left running')
  for (let i = 0; i < 2; i++) {
    const halt = b.host.halt('zoo/echo')
    await settled([a, b, c], 'zoo/echo', halt, ({ state }) => state === 'stopped')
  }
  t.notOk(isAlive(pid))
  t.match(await ask(a.peer, '/apps/zoo/echo', { method: 'POST', json: 'hi' }), { status: 404 })
})

t.test('code that is signed goes to all peers, also to those that come later', { timeout: 60_000 }, async t => {
  const source = await tempFolder(t)
  await writeFiles(source, { 'echo.js': echo('1'), 'node_modules/x/index.js': '' })
  const a = await hosted(t, { deployKeys: deployKeys_ })
  const b = await hosted(t, { deployKeys: deployKeys_ }, [a.peer.name])
  const stranger = await hosted(t, {}, [a.peer.name])
  const hash = await deployed(a.host, source, 'zoo', 1, keys.privateKey)
  const order = a.host.run('zoo/echo', { hash })
  await settled([a, b], 'zoo/echo', order, ({ state, version }) => state === 'running' && version === 1)
  await settled([stranger], 'zoo/echo', order, failed(/takes no code/))
  await a.host.stop()
  await a.peer.stop()
  const late = await hosted(t, { deployKeys: deployKeys_ }, [b.peer.name])
  await settled([late], 'zoo/echo', order, ({ state }) => state === 'running')
  await writeFiles(source, { 'echo.js': echo('2') })
  const next = await deployed(late.host, source, 'zoo', 2, keys.privateKey)
  const update = late.host.run('zoo/echo', { hash: next })
  await settled([b, late], 'zoo/echo', update, ({ state, version }) => state === 'running' && version === 2)
  t.match(await ask(b.peer, '/apps/zoo/echo', { method: 'POST', json: 0 }), { json: { tag: '2' } })
})

t.test('what is not signed, was changed, or is old is refused, and told', { timeout: 60_000 }, async t => {
  const source = await tempFolder(t)
  await writeFiles(source, { 'echo.js': echo('1') })
  const a = await hosted(t, { deployKeys: deployKeys_ })
  const told: string[] = []
  a.host.on('refused', ({ reason }) => told.push(reason))
  const denied = (message: RegExp) => ({ code: 'ERR_DENIED', message })
  await t.rejects(deployed(a.host, source, 'zoo', 1, deployKeys().privateKey), denied(/not signed/))
  await deployed(a.host, source, 'zoo', 5, keys.privateKey)
  await t.rejects(deployed(a.host, source, 'zoo', 4, keys.privateKey), denied(/version 5.*older/))
  const closed = await hosted(t)
  await t.rejects(deployed(closed.host, source, 'zoo', 9, keys.privateKey), { code: 'ERR_DENIED', message: /no code/ })
  const { packApp, deployApp } = await import('../../lib/apps/index.js')
  await writeFiles(source, { 'echo.js': echo('6') })
  await using packed = await packApp(source)
  const { signed } = deployApp(packed, { app: 'zoo', version: 6, cluster: 'telepathine', privateKey: keys.privateKey })
  async function* other(change: (bytes: Buffer) => Buffer) {
    const { readFile } = await import('node:fs/promises')
    yield change(await readFile(packed.archive))
  }
  const flipped = other(bytes => (bytes.writeUInt8(bytes.readUInt8(60) ^ 1, 60), bytes))
  await t.rejects(a.host.deploy(signed, flipped), { code: 'ERR_DENIED', message: /not the one that was signed/ })
  await t.rejects(a.host.deploy(signed, other(bytes => bytes.subarray(1))), { code: 'ERR_DENIED', message: /cut off/ })
  const longer = other(bytes => Buffer.concat([bytes, bytes]))
  await t.rejects(a.host.deploy(signed, longer), { code: 'ERR_DENIED', message: /larger than its manifest says/ })
  t.equal(told.length, 5)
  t.equal(a.host.versions('zoo').length, 1)
  await a.host.deploy(signed, other(bytes => bytes))
  t.equal(a.host.versions('zoo').length, 2)
})

t.test('an order can neither go back a version nor take one app for another', { timeout: 60_000 }, async t => {
  const source = await tempFolder(t)
  const a = await hosted(t, { deployKeys: deployKeys_ })
  await writeFiles(source, { 'echo.js': echo('1') })
  const old = await deployed(a.host, source, 'zoo', 1, keys.privateKey)
  await writeFiles(source, { 'echo.js': echo('2') })
  const hash = await deployed(a.host, source, 'zoo', 2, keys.privateKey)
  const older = failed(/version 1 of zoo is older than version 2/)
  await settled([a], 'zoo/echo', a.host.run('zoo/echo', { hash: old }), older)
  await settled([a], 'bank/echo', a.host.run('bank/echo', { hash }), failed(/wanted as bank was signed as zoo/))
  await settled([a], 'zoo/echo', a.host.run('zoo/echo', { hash }), ({ state }) => state === 'running')
})

t.test('what other peers say of apps is looked at before it is believed', { timeout: 60_000 }, async t => {
  const a = await hosted(t)
  await writeFiles(a.folder, { 'apps/zoo/echo.js': echo('own'), 'secret.js': echo('secret') })
  const at = Date.now()
  const nonsense: [string, unknown][] = [
    ['apps:want:../secret', { run: true, order: '0'.repeat(16), at }],
    ['apps:want:zoo/../../secret', { run: true, order: '0'.repeat(16), at }],
    ['apps:want:zoo/echo', { run: 'yes', order: '0'.repeat(16), at }], ['apps:want:zoo/echo', { run: true, order: 'x', at }],
    ['apps:want:zoo/echo', { run: true, order: '0'.repeat(16), at, peers: -1 }], ['apps:want:zoo/echo', null],
    ['apps:want:zoo/echo', { run: true, order: '0'.repeat(16), at, hash: '../../secret' }],
  ]
  for (const [key, value] of nonsense) {
    a.peer.set(key, value)
    a.host.run('zoo/other') // has it look
    t.strictSame(a.host.apps().map(({ name }) => name), ['zoo/other'], `${key} ${JSON.stringify(value)}`)
  }
  t.equal((await ask(a.peer, '/')).text.includes('echo'), false)
})

t.test('an app on some peers only runs on so many, and moves when one goes', { timeout: 60_000 }, async t => {
  const a = await hosted(t)
  const all = [a, await hosted(t, {}, [a.peer.name]), await hosted(t, {}, [a.peer.name])]
  for (const { folder } of all) await writeFiles(folder, { 'apps/zoo/echo.js': echo('own') })
  await new Dispatcher(a.peer).waitFor('telepathine.apps', { count: 3 })
  a.host.run('zoo/echo', { peers: 1 })
  const work = new Dispatcher(a.peer)
  await work.waitFor('apps/zoo/echo')
  const [first] = a.host.app('zoo/echo')?.chosen ?? []
  t.strictSame(work.workers('apps/zoo/echo').map(({ peer }) => peer), [first])
  const one = all.find(({ peer }) => peer.name === first)
  await one?.host.stop()
  await one?.peer.stop()
  const rest = all.filter(each => each !== one)
  await Promise.race(rest.map(({ peer }) => new Dispatcher(peer).waitFor('apps/zoo/echo')))
  t.pass()
})

t.test('a version that does not start leaves the one before running', { timeout: 60_000 }, async t => {
  const source = await tempFolder(t)
  await writeFiles(source, { 'echo.js': echo('1') })
  const a = await hosted(t, { deployKeys: deployKeys_ })
  const good = a.host.run('zoo/echo', { hash: await deployed(a.host, source, 'zoo', 1, keys.privateKey) })
  await settled([a], 'zoo/echo', good, ({ state }) => state === 'running')
  await writeFiles(source, { 'echo.js': 'nonsense(' })
  const bad = a.host.run('zoo/echo', { hash: await deployed(a.host, source, 'zoo', 2, keys.privateKey) })
  await settled([a], 'zoo/echo', bad, failed(/SyntaxError/))
  t.match(await ask(a.peer, '/apps/zoo/echo', { method: 'POST', json: 0 }), { status: 200, json: { tag: '1' } })
})

t.test('what is deployed outlives its peer, and only the last two versions are kept', { timeout: 60_000 }, async t => {
  const source = await tempFolder(t)
  const a = await hosted(t, { deployKeys: deployKeys_ })
  const hashes: string[] = []
  for (let version = 1; version <= 3; version++) {
    await writeFiles(source, { 'echo.js': echo(String(version)) })
    hashes.push(await deployed(a.host, source, 'zoo', version, keys.privateKey))
  }
  await a.host.stop()
  const data = join(a.folder, 'data')
  const b = await hosted(t, { deployKeys: deployKeys_, data })
  t.equal(b.host.versions('zoo').length, 2)
  const order = b.host.run('zoo/echo', { hash: hashes[2] ?? '' })
  await settled([b], 'zoo/echo', order, ({ state, version }) => state === 'running' && version === 3)
  t.throws(() => b.host.run('zoo/echo', { hash: hashes[0] ?? '' }), { code: 'ERR_KEY' })
  await b.host.stop()
  const distrusting = await hosted(t, { deployKeys: [deployKeys().publicKey], data })
  t.equal(distrusting.host.versions('zoo').length, 0, 'a key that is trusted no more')
  t.ok(existsSync(join(data, 'manifests/zoo/3.json')))
})

t.test('what an app sends of its own accord is heard as an event', { timeout: 60_000 }, async t => {
  const a = await hosted(t)
  const b = await hosted(t, {}, [a.peer.name])
  await writeFiles(a.folder, { 'apps/zoo/clock.js': 'setInterval(() => process.send({ tick: 1 }), 5)' })
  const heard = new Promise(resolve => b.peer.hear('apps:news:zoo/clock', (data, from) => resolve([data, from])))
  a.host.run('zoo/clock')
  t.strictSame(await heard, [{ tick: 1 }, a.peer.name])
})
