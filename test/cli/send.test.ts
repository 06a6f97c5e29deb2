import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { freePorts, Script } from '../fixtures/script.js'
import { ask, served } from '../http/fixtures/ask.js'
import { telepathine } from './fixtures/run.js'

t.jobs = 2
t.setTimeout(120_000)

const patienceMs = 40_000

async function folder(t: Test): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'telepathine-send-'))
  t.teardown(() => rm(path, { recursive: true, force: true }))
  return path
}

/** A peer in a process of its own, with its queue in a folder; and what asks it. */
async function queued(t: Test, path: string, port: number, ...args: string[]) {
  const folders = ['--data', join(path, 'data'), '--queue', `file:${join(path, 'queue')}`]
  const script = new Script(t, 'lib/cli/main.ts', ['peer', `:${port}`, ...folders, ...args])
  if (!(await script.prints(lines => lines.includes(`127.0.0.1:${port} is up`), patienceMs))) t.fail(script.stderr)
  return script
}

t.test('a durable task outlives its peer, and is stored once for a key', async t => {
  const path = await folder(t)
  const port = await freePorts(1)
  const first = await queued(t, path, port, '--no-apps')
  const send = (...more: string[]) => telepathine(t, ['send', `:${port}`, 'mill', '21', '--job', '--durable', ...more])
  const [one, two, later] = await Promise.all([
    send('--key', 'k'), send('--key', 'k', '--json'), send('--delay', '3600', '--attempts', '1'),
  ])
  t.match(one, { code: 0, stdout: /^[\w-]{24}\n$/, stderr: '' })
  const token = one.stdout.trim()
  t.strictSame(JSON.parse(two.stdout), { token })
  t.match(later, { code: 0, stdout: /^[\w-]{24}\n$/ })
  const counts = [{ name: 'mill', waiting: 1, delayed: 1, running: 0, dead: 0 }]
  t.strictSame((await ask({ port }, '/queues')).json, counts)

  first.child.kill('SIGKILL')
  await first.ended
  const second = await queued(t, path, port, '--no-apps')
  t.strictSame((await ask({ port }, '/queues')).json, counts)
  t.match(await ask({ port }, `/jobs/${token}`), { status: 202 })
  second.child.kill('SIGTERM')
  t.equal(await second.ended, 0)
  t.equal(second.stderr, '')
})

t.test('worker apps do it: the result is waited for, or what went wrong is said', async t => {
  const path = await folder(t)
  const port = await freePorts(1)
  await mkdir(join(path, 'apps/mill'), { recursive: true })
  await writeFile(join(path, 'apps/mill/double.js'), `
process.on('message', (n) => {
  if (typeof n !== 'number') throw new TypeError('no number')
  process.send(2 * n)
})
`)
  await queued(t, path, port, '--apps', join(path, 'apps'))
  const send = (task: string, ...more: string[]) =>
    telepathine(t, ['send', `:${port}`, 'apps/mill/double', task, '--durable', '--wait', ...more])
  // nobody does it yet
  const early = send('21')
  const start = await telepathine(t, ['start', `:${port}`, 'apps/mill/double'])
  t.equal(start.code, 0, start.stderr)
  t.strictSame(await early, { code: 0, stdout: '42\n', stderr: '' })
  t.match(await send('"x"', '--attempts', '1'), { code: 1, stdout: '', stderr: /^telepathine: [^\n]+\n$/ })
  const { json } = await ask({ port }, '/queues')
  t.match(json, [{ name: 'apps/mill/double', waiting: 0, running: 0, dead: 1 }])
})

t.test('a peer without a queue stores nothing, and says what it lacks', async t => {
  const peer = await served(t)
  const answer = await telepathine(t, ['send', peer.name, 'mill', '1', '--job', '--durable'])
  t.match(answer, { code: 1, stdout: '', stderr: /^telepathine: [^\n]*has no queue[^\n]*\n$/ })
})
