/** Worker apps with real processes: each peer in a folder of its own, the command line as users have it. */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { appendFile, cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { tempFolder } from '../apps/fixtures/archive.js'
import { writeFiles } from '../apps/fixtures/hosts.js'
import { deployKeys } from '../apps/fixtures/keys.js'
import { isAlive } from '../cli/fixtures/demo.js'
import { freePorts, top } from '../fixtures/script.js'
import { ask, follow } from '../http/fixtures/ask.js'

const sentence = 'The First World War was to be the war to end all wars.'
const counter = 'apps/wordcount/counter'

// some fifteen processes start, one after the other where that is the point
t.setTimeout(240_000)

/** A command that runs in a folder. */
class Command {
  stdout = ''
  stderr = ''
  readonly child
  readonly ended: Promise<number | null>
  #told: () => void = () => undefined

  constructor(t: Test, folder: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const loader = join(top, 'node_modules/tsx/dist/esm/index.mjs')
    const command = ['--import', loader, join(top, 'lib/cli/main.ts'), ...args]
    const options = { cwd: folder, env: { ...process.env, ...env } }
    this.child = spawn(process.execPath, command, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => this.#take(this.stdout += text))
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => this.#take(this.stderr += text))
    this.ended = once(this.child, 'close').then(([code]) => code as number | null)
    t.teardown(async () => {
      this.child.kill('SIGKILL')
      await this.ended
    })
  }

  /** Resolves once it has printed what fits. */
  prints(pattern: RegExp): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#told = () => pattern.test(this.stdout) && resolve()
      this.#told()
      void this.ended.then(() => reject(new Error(`it ended without ${pattern}:\n${this.stdout}${this.stderr}`)))
    })
  }

  #take(_: string): void {
    this.#told()
  }
}

async function run(t: Test, folder: string, ...args: string[]): Promise<Command & { code: number | null }> {
  const command = new Command(t, folder, args)
  return Object.assign(command, { code: await command.ended })
}

async function peerIn(t: Test, folder: string, port: number, ...seeds: number[]): Promise<Command> {
  await mkdir(folder, { recursive: true })
  const addresses = seeds.map(seed => `:${seed}`)
  const options = ['--deploy-key', '../public.pem', '--preset', 'local']
  return new Command(t, folder, ['peer', `:${port}`, ...addresses, ...options])
}

