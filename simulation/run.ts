import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { sparkline, svg } from './chart.js'
import { chaos } from './scenarios/chaos.js'
import { churn } from './scenarios/churn.js'
import { converge } from './scenarios/converge.js'
import { crash } from './scenarios/crash.js'
import { idle } from './scenarios/idle.js'
import { join } from './scenarios/join.js'
import { overload } from './scenarios/overload.js'
import { partition } from './scenarios/partition.js'
import type { Outcome, Progress, Scenario, Settings } from './scenarios/scenario.js'
import { isWell, replay, shrink } from './scenarios/shrink.js'

const scenarios: readonly Scenario[] = [converge, idle, crash, join, churn, partition, overload, chaos]

const help = `simulate <scenario> [options]

${scenarios.map(({ name, about }) => `  ${name.padEnd(10)} ${about}`).join('\n')}

  --seed N          what the run is drawn from (1)
  --peers N         how many peers
  --loss P          share of the datagrams that get lost, 0 .. 1
  --latency A,B     time on the way, least and most milliseconds
  --updates N       converge: how many; overload: most for each peer
  --crashes N       crash: how many
  --joins N         join: how many; churn: how many come or go
  --seconds N       how long to measure, virtual seconds
  --pausing P       crash: share of the peers that stall now and then
  --count N         chaos: so many seeds, from --seed on
  --steps N         chaos: only the first steps
  --without A,B     chaos: without these kinds of step
  --shrink          chaos: look for a smaller run that still fails
  --svg FILE        write the curve
  --json            print one object on stdout
`

/** Runs what the arguments ask for. Returns the exit code: 0 all is well, 1 it is not, 2 the arguments are no good. */
export function simulate(args: readonly string[]): number {
  let asked: ReturnType<typeof parse>
  try {
    asked = parse(args)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    return 2
  }
  const { scenario, settings, values } = asked
  if (scenario === undefined) {
    process.stdout.write(help)
    return 0
  }
  const progress: Progress = everySecond((line) => process.stderr.write(`${line}\n`))
  let isAllWell = true
  for (let i = 0; i < asked.count; i++) {
    const drawn = { ...settings, seed: settings.seed + i }
    const beganAt = performance.now()
    const outcome = scenario.run(drawn, progress)
    print(scenario, drawn, outcome, performance.now() - beganAt, values.json === true)
    if (values.svg !== undefined) writeFileSync(values.svg, svg(outcome.curve, replay(scenario, drawn)))
    if (isWell(outcome)) continue
    isAllWell = false
    process.stderr.write(`failed: ${replay(scenario, drawn)}\n`)
    if (values.shrink !== true) continue
    const least = shrink(scenario, drawn, (line) => process.stderr.write(`${line}\n`))
    process.stderr.write(`smallest: ${replay(scenario, least)}\n`)
  }
  return isAllWell ? 0 : 1
}

function parse(args: readonly string[]) {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      seed: { type: 'string' },
      peers: { type: 'string' },
      loss: { type: 'string' },
      latency: { type: 'string' },
      updates: { type: 'string' },
      crashes: { type: 'string' },
      joins: { type: 'string' },
      seconds: { type: 'string' },
      pausing: { type: 'string' },
      count: { type: 'string' },
      steps: { type: 'string' },
      without: { type: 'string' },
      shrink: { type: 'boolean' },
      svg: { type: 'string' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  const [name, ...rest] = positionals
  if (rest.length > 0) throw new Error(`one scenario at a time, got ${positionals.join(', ')}`)
  const scenario = scenarios.find((candidate) => candidate.name === name)
  if (scenario === undefined && name !== undefined) {
    throw new Error(`there is no scenario "${name}"; there are ${scenarios.map((known) => known.name).join(', ')}`)
  }
  const settings: Settings = {
    seed: whole('seed', values.seed) ?? 1,
    peers: whole('peers', values.peers, 2),
    loss: share('loss', values.loss),
    latencyMs: range('latency', values.latency),
    times: whole('updates', values.updates) ?? whole('crashes', values.crashes) ?? whole('joins', values.joins),
    seconds: whole('seconds', values.seconds),
    pausing: share('pausing', values.pausing),
    steps: whole('steps', values.steps),
    without: values.without === undefined ? [] : values.without.split(','),
  }
  const count = whole('count', values.count, 1) ?? 1
  return { scenario: values.help === true ? undefined : scenario, settings, values, count }
}

function print(scenario: Scenario, settings: Settings, outcome: Outcome, wallMs: number, isJson: boolean): void {
  const all = {
    scenario: scenario.name,
    seed: settings.seed,
    ...outcome.figures,
    virtualMs: Math.round(outcome.virtualMs),
    wallMs: Math.round(wallMs),
    converged: outcome.isConverged,
    violations: outcome.violations,
    trace: outcome.trace,
  }
  if (isJson) {
    process.stdout.write(`${JSON.stringify(all)}\n`)
    return
  }
  for (const [name, value] of Object.entries(all)) {
    if (name !== 'violations') process.stdout.write(`${name.padEnd(28)} ${JSON.stringify(value)}\n`)
  }
  for (const { invariant, atMs, peers, expected, found } of outcome.violations.slice(0, 10)) {
    const who = peers.length === 0 ? '' : ` (${peers.join(' about ')})`
    process.stdout.write(`violated at ${atMs} ms: ${invariant}${who}: expected ${expected}, found ${found}\n`)
  }
  process.stdout.write(`${'violations'.padEnd(28)} ${outcome.violations.length}\n`)
  const line = sparkline(outcome.curve)
  if (line !== '') process.stdout.write(`${line}\n`)
}

function whole(name: string, text: string | undefined, least = 0): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= least) return value
  throw new Error(`--${name} must be a whole number of at least ${least}, got "${text}"`)
}

function share(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (text.trim() !== '' && value >= 0 && value <= 1) return value
  throw new Error(`--${name} must be 0 .. 1, got "${text}"`)
}

function range(name: string, text: string | undefined): [number, number] | undefined {
  if (text === undefined) return undefined
  const [least, most, ...rest] = text.split(',').map(Number)
  const isRange = least !== undefined && most !== undefined && rest.length === 0 && least >= 0 && most >= least
  if (isRange) return [least, most]
  throw new Error(`--${name} must be two numbers, least and most, got "${text}"`)
}

/** Lets a line through once a second at most, so that a quick run says nothing and a long one does not flood. */
function everySecond(tell: Progress): Progress {
  let toldAt = performance.now()
  return (line) => {
    if (performance.now() - toldAt < 1_000) return
    toldAt = performance.now()
    tell(line)
  }
}

if (process.argv[1] !== undefined && import.meta.filename === process.argv[1]) {
  process.exitCode = simulate(process.argv.slice(2))
}
