import { join } from 'node:path'
import t, { type Test } from 'tap'
import { AppRunner, type RunnerState } from '../../lib/apps/runner.js'
import { findApp } from '../../lib/apps/spec.js'
import { isAlive } from '../cli/fixtures/demo.js'

const folder = join(import.meta.dirname, 'fixtures/apps/zoo')

interface Zoo {
  readonly runner: AppRunner
  readonly states: [RunnerState, string | undefined][]
  readonly news: unknown[]
  readonly printed: string[]
  /** Resolves once `test` holds; looked at whenever the runner tells something. */
  until(test: () => boolean): Promise<void>
}

async function zoo(t: Test, worker: string, config: object = {}, variables: string[] = []): Promise<Zoo> {
  const spec = await findApp(`zoo/${worker}`, folder)
  const waiting: (() => void)[] = []
  const told = (): void => waiting.forEach(look => look())
  const states: Zoo['states'] = []
  const news: unknown[] = []
  const printed: string[] = []
  const runner = new AppRunner({ ...spec, config: { ...spec.config, ...config } }, { variables }, {
    changed: (state, why) => (states.push([state, why]), told()),
    news: value => (news.push(value), told()),
    printed: line => (printed.push(line), told()),
  })
  t.teardown(() => runner.stop())
  const until = (test: () => boolean): Promise<void> => new Promise(resolve => {
    const look = (): void => void (test() && resolve())
    waiting.push(look)
    look()
  })
  return { runner, states, news, printed, until }
}

const task = (more: object = {}) => ({
  streams: false, signal: new AbortController().signal, emit: async () => undefined, ...more,
})

t.jobs = 2

t.test('each of a hundred answers finds its task', async t => {
  const { runner } = await zoo(t, 'echo')
  await runner.start()
  const answers = await Promise.all(Array.from({ length: 100 }, async (_, n) => {
    return runner.run({ n, ms: Math.floor(Math.random() * 50) }, task())
  }))
  t.strictSame(answers.map(answer => (answer as { n: number }).n), Array.from({ length: 100 }, (_, n) => n))
})

t.test('large messages come through both ways', async t => {
  const { runner } = await zoo(t, 'echo')
  await runner.start()
  const text = 'x'.repeat(8 << 20)
  const answer = await runner.run({ text }, task()) as { text: string }
  t.equal(answer.text.length, text.length)
})

t.test('several answers come in order, to an end, a silence or a cancellation', async t => {
  const { runner, news } = await zoo(t, 'stream', { idleMS: 100 })
  await runner.start()
  for (const silent of [false, true]) {
    const chunks: unknown[] = []
    const emit = async (chunk: unknown) => void chunks.push(chunk)
    t.equal(await runner.run({ to: 5, silent }, task({ streams: true, emit })), silent ? undefined : 'done')
    t.strictSame(chunks, [1, 2, 3, 4, 5])
  }
  const gone = new AbortController()
  const emit = async (chunk: unknown) => void (chunk === 3 && gone.abort())
  await t.rejects(runner.run({ to: 1e9 }, task({ streams: true, emit, signal: gone.signal })), { code: 'ERR_ABORTED' })
  const slow = async (): Promise<void> => {
    throw new Error('too slow')
  }
  await t.rejects(runner.run({ to: 1e9 }, task({ streams: true, emit: slow })), /too slow/)
  t.equal(await runner.run({ to: 1 }, task()), 1, 'who takes one answer gets the first')
  t.strictSame(news, [{ hello: 'of my own accord' }])
})

t.test('an app hears that its task was cancelled', async t => {
  const { runner, printed, until } = await zoo(t, 'echo')
  await runner.start()
  const gone = new AbortController()
  const answer = runner.run({ abort: 'it' }, task({ signal: gone.signal }))
  await runner.run({}, task()) // the first is under way by then
  gone.abort()
  await t.rejects(answer, { code: 'ERR_ABORTED', name: 'AbortError' })
  await until(() => printed.includes('aborted it'))
  const late = new AbortController()
  late.abort()
  await t.rejects(runner.run({ never: true }, task({ signal: late.signal })), { code: 'ERR_ABORTED' })
})

for (const how of ['crash', 'reject'] as const) {
  t.test(`a task that makes the app ${how} fails with its error, others as lost, and the app comes back`, async t => {
    const { runner, states, until } = await zoo(t, 'echo')
    await runner.start()
    const other = runner.run({ never: true }, task())
    const bad = runner.run({ [how]: 'this' }, task())
    await t.rejects(bad, { name: how === 'crash' ? 'RangeError' : 'TypeError', message: 'cannot do this' })
    await t.rejects(other, { code: 'ERR_PEER_LOST', message: /zoo\/echo was lost.*exit code 1.*cannot do this/s })
    t.match(await runner.run({ n: 1 }, task()), { n: 1 }, 'a task that comes meanwhile waits')
    t.strictSame(states.map(([state]) => state), ['starting', 'running', 'waiting', 'starting', 'running'])
    await until(() => true)
  })
}

t.test('an app that exits, or is killed, loses its tasks', async t => {
  const { runner } = await zoo(t, 'echo')
  await runner.start()
  await t.rejects(runner.run({ exit: 3 }, task()), { code: 'ERR_PEER_LOST', message: /exit code 3/ })
  await runner.run({}, task())
  const never = runner.run({ never: true }, task())
  await runner.run({}, task())
  process.kill(runner.pid ?? 0, 'SIGKILL')
  await t.rejects(never, { code: 'ERR_PEER_LOST', message: /signal SIGKILL/ })
})