t.test('three peers, an app from a fourth folder, and all that may happen to it', { timeout: 240_000 }, async t => {
  const top_ = await tempFolder(t)
  const at = (folder: string) => join(top_, folder)
  const keys = deployKeys()
  await writeFiles(top_, { 'public.pem': keys.publicKey, 'private.pem': keys.privateKey })
  await cp(join(top, 'simulation/apps/wordcount'), join(at('four'), 'apps/wordcount'), { recursive: true })
  const stemmer = 'node_modules/stemmer'
  await cp(join(top, stemmer), join(at('four'), 'apps/wordcount', stemmer), { recursive: true, dereference: true })
  const port = await freePorts(4)
  const [one, two, three, late] = [port, port + 1, port + 2, port + 3]

  await t.test('a peer that is pointed at one that is not there heals by itself', async t => {
    const first = await peerIn(t, at('one'), one, two)
    await first.prints(/is up/)
    const page = await ask({ port: one }, '/')
    t.match(page.text, `- <a href="http://127.0.0.1:${two}">127.0.0.1:${two}</a> last seen never`)
    const second = await peerIn(t, at('two'), two, three)
    await first.prints(new RegExp(`\\+ 127\\.0\\.0\\.1:${two} is there`))
    await second.prints(new RegExp(`\\+ 127\\.0\\.0\\.1:${one} is there`))
    second.child.kill('SIGTERM')
    first.child.kill('SIGINT')
    t.strictSame(await Promise.all([first.ended, second.ended]), [0, 0])
  })

  const peers = [await peerIn(t, at('one'), one, two), await peerIn(t, at('two'), two, three),
    await peerIn(t, at('three'), three, one)] as const
  await Promise.all(peers.map(async (peer, n) => {
    for (const other of [one, two, three]) {
      if (other !== port + n) await peer.prints(new RegExp(`\\+ 127\\.0\\.0\\.1:${other} is there`))
    }
  }))

  const start = await run(t, at('four'), 'start', `:${one}`, counter, '--sign', '../private.pem')
  t.equal(start.code, 0, start.stderr)
  t.match(start.stdout, /it starts here/)
  t.match(start.stdout, /wordcount\/counter runs on 3 of 3 peers/)
  for (const each of [one, two, three]) {
    const answer = await ask({ port: each }, `/${counter}`, { method: 'POST', json: sentence })
    t.match(answer, { status: 200, json: { message: sentence, total: 13, unique: 9 } })
  }
  const sent = await run(t, at('four'), 'send', `:${three}`, counter, sentence)
  t.strictSame(JSON.parse(sent.stdout), { message: sentence, total: 13, unique: 9 })

  const newcomer = await peerIn(t, at('late'), late, two)
  await newcomer.prints(/\* wordcount\/counter runs/)
  t.match(await ask({ port: late }, `/${counter}`, { method: 'POST', json: sentence }), { json: { unique: 9 } })

  const many = await Promise.all(Array.from({ length: 100 }, async (_, n) => {
    const words = `${'word '.repeat(n)}last`
    const { json } = await ask({ port: port + (n % 4) }, `/${counter}`, { method: 'POST', json: words })
    return (json as { total: number }).total
  }))
  t.strictSame(many, Array.from({ length: 100 }, (_, n) => n + 1), 'each its own')

  const nobody = await run(t, at('four'), 'send', `:${one}`, 'apps/wordcount/nothing', 'x')
  t.match(nobody, { code: 1, stderr: /^telepathine: nobody serves "apps\/wordcount\/nothing"[^\n]*\n$/ })

  const stop = await run(t, at('four'), 'stop', `:${late}`, counter)
  t.match(stop, { code: 0, stdout: /wordcount\/counter is stopped on 4 of 4 peers/ })
  const other = deployKeys()
  await writeFile(join(top_, 'other.pem'), other.privateKey)
  const refused = await run(t, at('four'), 'start', `:${one}`, counter, '--sign', '../other.pem')
  t.match(refused, { code: 1, stderr: /^telepathine: the manifest is not signed by a deploy key of this peer\n$/ })
  for (const peer of [...peers, newcomer]) peer.child.kill('SIGTERM')
  t.strictSame(await Promise.all([...peers, newcomer].map(peer => peer.ended)), [0, 0, 0, 0])
})

t.test('a killed worker loses its tasks, or others do them; none outlives its peer', { timeout: 120_000 }, async t => {
  const top_ = await tempFolder(t)
  await writeFiles(top_, {
    'public.pem': deployKeys().publicKey,
    'one/apps/zoo/slow.js': await readFile(join(top, 'test/apps/fixtures/apps/zoo/echo.js')),
    'two/apps/zoo/slow.js': await readFile(join(top, 'test/apps/fixtures/apps/zoo/echo.js')),
  })
  const port = await freePorts(2)
  const [one, two] = [await peerIn(t, join(top_, 'one'), port), await peerIn(t, join(top_, 'two'), port + 1, port)]
  await two.prints(/is there/)
  const start = await run(t, top_, 'start', `:${port}`, 'apps/zoo/slow')
  t.match(start, { code: 0, stdout: /runs on 2 of 2 peers/ })
  const slow = (headers: Readonly<Record<string, string>>, json: object) =>
    ask({ port }, '/apps/zoo/slow', { method: 'POST', json, headers })
  const here = { 'x-telepathine-target': `127.0.0.1:${port}` }
  const { pid } = (await slow(here, {})).json as { pid: number }
  const lost = slow(here, { never: true })
  await slow(here, {})
  process.kill(pid, 'SIGKILL')
  t.match(await lost, { status: 502, json: { error: { code: 'ERR_PEER_LOST', maybeExecuted: true } } })

  const tasks = Array.from({ length: 20 }, async (_, n) => slow({ 'x-telepathine-idempotent': 'true' }, { n, ms: 300 }))
  const again = (await slow(here, {})).json as { pid: number }
  process.kill(again.pid, 'SIGKILL')
  const answers = await Promise.all(tasks)
  t.strictSame(answers.map(({ status, json }) => [status, (json as { n: number }).n]), tasks.map((_, n) => [200, n]))

  const last = (await slow(here, {})).json as { pid: number }
  one.child.kill('SIGKILL')
  await one.ended
  await gone(last.pid)
  t.pass('its worker ends when the peer is killed')
})

