import { timesOptions, type Outcome, type Scenario, type Settings } from './scenario.js'

/** Kinds of step that a smaller run might do without, the most confusing ones first. */
const dispensable = [
  'stranger', 'corruption', 'reordering', 'duplication', 'loss', 'clog', 'weather', 'jump', 'pause', 'cut',
  'partition', 'heal', 'leave', 'vanish', 'crash', 'restart', 'large', 'burst', 'say', 'expire', 'delete', 'set',
]

/**
 * Looks for a smaller run that fails as well: with kinds of step left out, then with fewer steps. What is found is a
 * part of the same run, and fails in the same way or in another.
 */
export async function shrink(
  scenario: Scenario, failing: Settings, tell: (smaller: Settings) => void,
): Promise<Settings> {
  let best = failing
  const stillFails = async (settings: Settings): Promise<boolean> => {
    const outcome = await scenario.run(settings, () => {})
    if (isWell(outcome)) return false
    best = settings
    tell(settings)
    return true
  }
  for (const kind of dispensable) {
    if (!best.without.includes(kind)) await stillFails({ ...best, without: [...best.without, kind] })
  }
  let tooFew = 0
  let enough = stepsOf(await scenario.run(best, () => {}))
  while (enough - tooFew > 1) {
    const steps = (enough + tooFew) >> 1
    if (await stillFails({ ...best, steps })) enough = steps
    else tooFew = steps
  }
  return best
}

/** Whether nothing was violated and the cluster did in the end what it should. */
export function isWell(outcome: Outcome): boolean {
  return outcome.isConverged && outcome.violations.length === 0
}

/** The command that runs just this again; `command` is how it begins. */
export function replay(scenario: Scenario, settings: Settings, command: string): string {
  const words = [command, scenario.name, `--seed ${settings.seed}`]
  if (settings.peers !== undefined) words.push(`--peers ${settings.peers}`)
  if (settings.loss !== undefined) words.push(`--loss ${settings.loss}`)
  if (settings.latencyMs !== undefined) words.push(`--latency ${settings.latencyMs.join(',')}`)
  const times = scenario.options.find((option) => timesOptions.includes(option))
  if (settings.times !== undefined && times !== undefined) words.push(`--${times} ${settings.times}`)
  if (settings.seconds !== undefined) words.push(`--seconds ${settings.seconds}`)
  if (settings.pausing !== undefined) words.push(`--pausing ${settings.pausing}`)
  if (settings.steps !== undefined) words.push(`--steps ${settings.steps}`)
  if (settings.without.length > 0) words.push(`--without ${settings.without.join(',')}`)
  return words.join(' ')
}

function stepsOf(outcome: Outcome): number {
  return Number(outcome.figures['steps'] ?? 0)
}
