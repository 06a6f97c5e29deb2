import { parseArgs } from 'node:util'
import { childFlags } from './child.js'
import { installRivals } from './rivals.js'
import type { Sample } from './sample.js'

/** One measured quantity: ours beside the rival and beside what the machine does without any library. */
export interface Figure {
  name: string
  unit: string
  /** What is asked for. `statistic`: what of ours must hold to it; the median unless said otherwise. */
  target?: { atMost?: number; atLeast?: number; statistic?: 'median' | 'max' | 'min' }
  ours?: Sample | undefined
  rival?: Sample | undefined
  floor?: Sample | undefined
  /** What the figure cannot say by itself. */
  note?: string
}

/** Who is measured. */
export type Side = 'ours' | 'rival' | 'floor'

/** What a script was asked to do. */
export interface Arguments {
  json: boolean
  /** Repetitions, unless the script's own number is wanted. */
  repetitions: number | undefined
  minutes: number | undefined
  /** Whether to measure this side. The rival only with --rivals. */
  wants(side: Side): boolean
}

/** Reads the command line that all scripts share. */
export function readArguments(): Arguments {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      rivals: { type: 'boolean', default: false },
      repetitions: { type: 'string' },
      minutes: { type: 'string' },
      only: { type: 'string', multiple: true },
      profile: { type: 'string' },
    },
  })
  const only = values.only
  const rivals = values.rivals || only?.includes('rival') === true
  if (rivals) installRivals()
  if (values.profile !== undefined) childFlags.push('--cpu-prof', `--cpu-prof-dir=${values.profile}`)
  return {
    json: values.json,
    repetitions: values.repetitions === undefined ? undefined : Number(values.repetitions),
    minutes: values.minutes === undefined ? undefined : Number(values.minutes),
    wants: side => (only === undefined || only.includes(side)) && (side !== 'rival' || rivals),
  }
}

/** Whether ours meets the target; undefined when there is nothing to say. */
export function verdict({ target, ours }: Figure): boolean | undefined {
  if (target === undefined || ours === undefined) return undefined
  const value = ours[target.statistic ?? 'median']
  return value <= (target.atMost ?? Infinity) && value >= (target.atLeast ?? -Infinity)
}

/** A figure as cells in the order of the head. */
export function cells(figure: Figure): string[] {
  const met = verdict(figure)
  return [
    figure.name, figure.unit, writeTarget(figure), writeSample(figure.ours), writeSample(figure.rival),
    writeSample(figure.floor), met === undefined ? '' : met ? 'met' : 'MISSED',
  ]
}

/** The head of the table. */
export const head: readonly string[] = ['figure', 'unit', 'target', 'ours', 'rival', 'floor', '']

/** Prints what was measured: JSON lines, or a table of median (min–max). */
export function report(title: string, figures: readonly Figure[], { json }: Arguments): void {
  if (json) {
    for (const figure of figures) process.stdout.write(`${JSON.stringify({ bench: title, ...figure })}\n`)
    return
  }
  const rows = [[...head], ...figures.map(cells)]
  const widths = head.map((_, column) => Math.max(...rows.map(row => row[column]?.length ?? 0)))
  const lines = rows.map(row => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd())
  const notes = figures.flatMap(({ name, note }) => note === undefined ? [] : [`  ${name}: ${note}`])
  process.stdout.write(`${[`${title}   median (min–max)`, ...lines, ...notes].join('\n')}\n\n`)
}

/** Progress, for whoever waits; never mixed into the results. */
export const tell = (line: string): void => void process.stderr.write(`# ${line}\n`)

function writeTarget({ target }: Figure): string {
  if (target === undefined) return '-'
  const { atLeast = NaN, atMost } = target
  const bound = atMost === undefined ? `≥ ${writeNumber(atLeast)}` : `≤ ${writeNumber(atMost)}`
  return target.statistic === undefined ? bound : `${target.statistic} ${bound}`
}

function writeSample(measured: Sample | undefined): string {
  if (measured === undefined) return '-'
  const { median, min, max, count } = measured
  return count === 1 ? writeNumber(median) : `${writeNumber(median)} (${writeNumber(min)}–${writeNumber(max)})`
}

function writeNumber(value: number): string {
  if (Number.isInteger(value) || Math.abs(value) >= 1_000) return Math.round(value).toLocaleString('en-US')
  return value.toFixed(Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2)
}
