import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'

interface Finished {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function simulate(...args: readonly string[]): Promise<Finished> {
  const script = join(import.meta.dirname, '../../simulation/run.ts')
  return new Promise((resolve) => {
    execFile(process.execPath, ['--import', 'tsx', script, ...args], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr })
    })
  })
}

function result(stdout: string): Record<string, unknown> {
  return JSON.parse(stdout) as Record<string, unknown>
}

t.test('converge prints one object, the same for the same seed but for the wall clock', async (t) => {
  const args = ['converge', '--peers', '30', '--loss', '0.01', '--updates', '5', '--seed', '7', '--json']
  const [first, second] = await Promise.all([simulate(...args), simulate(...args)])
  t.equal(first.code, 0)
  const { wallMs, ...rest } = result(first.stdout)
  const { wallMs: _, ...again } = result(second.stdout)
  t.type(wallMs, 'number')
  t.strictSame(rest, again)
  t.match(rest, { scenario: 'converge', peers: 30, loss: 0.01, seed: 7, updates: 5, violations: [] })
  t.match(rest['trace'], /^[0-9a-f]{16}$/)
  for (const figure of ['p50Ms', 'p99Ms', 'maxMs', 'messagesPerPeerPerUpdate', 'bytesPerPeerPerSecond', 'virtualMs']) {
    t.ok(Number(rest[figure]) > 0, figure)
  }
  t.ok(Number(rest['p50Ms']) <= Number(rest['p99Ms']) && Number(rest['p99Ms']) <= Number(rest['maxMs']))
})

t.test('every scenario runs, and ends well', async (t) => {
  const runs = [
    ['idle', '--peers', '10', '--seconds', '5'],
    ['crash', '--peers', '10', '--crashes', '2'],
    ['join', '--peers', '10', '--joins', '2'],
    ['churn', '--peers', '10', '--joins', '20'],
    ['partition', '--peers', '9', '--seconds', '10'],
    ['overload', '--peers', '5', '--seconds', '2'],
    ['chaos', '--peers', '4', '--steps', '50'],
  ]
  for (const run of runs) {
    const { code, stdout, stderr } = await simulate(...run, '--json')
    t.equal(code, 0, `${run.join(' ')}: ${stderr}`)
    t.match(result(stdout), { scenario: run[0], violations: [], converged: true })
  }
})

t.test('people get figures and a line, and a picture if they like', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'simulate-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const file = join(folder, 'curve.svg')
  const { stdout } = await simulate('converge', '--peers', '10', '--updates', '3', '--svg', file)
  t.match(stdout, /^p99Ms +[\d.]+$/m)
  t.match(stdout, /█ {2}0 to [\d.]+ ms/)
  t.match(await readFile(file, 'utf8'), /^<svg [^]*<polyline [^]*<\/svg>\n$/)
})

t.test('arguments that are no good are named in one line, with exit code 2', async (t) => {
  for (const [args, said] of [
    [['nothing'], /^there is no scenario "nothing"; there are converge, /],
    [['idle', '--peers', 'many'], /^--peers must be a whole number of at least 2, got "many"$/],
    [['idle', '--loss', '2'], /^--loss must be 0 \.\. 1, got "2"$/],
    [['idle', '--wat'], /--wat/],
    [['idle', 'crash'], /^one scenario at a time/],
  ] as const) {
    const { code, stdout, stderr } = await simulate(...args)
    t.equal(code, 2)
    t.equal(stdout, '')
    t.match(stderr.trimEnd(), said)
    t.equal(stderr.trimEnd().split('\n').length, 1)
  }
})

t.test('a run that fails says how to run it again, with exit code 1', async (t) => {
  // a minute on the way, and everything lost: nobody ever meets
  const args = ['--peers', '3', '--loss', '1', '--updates', '1', '--latency', '60000,60000', '--json']
  const { code, stdout, stderr } = await simulate('converge', ...args)
  t.equal(code, 1)
  t.equal(result(stdout)['converged'], false)
  t.match(stderr, 'failed: npm run simulate -- converge --seed 1 --peers 3 --loss 1 --latency 60000,60000 --updates 1')
})
