import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Dispatcher, openQueue } from '../../lib/work/index.js'
import { served } from '../http/fixtures/ask.js'
import { telepathine } from './fixtures/run.js'

t.jobs = 2
t.setTimeout(120_000)

const token = 'long-secret'

/** A peer with a queue, and what asks it. */
async function queued(t: Test) {
  const folder = await mkdtemp(join(tmpdir(), 'telepathine-cli-queue-'))
  const queue = await openQueue(`file:${folder}`)
  const peer = await served(t, { http: { token } })
  const work = new Dispatcher(peer, { queue })
  t.teardown(async () => {
    await work.stop({ grace: 0 })
    await queue.close()
    await rm(folder, { recursive: true, force: true })
  })
  const run = (...args: string[]) => telepathine(t, ['queue', peer.name, ...args], { TELEPATHINE_TOKEN: token })
  return { peer, work, run }
}

t.test('what is in the queue is a table, or JSON', async t => {
  const { peer, work, run } = await queued(t)
  await work.enqueue('invoice', 1)
  await work.enqueue('invoice', 2, { delay: 3_600_000 })
  await work.enqueue('mail/send', 3)
  const [table, json, open] = await Promise.all([run(), run('--json'), telepathine(t, ['queue', peer.name])])
  t.strictSame(table, {
    code: 0,
    stdout: [
      'JOB        WAITING  DELAYED  RUNNING  DEAD',
      'invoice    1        1        0        0',
      'mail/send  1        0        0        0',
      '',
    ].join('\n'),
    stderr: '',
  })
  t.strictSame(JSON.parse(json.stdout), await work.queues())
  t.equal(open.stdout, table.stdout, 'figures take no token')
})

t.test('dead letters are shown, tried again and dropped, by those who have the token', async t => {
  const { peer, work, run } = await queued(t)
  let isWell = false
  work.serve('a/b', (input: string) => {
    if (!isWell) throw new RangeError(`${input} is\u001b[31m ill`)
    return { well: input }
  }, { durable: true })
  const [one, two] = await Promise.all(['one', 'two'].map(input => work.enqueue('a/b', input, { attempts: 1 })))
  if (one === undefined || two === undefined) throw new Error('not stored')
  await Promise.all([one, two].map(each => t.rejects(work.outcome(each))))
  const waits = await work.enqueue('nobody', 1)

  const [table, json, failed, none, wrong, locked] = await Promise.all([
    run('a/b'), run('a/b', '--json'), run('--outcome', one), run('--outcome', waits), run('--retry', 'A'.repeat(24)),
    telepathine(t, ['queue', peer.name, 'a/b']),
  ])
  t.equal(table.code, 0)
  t.match(table.stdout, /^TOKEN +AGE +ATTEMPTS +ERROR\n/)
  t.match(table.stdout, new RegExp(`^${one} +\\d+s +1 +ERR_HANDLER: one is ill$`, 'm'))
  t.match(table.stdout, new RegExp(`^${two} +\\d+s +1 +ERR_HANDLER: two is ill$`, 'm'))
  const letters = JSON.parse(json.stdout) as { token: string, input: string, from: string }[]
  t.strictSame(new Map(letters.map(({ token, input, from }) => [token, `${input} ${from}`])), new Map([
    [one, `one ${peer.name}`], [two, `two ${peer.name}`],
  ]))
  t.match(failed, { code: 1, stdout: '', stderr: /^telepathine: [^\n]*ill\n$/ })
  t.strictSame(none, { code: 1, stdout: '', stderr: `telepathine: ${waits} has no outcome yet\n` })
  t.strictSame(wrong, { code: 1, stdout: '', stderr: 'telepathine: there is no such dead letter\n' })
  t.match(locked, { code: 1, stdout: '', stderr: /^telepathine: [^\n]*TELEPATHINE_TOKEN\n$/ })

  isWell = true
  const [retried, dropped] = await Promise.all([run('--retry', one), run('--discard', two)])
  for (const done of [retried, dropped]) t.strictSame(done, { code: 0, stdout: '', stderr: '' })
  t.strictSame(await work.outcome(one), { well: 'one' })
  const [outcome, gone, left] = await Promise.all([run('--outcome', one), run('--outcome', two), run('a/b', '--json')])
  t.strictSame(outcome, { code: 0, stdout: '{"well":"one"}\n', stderr: '' })
  t.match(gone, { code: 1, stderr: /discarded/ })
  t.equal(left.stdout, '[]\n')
})

t.test('a peer without a queue has nothing in it', async t => {
  const { name } = await served(t)
  const [all, dead] = await Promise.all([telepathine(t, ['queue', name]), telepathine(t, ['queue', name, 'x'])])
  t.match(all, { code: 0, stdout: /^JOB.*\n$/ })
  t.match(dead, { code: 0, stdout: /^TOKEN.*\n$/ })
})
