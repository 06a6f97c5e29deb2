import { writeFileSync } from 'node:fs'
import { plot, svg } from './chart.js'
import type { Request, Voice } from './run.js'
import type { Outcome, Progress, Scenario, Settings } from './scenarios/scenario.js'
import { isWell, replay, shrink } from './scenarios/shrink.js'
import { Trace } from './trace.js'

/** Violations that are told in words; the first ones tell the story. */
const toldMax = 10

/** One run and what came of it. */
interface Run {
  readonly settings: Settings
  readonly outcome: Outcome
  readonly wallMs: number
}

/** Runs a scenario as often as is asked for, and says what came of it. Whether all was well. */
export async function report(scenario: Scenario, request: Request, { print, aside }: Voice): Promise<boolean> {
  const { count, json, command } = request
  const progress = everySecond(aside)
  const runs: Run[] = []
  let isAllWell = true
  for (let i = 0; i < count; i++) {
    const settings = { ...request.settings, seed: request.settings.seed + i }
    const beganAt = performance.now()
    const outcome = await scenario.run(settings, progress)
    const run = { settings, outcome, wallMs: Math.round(performance.now() - beganAt) }
    runs.push(run)
    if (count > 1) progress(`${i + 1} of ${count} seeds, up to ${settings.seed}`)
    if (!json) print(count > 1 ? summary(run) : words(scenario, run))
    if (request.svg !== undefined) writeFileSync(request.svg, svg(outcome.curve, replay(scenario, settings, command)))
    if (isWell(outcome)) continue
    isAllWell = false
    aside(`failed: ${replay(scenario, settings, command)}`)
    if (!request.shrink) continue
    const tellSmaller = (smaller: Settings): void => aside(`still fails: ${replay(scenario, smaller, command)}`)
    const least = await shrink(scenario, settings, tellSmaller)
    aside(`smallest: ${replay(scenario, least, command)}`)
  }
  if (json) print(JSON.stringify(count > 1 ? altogether(scenario, runs) : all(scenario, runs[0] as Run)))
  else if (count > 1) print(`${runs.filter(({ outcome }) => isWell(outcome)).length} of ${count} runs are well`)
  return isAllWell
}

/** The object that `--json` prints. */
function all(scenario: Scenario, { settings, outcome, wallMs }: Run): Readonly<Record<string, unknown>> {
  return {
    scenario: scenario.name,
    seed: settings.seed,
    ...outcome.figures,
    virtualMs: Math.round(outcome.virtualMs),
    wallMs,
    converged: outcome.isConverged,
    violations: outcome.violations,
    trace: outcome.trace,
  }
}

/** The same for runs with several seeds: the worst of them, and each in short. */
function altogether(scenario: Scenario, runs: readonly Run[]): Readonly<Record<string, unknown>> {
  const trace = new Trace()
  for (const { outcome } of runs) trace.text(outcome.trace)
  const sum = (of: (run: Run) => number): number => Math.round(runs.reduce((total, run) => total + of(run), 0))
  return {
    scenario: scenario.name,
    seed: runs[0]?.settings.seed,
    count: runs.length,
    peers: runs[0]?.settings.peers,
    failed: runs.filter(({ outcome }) => !isWell(outcome)).map(({ settings }) => settings.seed),
    convergedMs: Math.max(...runs.map(({ outcome }) => Number(outcome.figures['convergedMs'] ?? 0))),
    virtualMs: sum(({ outcome }) => outcome.virtualMs),
    wallMs: sum(({ wallMs }) => wallMs),
    converged: runs.every(({ outcome }) => outcome.isConverged),
    violations: runs.flatMap(({ settings: { seed }, outcome }) => outcome.violations.map((one) => ({ seed, ...one }))),
    trace: String(trace),
    runs: runs.map(({ settings, outcome }) => ({
      seed: settings.seed,
      ...outcome.figures,
      virtualMs: Math.round(outcome.virtualMs),
      converged: outcome.isConverged,
      violations: outcome.violations.length,
      trace: outcome.trace,
    })),
  }
}

function words(scenario: Scenario, run: Run): string {
  const { outcome } = run
  const figures = Object.entries(all(scenario, run)).filter(([name]) => name !== 'violations')
  const lines = figures.map(([name, value]) => `${name.padEnd(28)} ${JSON.stringify(value)}`)
  lines.push(...violated(outcome), `${'violations'.padEnd(28)} ${outcome.violations.length}`)
  const chart = plot(outcome.curve)
  if (chart !== '') lines.push('', chart)
  return lines.join('\n')
}

function summary({ settings: { seed }, outcome }: Run): string {
  const figures = Object.entries(outcome.figures).map(([name, value]) => `${name} ${String(value)}`)
  const end = outcome.isConverged ? '' : ', did not converge'
  return [`seed ${seed}: ${figures.join(', ')}${end}, trace ${outcome.trace}`, ...violated(outcome)].join('\n')
}

function violated({ violations }: Outcome): string[] {
  return violations.slice(0, toldMax).map(({ invariant, atMs, peers, expected, found }) => {
    const who = peers.length === 0 ? '' : ` (${peers.join(' about ')})`
    return `violated at ${atMs} ms: ${invariant}${who}: expected ${expected}, found ${found}`
  })
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
