import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { benchFolder } from './folders.js'
import { machine, type Machine } from './machine.js'
import { partNames, type PartName } from './parts.js'
import { sample, type Sample } from './sample.js'

/** Nanoseconds of each part by process, and by those of the yardstick beside it. */
export type Timings = Partial<Record<PartName, { ns: number[]; byYardstick: number[] }>>

/** bench/baseline.json: what the parts took once, and where. */
export interface Baseline { machine: Machine; date: string; commit: string; timings: Timings }

const file = join(benchFolder, 'baseline.json')

/** A change of less than this is taken for noise, however steady the figures look. */
const leastChange = 0.05

/** The baseline that is kept; undefined when there is none. */
export const readBaseline = (): Baseline | undefined =>
  existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) as Baseline : undefined

/** Keeps these timings as the baseline. */
export function writeBaseline(timings: Timings): void {
  const { stdout } = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: benchFolder, encoding: 'utf8' })
  const date = new Date().toISOString()
  const baseline: Baseline = { machine: machine(), date, commit: stdout.trim(), timings }
  writeFileSync(file, `${JSON.stringify(baseline, undefined, 1)}\n`)
}

/** How a part changed: by how much it is slower (0.1: by a tenth), and what of that may be noise. */
export interface Change { part: PartName; before: Sample; after: Sample; change: number; noise: number }

/**
 * Compares by the yardstick, so that a slower machine, or a busier one, is not taken for slower code. Noise: what both
 * vary from process to process, as a share of their medians.
 */
export function changes(before: Timings, after: Timings): Change[] {
  return partNames.flatMap(part => {
    const [then, now] = [before[part], after[part]]
    if (then === undefined || now === undefined || part === 'yardstick') return []
    const [a, b] = [sample(then.byYardstick), sample(now.byYardstick)]
    const [nsBefore, nsAfter] = [sample(then.ns), sample(now.ns)]
    if (a === undefined || b === undefined || nsBefore === undefined || nsAfter === undefined) return []
    const noise = Math.max(leastChange, spread(a) + spread(b))
    return [{ part, before: nsBefore, after: nsAfter, change: b.median / a.median - 1, noise }]
  })
}

const spread = ({ median, min, max }: Sample): number => (max - min) / 2 / median