t.test('an app that does not start says why, at once', async t => {
  const { runner, states } = await zoo(t, 'broken')
  await t.rejects(runner.start(), { code: 'ERR_DRAINING', message: /exit code 1: SyntaxError: does not even start/ })
  t.match(states.at(-1), ['failed', /does not even start/])
  await t.rejects(runner.run({}, task()), { code: 'ERR_DRAINING' })
})

t.test('stopping an app ends what it started, too', async t => {
  const { runner, states } = await zoo(t, 'parent')
  await runner.start()
  const { pid, child } = await runner.run({}, task()) as { pid: number, child: number }
  t.ok(isAlive(pid) && isAlive(child))
  const never = t.rejects(runner.run({}, task({ streams: true })), { code: 'ERR_PEER_LOST' })
  await Promise.all([runner.stop(), runner.stop()])
  t.notOk(isAlive(pid))
  t.notOk(await lives(child), 'the grandchild is gone')
  await never
  t.match(states.at(-1), ['stopped'])
})

t.test('an app sees nothing of the environment but what it may', async t => {
  process.env['SECRET_OF_TEST'] = 'a'
  process.env['SHOWN_OF_TEST'] = 'b'
  const { runner } = await zoo(t, 'echo', {}, ['SHOWN_OF_TEST'])
  await runner.start()
  const env = await runner.run({ env: true }, task()) as NodeJS.ProcessEnv
  t.equal(env['SECRET_OF_TEST'], undefined)
  t.equal(env['SHOWN_OF_TEST'], 'b')
  t.equal(env['PATH'], process.env['PATH'])
})

t.test('an app that loses sight of its tasks is right if it has one at a time', async t => {
  const { runner, news, until } = await zoo(t, 'lost', { concurrency: 1 })
  await runner.start()
  t.strictSame(await runner.run('a', task()), { task: 'a' })
  t.strictSame(await runner.run('b', task()), { task: 'b' })
  const several = await zoo(t, 'lost')
  await several.runner.start()
  void several.runner.run('a', task()).catch(() => undefined)
  await several.until(() => several.news.length > 0)
  t.strictSame(several.news, [{ task: 'a' }], 'otherwise what it sends is news')
  await until(() => news.length === 0)
})

t.test('an app may fork helpers of its own: they know nothing of us', async t => {
  const { runner } = await zoo(t, 'forks', { concurrency: 1 })
  await runner.start()
  t.match(await runner.run(7, task()), { n: 7, square: 49, args: [/^--max-old-space-size/] })
})

t.test('an app that is stuck after a cancelled task is started anew, and that is no crash', async t => {
  const { runner, states } = await zoo(t, 'odd')
  await runner.start()
  const { pid } = await runner.run({}, task()) as { pid: number }
  const gone = new AbortController()
  const stuck = runner.run({ blocks: true }, task({ signal: gone.signal }))
  gone.abort()
  await t.rejects(stuck, { code: 'ERR_ABORTED' })
  const impatient = new AbortController()
  const waits = runner.run({}, task({ signal: impatient.signal }))
  impatient.abort()
  await t.rejects(waits, { code: 'ERR_ABORTED' }, 'a task that waits for it can be cancelled, too')
  const next = await runner.run({}, task()) as { pid: number }
  t.not(next.pid, pid)
  t.notOk(isAlive(pid))
  t.strictSame(states.map(([state]) => state), ['starting', 'running', 'starting', 'running'])
})

t.test('with one task at a time the answer to a cancelled one is not taken for that to the next', async t => {
  const { runner, news } = await zoo(t, 'slow', { concurrency: 1 })
  await runner.start()
  for (const ms of [50, 600_000]) {
    const gone = new AbortController()
    const late = runner.run({ n: 1, ms }, task({ signal: gone.signal }))
    gone.abort()
    await t.rejects(late, { code: 'ERR_ABORTED' })
    t.strictSame(await runner.run({ n: 2 }, task()), { n: 2 })
  }
  t.strictSame(news, [])
})

t.test('an app that fills the machine beside its heap is ended', { skip: process.platform !== 'linux' }, async t => {
  const { runner, states, until } = await zoo(t, 'odd', { memoryMB: 16 })
  await runner.start()
  await t.rejects(runner.run({ hoards: true }, task()), { code: 'ERR_PEER_LOST', message: /held \d+ MiB.*allowed: 96/ })
  await until(() => states.at(-1)?.[0] === 'running')
  t.match(await runner.run({}, task()), { pid: /\d+/ }, 'and comes back')
})

t.test('a line that never ends is not kept, and what is said in a hurry only in part', async t => {
  const { runner, printed, news, until } = await zoo(t, 'odd')
  await runner.start()
  await runner.run({ prints: 64 }, task())
  await runner.run({ chats: 300 }, task())
  await until(() => news.length >= 100)
  // by its answer all that it said before is through: what is stopped while it speaks dies with a complaint
  await runner.run({}, task())
  await runner.stop()
  await until(() => printed.length > 0)
  t.equal(printed.length, 1)
  t.equal(printed[0]?.length, 1_000)
  t.ok(news.length <= 200, 'a hundred in a second')
})

/** Whether a process that was just killed is still there once the system has had time to bury it. */
async function lives(pid: number): Promise<boolean> {
  const { promise, resolve } = deferred<boolean>()
  const look = (left: number): void => {
    if (!isAlive(pid)) return resolve(false)
    if (left === 0) return resolve(true)
    setTimeout(look, 10, left - 1)
  }
  look(200)
  return promise
}

function deferred<T>(): { promise: Promise<T>, resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined
  return { promise: new Promise<T>(done => (resolve = done)), resolve }
}
