import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { Standing } from '../../lib/apps/index.js'
import { manifestHash, signManifest } from '../../lib/apps/manifest.js'
import { rankedPeers } from '../../lib/apps/wants.js'
import { subscribe } from '../../lib/diagnostics.js'
import type { Telepathine } from '../../lib/index.js'
import { Dispatcher } from '../../lib/work/index.js'
import { ask } from '../http/fixtures/ask.js'
import { isAlive } from '../cli/fixtures/demo.js'
import { archiveOf, type Entry, tarOf, tempFolder } from './fixtures/archive.js'
import { until } from '../fixtures/until.js'
import { contentsOf, deployed, hosted, type Hosted, settled, writeFiles } from './fixtures/hosts.js'
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

t.test('an archive with a link or a way out is refused even if it is signed, and all hear of it', async t => {
  const a = await hosted(t, { deployKeys: deployKeys_ })
  const b = await hosted(t, {}, [a.peer.name])
  await new Dispatcher(b.peer).waitFor('telepathine.apps', { count: 2 })
  const heard: unknown[] = []
  b.peer.hear('apps:refused', data => heard.push(data))
  const cases: readonly (readonly [Entry, RegExp])[] = [
    [{ path: 'w.js', type: 'SymbolicLink', linkpath: '/etc/passwd' }, /"w.js" is a SymbolicLink/],
    [{ path: 'w.js', type: 'Link', linkpath: '../../secret' }, /"w.js" is a Link/],
    [{ path: '../w.js', body: 'x' }, /"..\/w.js" has the part ".."/],
    [{ path: 'a//w.js', body: 'x' }, /has an empty part/],
  ]
  for (const [n, [entry, message]] of cases.entries()) {
    const { archive, manifest } = await archiveOf(t, tarOf([entry]), 1)
    const signed = signManifest({ ...manifest, version: n + 1 }, keys.privateKey)
    await t.rejects(a.host.deploy(signed, contentsOf(archive)), { code: 'ERR_DENIED', message })
  }
  await until(() => heard.length === cases.length)
  t.match(heard, cases.map(([, reason]) => ({ app: 'zoo', reason })))
  t.strictSame(await readdir(join(a.folder, 'data/incoming')), [])
  t.equal(a.host.versions('zoo').length, 0)
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
    ['apps:want:zoo/echo', { run: 'yes', order: '0'.repeat(16), at }],
    ['apps:want:zoo/echo', { run: true, order: 'x', at }],
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

const answers = async (peer: Telepathine, app: string) => ask(peer, `/apps/${app}`, { method: 'POST', json: 0 })
const version = (number: number) => (standing: Standing) => standing.state === 'running' && standing.version === number

t.test('a version that fails where it is started first is started nowhere else', { timeout: 60_000 }, async t => {
  const source = await tempFolder(t)
  const a = await hosted(t, { deployKeys: deployKeys_ })
  const all = [a]
  for (let n = 0; n < 2; n++) all.push(await hosted(t, { deployKeys: deployKeys_ }, [a.peer.name]))
  await new Dispatcher(a.peer).waitFor('telepathine.apps', { count: 3 })
  const deploy = async (number: number, text: string) => {
    await writeFiles(source, { 'echo.js': text })
    return a.host.run('zoo/echo', { hash: await deployed(a.host, source, 'zoo', number, keys.privateKey) })
  }
  await settled(all, 'zoo/echo', await deploy(1, echo('1')), version(1))
  const running: string[] = []
  for (const { host } of all) host.on('state', (_, { state, order }) => state === 'running' && running.push(order))
  // it comes up, and goes down a moment later
  const bad = await deploy(2, `${echo('2')}; setTimeout(() => process.exit(7), 200)`)
  const { chosen = [] } = a.host.app('zoo/echo') ?? {}
  const [first] = rankedPeers('zoo/echo', chosen)
  await settled(all.filter(({ peer }) => peer.name === first), 'zoo/echo', bad, failed(/did not stay up.*exit code 7/))
  await settled(all.filter(({ peer }) => peer.name !== first), 'zoo/echo', bad,
    failed(new RegExp(`held back, because it failed at ${first}`)))
  t.notOk(running.includes(bad), 'nobody said of the bad one that it runs')
  for (const { peer } of all) t.match(await answers(peer, 'zoo/echo'), { status: 200, json: { tag: '1' } })
  await settled(all, 'zoo/echo', await deploy(3, echo('3')), version(3))
})

t.test('what is wanted outlives a restart of all peers', { timeout: 60_000 }, async t => {
  const source = await tempFolder(t)
  await writeFiles(source, { 'echo.js': echo('1') })
  const folders = [await tempFolder(t), await tempFolder(t)] as const
  const at = (n: 0 | 1) => ({ deployKeys: deployKeys_, data: join(folders[n], 'data') })
  const a = await hosted(t, at(0))
  const b = await hosted(t, at(1), [a.peer.name])
  const hash = await deployed(a.host, source, 'zoo', 1, keys.privateKey)
  const order = a.host.run('zoo/echo', { hash })
  await settled([a, b], 'zoo/echo', order, version(1))
  const stop = async (...some: Hosted[]) => {
    for (const { host, peer } of some) await Promise.all([host.stop(), peer.stop()])
  }
  await stop(a, b)
  const c = await hosted(t, at(1))
  await settled([c], 'zoo/echo', order, version(1))
  t.match(await answers(c.peer, 'zoo/echo'), { status: 200, json: { tag: '1' } })
  const halt = c.host.halt('zoo/echo')
  await settled([c], 'zoo/echo', halt, ({ state }) => state === 'stopped')
  const states: string[] = []
  const d = await hosted(t, at(0), [c.peer.name], host => host.on('state', (_, { state }) => states.push(state)))
  await d.peer.ready()
  await until(() => d.host.app('zoo/echo')?.want.order === halt)
  t.strictSame(states, [], 'who was away when it was stopped does not start it again')
  t.equal(c.host.app('zoo/echo')?.want.run, false)
})

t.test('an order that was given later is not lost to one that is heard later', { timeout: 60_000 }, async t => {
  const a = await hosted(t)
  const b = await hosted(t, {}, [a.peer.name])
  await writeFiles(a.folder, { 'apps/zoo/echo.js': echo('own') })
  await new Dispatcher(a.peer).waitFor('telepathine.apps', { count: 2 })
  const order = a.host.run('zoo/echo')
  await settled([a], 'zoo/echo', order, ({ state }) => state === 'running')
  const { at = 0 } = a.host.app('zoo/echo')?.want ?? {}
  b.peer.set('apps:want:zoo/echo', { run: false, order: 'f'.repeat(16), at: at - 1 })
  const heard = new Promise(resolve => a.peer.know('apps:want:zoo/echo', (_, value) => resolve(value)))
  await heard
  await until(() => (b.peer.get('apps:want:zoo/echo') as { order: string }).order === order)
  await until(() => (a.peer.get('apps:want:zoo/echo') as { order: string }).order === order)
  t.match(a.host.app('zoo/echo'), { want: { order, run: true }, peers: { [a.peer.name]: { state: 'running' } } })
})

t.test('there are no more apps than allowed, and that is told; old ones make room', { timeout: 60_000 }, async t => {
  const a = await hosted(t, { maxApps: 1 })
  await writeFiles(a.folder, { 'apps/zoo/echo.js': echo('own'), 'apps/zoo/other.js': echo('other') })
  await settled([a], 'zoo/echo', a.host.run('zoo/echo'), ({ state }) => state === 'running')
  const order = a.host.run('zoo/other')
  t.match(a.host.app('zoo/other')?.peers[a.peer.name], { state: 'failed', order, error: /1 apps here already/ })
  t.match(await answers(a.peer, 'zoo/other'), { status: 503, headers: { 'retry-after': '1' } }, 'wanted, and not there')
  t.match(await answers(a.peer, 'zoo/nothing'), { status: 404 })
  await settled([a], 'zoo/echo', a.host.halt('zoo/echo'), ({ state }) => state === 'stopped')
  await settled([a], 'zoo/other', a.host.run('zoo/other'), ({ state }) => state === 'running')
})

t.test('what no version needs any more is removed from the disk', { timeout: 60_000 }, async t => {
  const source = await tempFolder(t)
  const a = await hosted(t, { deployKeys: deployKeys_ })
  const trees = async () => (await readdir(join(a.folder, 'data/trees'))).length - 1
  for (let number = 1; number <= 4; number++) {
    await writeFiles(source, { 'echo.js': echo(String(number)) })
    const hash = await deployed(a.host, source, 'zoo', number, keys.privateKey)
    if (number === 1) await settled([a], 'zoo/echo', a.host.run('zoo/echo', { hash }), version(1))
  }
  t.equal(await trees(), 3, 'the last two, and the one that runs')
  t.match(await answers(a.peer, 'zoo/echo'), { json: { tag: '1' } })
  const [last] = a.host.versions('zoo')
  const order = a.host.run('zoo/echo', { hash: manifestHash(last ?? { text: '', signature: '' }) })
  await settled([a], 'zoo/echo', order, version(4))
  await writeFiles(source, { 'echo.js': echo('5') })
  await deployed(a.host, source, 'zoo', 5, keys.privateKey)
  t.equal(await trees(), 2)
  t.equal((await readdir(join(a.folder, 'data/archives'))).length, 2)
})

t.test('each change of an app is told on its channel, and counted', { timeout: 60_000 }, async t => {
  const a = await hosted(t)
  const told: string[] = []
  t.teardown(subscribe('telepathine:app:state', ({ self, app, state }) => {
    if (self === a.peer.name && app === 'zoo/mortal') told.push(state)
  }))
  const mortal = `process.on('message', task => task === 'die' ? process.exit(3) : process.send(task))`
  await writeFiles(a.folder, { 'apps/zoo/mortal.js': mortal })
  const order = a.host.run('zoo/mortal')
  await settled([a], 'zoo/mortal', order, ({ state }) => state === 'running')
  await ask(a.peer, '/apps/zoo/mortal', { method: 'POST', json: 'die' })
  await until(() => told.filter(state => state === 'running').length === 2)
  t.strictSame(told.slice(told.indexOf('starting')), ['starting', 'running', 'waiting', 'starting', 'running'])
  const { text } = await ask(a.peer, '/metrics')
  t.match(text, /^telepathine_apps\{state="running"\} 1$/m)
  t.match(text, /^telepathine_app_failures_total\{app="zoo\/mortal"\} 1$/m)
  await a.host.stop()
  t.notMatch((await ask(a.peer, '/metrics')).text, 'telepathine_apps')
})
