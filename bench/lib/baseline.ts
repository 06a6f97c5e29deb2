import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { benchFolder } from './folders.js'
import { machine, type Machine } from './machine.js'
import { partNames, type PartName } from './parts.js'
import { sample, type Sample } from './sample.js'

/** Nanoseconds of each part, the fastest of each process. */
export type Timings = Partial<Record<PartName, number[]>>

/** bench/baseline.json: what the parts took once, and where. */
export interface Baseline { machine: Machine; date: string; commit: string; timings: Timings }

const file = join(benchFolder, 'baseline.json')

/** A change of less than this is taken for noise, however steady the figures look. */
const leastChange = 0.08

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
export interface Change { part: PartName; before: number; after: number; change: number; noise: number }

/**
 * Compares the fastest by the fastest, as what disturbs makes slower and never faster; each by the yardstick of its
 * run, so that a slower machine is not taken for slower code. Noise: by how much the median process is slower than the
 * fastest, on both sides together.
 */
export function changes(before: Timings, after: Timings): Change[] {
  const machines = fastest(after.yardstick) / fastest(before.yardstick)
  return partNames.flatMap(part => {
    const [a, b] = [sample(before[part] ?? []), sample(after[part] ?? [])]
    if (a === undefined || b === undefined || part === 'yardstick') return []
    const noise = Math.max(leastChange, spread(a) + spread(b))
    return [{ part, before: a.min, after: b.min, change: b.min / a.min / machines - 1, noise }]
  })
}

const fastest = (ns: readonly number[] = []): number => sample(ns)?.min ?? NaN
const spread = ({ median, min }: Sample): number => median / min - 1
