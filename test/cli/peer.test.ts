import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ask, served } from '../http/fixtures/ask.js'
import { freePorts, Script } from '../fixtures/script.js'
import { telepathine } from './fixtures/run.js'

t.jobs = 2

async function folder(t: Test): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'telepathine-peer-'))
  t.teardown(() => rm(path, { recursive: true, force: true }))
  return path
}

t.test('a peer says how to reach it, joins, and leaves in order', { timeout: 60_000 }, async t => {
  const other = await served(t)
  const port = await freePorts(1)
  const name = `127.0.0.1:${port}`
  const data = await folder(t)
  const script = new Script(t, 'lib/cli/main.ts', ['peer', `:${port}`, other.name, '--data', data])
  t.ok(await script.prints(lines => lines.includes(`+ ${other.name} is there`), 20_000), script.stderr)
  t.equal(script.lines[0], `${name} is up`)
  t.match(script.stdout, `http://${name}/`)
  t.match(script.stdout, `telepathine peer <host:port> ${name}`)
  t.match(await ask({ port }, '/'), { status: 200 })
  const left = new Promise<unknown[]>(resolve => other.once('peer:stop', (...event) => resolve(event)))
  script.child.kill('SIGTERM')
  t.strictSame(await left, [name, 'left'])
  t.equal(await script.ended, 0)
  t.equal(script.stderr, '')
  t.ok(existsSync(join(data, `127.0.0.1-${port}`, 'snapshot.json')))
})

t.test('a peer whose port is taken says so in one line', { timeout: 60_000 }, async t => {
  const other = await served(t)
  const { code, stdout, stderr } = await telepathine(t, ['peer', other.name, '--data', await folder(t)])
  t.match(stderr, /^telepathine: [^\n]*EADDRINUSE[^\n]*\n$/)
  t.equal(stdout, '')
  t.equal(code, 1)
})

t.test('commands read and write what a peer knows', { timeout: 120_000 }, async t => {
  const peer = await served(t, { http: { token: 'long-secret' } })
  const { name } = peer
  const run = async (...args: string[]) => telepathine(t, args, { TELEPATHINE_TOKEN: 'long-secret' })
  const [set, refused, text] = await Promise.all([
    run('set', name, 'load', '{"one":0.25}'),
    telepathine(t, ['set', name, 'load', '1']),
    run('set', name, 'greeting', 'hello there', '--ttl', '60'),
  ])
  t.strictSame(set, { code: 0, stdout: '', stderr: '' })
  t.match(refused, { code: 1, stdout: '', stderr: /^telepathine: [^\n]*token[^\n]*TELEPATHINE_TOKEN\n$/ })
  t.equal(text.code, 0)
  t.strictSame(peer.get('load'), { one: 0.25 })
  const answers = await Promise.all([
    run('get', name, 'load'),
    run('get', name, 'greeting'),
    run('get', name, 'load', '--json'),
    run('get', name, 'nothing'),
    run('keys', name),
    run('members', name),
    run('members', name, '--json'),
  ])
  const [load, greeting, json, nothing, keys, members, membersJSON] = answers
  t.strictSame(load, { code: 0, stdout: '{"one":0.25}\n', stderr: '' })
  t.equal(greeting?.stdout, 'hello there\n')
  t.match(JSON.parse(json?.stdout ?? ''), { key: 'load', peer: name, value: { one: 0.25 }, expiresAt: null })
  t.match(nothing, { code: 1, stdout: '', stderr: `telepathine: ${name} has no key "nothing"\n` })
  t.equal(keys?.stdout, 'greeting\nload\n')
  t.match(members?.stdout, new RegExp(`^PEER.*\\n${name} +alive`))
  t.match(JSON.parse(membersJSON?.stdout ?? ''), [{ name, state: 'alive', self: true }])
  t.equal((await run('set', name, 'load', '--delete')).code, 0)
  t.equal(peer.get('load'), undefined)
})

t.test('what is said and set can be followed', { timeout: 120_000 }, async t => {
  const peer = await served(t)
  const hear = new Script(t, 'lib/cli/main.ts', ['hear', peer.name, 'order:*', '--count', '2'])
  const know = new Script(t, 'lib/cli/main.ts', ['know', peer.name, '--json'])
  // each is known to listen once it prints; so it is told again until it does
  const telling = setInterval(() => {
    peer.set('key', { n: 1 })
    peer.say('order:new', { id: 1 })
  }, 50)
  t.teardown(() => clearInterval(telling))
  t.equal(await hear.ended, 0)
  t.strictSame(hear.lines, Array.from({ length: 2 }, () => `${peer.name} order:new {"id":1}`))
  t.ok(await know.prints(lines => lines.length > 0, 20_000), know.stderr)
  t.strictSame(JSON.parse(know.lines[0] ?? ''), { peer: peer.name, key: 'key', value: { n: 1 }, expiresAt: null })
  know.child.kill('SIGINT')
  t.equal(await know.ended, 0, 'Ctrl-C is how it ends')
})

t.test('a command whose peer is not there says so, and one that follows it too', { timeout: 60_000 }, async t => {
  const port = await freePorts(1)
  const { code, stderr } = await telepathine(t, ['members', `:${port}`])
  t.equal(code, 1)
  t.match(stderr, new RegExp(`^telepathine: nobody listens at 127\\.0\\.0\\.1:${port}[^\\n]*\\n$`))
  const peer = await served(t)
  const hear = new Script(t, 'lib/cli/main.ts', ['hear', peer.name])
  const telling = setInterval(() => peer.say('x'), 50)
  t.ok(await hear.prints(lines => lines.length > 0, 20_000))
  clearInterval(telling)
  await peer.stop()
  t.equal(await hear.ended, 1)
  t.match(hear.stderr, `telepathine: ${peer.name} has stopped\n`)
})
