import t from 'tap'
import { Dispatcher } from '../../lib/work/index.js'
import { Script, scriptFile } from '../fixtures/script.js'
import { until } from '../fixtures/until.js'
import { served } from '../http/fixtures/ask.js'
import { telepathine } from './fixtures/run.js'

t.jobs = 2

t.test('once: all that there is, as text and as JSON, and so without a terminal', { timeout: 60_000 }, async (t) => {
  const peer = await served(t)
  const other = await served(t, { metadata: { evil: '\u001b[31m' } }, [peer.name])
  const work = new Dispatcher(other)
  work.serve('wordcount', () => 1)
  t.teardown(() => work.stop())
  await until(() => peer.livePeers().length === 1)
  await new Dispatcher(peer).waitFor('wordcount')
  const [text, piped, json] = await Promise.all([
    telepathine(t, ['top', peer.name, '--once']), telepathine(t, ['top', peer.name]),
    telepathine(t, ['top', peer.name, '--json']),
  ])
  for (const { code, stdout, stderr } of [text, piped]) {
    t.equal(code, 0, stderr)
    t.match(stdout, `${peer.name}  of cluster telepathine`)
    t.match(stdout, /^peers {2}2 alive/m)
    t.match(stdout, new RegExp(`^${other.name.replaceAll('.', String.raw`\.`)} +alive`, 'm'))
    t.match(stdout, /^wordcount +1 /m)
    t.notMatch(stdout, '\u001b')
  }
  const told = JSON.parse(json.stdout) as { self: { name: string }, peers: { key: string }[], workers: object[] }
  t.equal(told.self.name, peer.name)
  t.strictSame(told.peers.map(({ key }) => key).sort(), [peer.name, other.name].sort())
  t.match(told.workers, [{ service: 'wordcount', peer: other.name }])
})

t.test('what goes wrong is said in one line', { timeout: 60_000 }, async (t) => {
  const peer = await served(t, { http: { token: 'long-secret', private: true } })
  const [nobody, stranger, friend] = await Promise.all([
    telepathine(t, ['top', ':1']), telepathine(t, ['top', peer.name]),
    telepathine(t, ['top', peer.name], { TELEPATHINE_TOKEN: 'long-secret' }),
  ])
  t.match(nobody, { code: 1, stdout: '', stderr: /^telepathine: nobody listens at 127\.0\.0\.1:1: [^\n]+\n$/ })
  t.match(stranger, { code: 1, stdout: '', stderr: /^telepathine: [^\n]*token[^\n]*TELEPATHINE_TOKEN\n$/ })
  t.equal(friend.code, 0)
})

const isLinux = process.platform === 'linux'

t.test('in a terminal: live, through the loss of its peer, until q', { timeout: 60_000, skip: !isLinux }, async (t) => {
  const peer = await served(t)
  // `script` of util-linux gives a terminal to what it runs
  const command = `stty rows 20 cols 90; ${process.execPath} --import tsx lib/cli/main.ts top ${peer.name}`
  const inTerminal = await scriptFile(t, `import { spawn } from 'node:child_process'
    const args = ['--quiet', '--return', '--command', ${JSON.stringify(command)}, '/dev/null']
    spawn('script', args, { stdio: 'inherit' }).on('exit', (code) => (process.exitCode = code ?? 1))`)
  const script = new Script(t, inTerminal, [], { TERM: 'xterm' })
  t.ok(await script.prints(() => script.stdout.includes('live'), 30_000), script.stderr)
  const other = await served(t, {}, [peer.name])
  t.ok(await script.prints(() => script.stdout.includes(other.name), 20_000), 'a peer that joins is seen')
  await peer.stop()
  t.ok(await script.prints(() => script.stdout.includes('trying again'), 20_000))
  await peer.start().ready()
  const before = script.stdout.length
  t.ok(await script.prints(() => script.stdout.slice(before).includes('live'), 20_000), 'and it is there again')
  script.child.stdin?.write('q')
  t.equal(await script.ended, 0)
  t.match(script.stdout, /\u001b\[\?1049h[^]*\u001b\[\?1049l/)
})
