import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { choices, heapBytes, run, type Request, type Settings } from '../../simulation/run.js'
import { nothing } from './fixtures/settings.js'

interface Told {
  readonly isWell: boolean
  readonly stdout: string
  readonly stderr: string
}

async function simulate(
  scenario: string, settings: Partial<Settings>, request: Partial<Request> = {},
): Promise<Told> {
  const stdout: string[] = []
  const stderr: string[] = []
  const asked: Request = {
    scenario,
    settings: { ...nothing, ...settings },
    count: 1,
    shrink: false,
    json: true,
    svg: undefined,
    command: 'simulate',
    ...request,
  }
  const isWell = await run(asked, { print: (line) => void stdout.push(line), aside: (line) => void stderr.push(line) })
  return { isWell, stdout: stdout.join('\n'), stderr: stderr.join('\n') }
}

function result({ stdout }: Told): Record<string, unknown> {
  return JSON.parse(stdout) as Record<string, unknown>
}

t.test('converge gives one object, the same for the same seed but for the wall clock', async (t) => {
  const settings = { peers: 30, loss: 0.01, times: 5, seed: 7 }
  const first = await simulate('converge', settings)
  t.ok(first.isWell)
  const { wallMs, ...rest } = result(first)
  const { wallMs: _, ...again } = result(await simulate('converge', settings))
  t.type(wallMs, 'number')
  t.strictSame(rest, again)
  t.match(rest, { scenario: 'converge', peers: 30, loss: 0.01, seed: 7, updates: 5, violations: [] })
  t.match(rest['trace'], /^[0-9a-f]{16}$/)
  for (const figure of ['p50Ms', 'p99Ms', 'maxMs', 'messagesPerPeerPerUpdate', 'bytesPerPeerPerSecond', 'virtualMs']) {
    t.ok(Number(rest[figure]) > 0, figure)
  }
  t.ok(Number(rest['p50Ms']) <= Number(rest['p99Ms']) && Number(rest['p99Ms']) <= Number(rest['maxMs']))
})

t.test('every scenario runs, ends well, and gives the figures that it is about', async (t) => {
  const runs: Readonly<Record<string, readonly [Partial<Settings>, readonly string[]]>> = {
    converge: [{ peers: 5, times: 2 }, ['p99Ms', 'maxMs']],
    idle: [{ peers: 10, seconds: 5 }, ['bytesPerPeerPerSecond', 'messagesPerPeerPerSecond']],
    crash: [{ peers: 10, times: 2 }, ['detectP50Ms', 'detectMaxMs', 'falseDeaths', 'peerHours']],
    join: [{ peers: 10, times: 2 }, ['knowsAllMaxMs', 'knownByAllMaxMs']],
    churn: [{ peers: 10, times: 20 }, ['convergedMs']],
    partition: [{ peers: 9, seconds: 10 }, ['splitMs', 'convergedMs']],
    overload: [{ peers: 5, seconds: 2 }, ['slowed', 'refused', 'staleP50Share', 'staleMaxShare', 'spreadFairness']],
    chaos: [{ peers: 4, steps: 50 }, ['convergedMs']],
    signed: [{ peers: 4, steps: 50 }, ['convergedMs']],
    dispatch: [{ peers: 4, steps: 100 }, ['calls', 'begun', 'maxMs']],
  }
  t.strictSame(choices.map(({ name }) => name), Object.keys(runs))
  for (const [scenario, [settings, figures]] of Object.entries(runs)) {
    const told = await simulate(scenario, settings)
    t.ok(told.isWell, told.stderr)
    const found = result(told)
    t.match(found, { scenario, violations: [], converged: true, peers: settings.peers })
    for (const figure of figures) t.type(found[figure], 'number', `${scenario} ${figure}`)
  }
})

t.test('several seeds give one object too, with each of them in short', async (t) => {
  const told = await simulate('chaos', { peers: 3, steps: 10, seed: 40 }, { count: 3 })
  const { wallMs, runs, ...rest } = result(told)
  t.type(wallMs, 'number')
  t.match(rest, { scenario: 'chaos', seed: 40, count: 3, peers: 3, failed: [], converged: true, violations: [] })
  t.match(runs, [{ seed: 40, violations: 0 }, { seed: 41 }, { seed: 42, trace: /^[0-9a-f]{16}$/ }])
  const alone = result(await simulate('chaos', { peers: 3, steps: 10, seed: 41 }))
  t.equal((runs as { trace: string }[])[1]?.trace, alone['trace'])
})

t.test('people get figures and a chart, and a picture if they like', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'simulate-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const svg = join(folder, 'curve.svg')
  const { stdout } = await simulate('converge', { peers: 10, times: 3 }, { json: false, svg })
  t.match(stdout, /^p99Ms +[\d.]+$/m)
  t.match(stdout, /^100 % │.*█\n/m)
  t.match(await readFile(svg, 'utf8'), /^<svg [^]*>simulate converge --seed 1 --peers 10 [^]*<polyline [^]*<\/svg>\n$/)
})

t.test('a run that fails is not well, and says how to run it again', async (t) => {
  // a minute on the way, and everything lost: nobody ever meets
  const told = await simulate('converge', { peers: 3, loss: 1, times: 1, latencyMs: [60_000, 60_000] })
  t.notOk(told.isWell)
  t.equal(result(told)['converged'], false)
  t.match(told.stderr, 'failed: simulate converge --seed 1 --peers 3 --loss 1 --latency 60000,60000 --updates 1')
  await t.rejects(simulate('nothing', {}), { message: 'there is no scenario "nothing"' })
})

t.test('memory is asked for by the square of the peers', async (t) => {
  t.ok(heapBytes(1_000) < 1e9)
  t.ok(heapBytes(10_000) > 20e9)
})