t.test('a large app: refusals come through, what is there is not sent again, and back', async t => {
  const top_ = await tempFolder(t)
  const keys = deployKeys()
  const program = (tag: string) => `process.on('message', () => process.send('${tag}'))`
  await writeFiles(top_, {
    'public.pem': keys.publicKey, 'private.pem': keys.privateKey, 'other.pem': deployKeys().privateKey,
    'apps/big/w.js': program('1'), 'apps/big/data.bin': randomBytes(8 << 20), 'apps/big/.env': 'SECRET=1',
  })
  const port = await freePorts(1)
  await (await peerIn(t, join(top_, 'one'), port)).prints(/is up/)
  const start = (...more: string[]) => run(t, top_, 'start', `:${port}`, 'apps/big/w', ...more)
  const ask_ = async () => (await ask({ port }, '/apps/big/w', { method: 'POST', json: 0 })).json
  const refused = /^telepathine: the manifest is not signed by a deploy key of this peer\n$/
  t.match(await start('--sign', 'other.pem', '--no-trial'), { code: 1, stderr: refused })
  t.match(await start('--sign', 'private.pem', '--no-trial'), { code: 0, stdout: /without \.env\n[^]*version 1\n/ })
  t.match(await start('--sign', 'private.pem', '--no-trial'), { code: 0, stdout: /running version 2\n/ }, 'unchanged')
  await writeFiles(top_, { 'apps/big/w.js': program('3') })
  t.match(await start('--sign', 'private.pem', '--no-trial'), { code: 0, stdout: /running version 3\n/ })
  t.equal(await ask_(), '3')
  const back = await start('--sign', 'private.pem', '--rollback')
  t.match(back, { code: 0, stdout: /goes back to what was version 2, as version 4\n[^]*running version 4\n/ })
  t.equal(await ask_(), '1')
  const again = ['start', `:${port}`, 'apps/big/w', '--sign', 'private.pem']
  const interrupted = new Command(t, top_, again, { TMPDIR: top_ })
  const copies = async () => (await readdir(top_)).filter(name => name.startsWith('telepathine-app-'))
  while ((await copies()).length === 0) await pause()
  interrupted.child.kill('SIGINT')
  t.equal(await interrupted.ended, 1)
  t.equal(interrupted.stderr, 'telepathine: interrupted\n')
  t.strictSame(await copies(), [], 'nothing is left behind')
  const sent = new Command(t, top_, ['send', `:${port}`, 'apps/big/w', JSON.stringify('x'.repeat(120_000))])
  t.match({ code: await sent.ended, stdout: sent.stdout }, { code: 0, stdout: '1\n' }, 'more than is sent unasked')
})

t.test('a log can be followed through any peer', { timeout: 120_000 }, async t => {
  const top_ = await tempFolder(t)
  await writeFiles(top_, { 'public.pem': deployKeys().publicKey })
  await cp(join(top, 'simulation/apps/tail'), join(top_, 'one/apps/tail'), { recursive: true })
  const port = await freePorts(1)
  await (await peerIn(t, join(top_, 'one'), port)).prints(/is up/)
  t.match(await run(t, top_, 'start', `:${port}`, 'apps/tail/follow'), { code: 0 })
  const log = join(top_, 'some.log')
  await writeFile(log, 'first\nsecond\n')
  const lines = follow(t, { port }, '/apps/tail/follow', 'application/x-ndjson', { file: log, from: 0 })
  t.strictSame(JSON.parse((await lines.next()).value as string), { type: 'chunk', value: 'first' })
  t.strictSame(JSON.parse((await lines.next()).value as string), { type: 'chunk', value: 'second' })
  await appendFile(log, 'thi')
  await appendFile(log, 'rd\n')
  t.strictSame(JSON.parse((await lines.next()).value as string), { type: 'chunk', value: 'third' })
})

/** Resolves once a process is no more. */
async function gone(pid: number): Promise<void> {
  while (isAlive(pid)) await pause()
}

/** A moment, between two looks. */
function pause(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, 5))
}
