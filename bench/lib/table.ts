import { meetsTarget, standing, type Figure } from './figure.js'
import { rivalNames, rivals } from './rivals.js'
import type { Sample } from './sample.js'

/** Figures as rows of cells below a head. Only columns in which something stands. */
export function table(figures: readonly Figure[]): { head: string[]; rows: string[][] } {
  const columns: [title: string, cell: (figure: Figure) => string][] = [
    ['figure', ({ name }) => name],
    ['unit', ({ unit }) => unit],
    ['ours', ({ ours }) => writeSample(ours)],
    ...rivalNames.map((name): [string, (figure: Figure) => string] => [
      rivals[name].title, figure => figure.gaveUp?.[name] ?? writeSample(figure.rivals?.[name]),
    ]),
    ['beside the best rival', writeStanding],
    ['floor', ({ floor }) => writeSample(floor)],
    ['by the floor', writeByFloor],
    ['target', writeTarget],
  ]
  const used = columns.filter(([, cell], i) => i < 3 || figures.some(figure => cell(figure) !== ''))
  return { head: used.map(([title]) => title), rows: figures.map(figure => used.map(([, cell]) => cell(figure))) }
}

/** A table as Markdown has it. */
export function markdown(figures: readonly Figure[]): string[] {
  const { head, rows } = table(figures)
  return [head, head.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`)
}

/** A table for a terminal. */
export function plain(figures: readonly Figure[]): string[] {
  const { head, rows } = table(figures)
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map(row => row[column]?.length ?? 0)))
  return all.map(row => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd())
}

/** `2.3× NATS`: ours is so many times better; where it is not, who is. */
export function writeStanding(figure: Figure): string {
  const stands = standing(figure)
  if (stands === undefined) {
    const gaveUp = Object.values(figure.gaveUp ?? {}).some(what => what !== undefined)
    return gaveUp && figure.ours !== undefined ? 'ours alone' : ''
  }
  const times = Number.isFinite(stands.times) ? `${writeNumber(stands.times)}×` : ''
  if (stands.standing === 'level') return `level with ${stands.rival}`
  return stands.standing === 'ahead' ? `${times} ${stands.rival}` : `**${stands.rival} wins${times && `: ${times}`}**`
}

function writeByFloor({ ours, floor, unit }: Figure): string {
  if (ours === undefined || floor === undefined || unit === 'count' || floor.median === 0) return ''
  return writeNumber(ours.median / floor.median)
}

function writeTarget(figure: Figure): string {
  if (figure.target === undefined) return ''
  const { atLeast = NaN, atMost, statistic } = figure.target
  const bound = atMost === undefined ? `≥ ${writeNumber(atLeast)}` : `≤ ${writeNumber(atMost)}`
  const met = meetsTarget(figure)
  const verdict = met === undefined ? '' : met ? ', met' : ', **missed**'
  return `${statistic === undefined ? '' : `${statistic} `}${bound}${verdict}`
}

/** Median (min–max). */
export function writeSample(measured: Sample | undefined): string {
  if (measured === undefined) return ''
  const { median, min, max, count } = measured
  return count === 1 ? writeNumber(median) : `${writeNumber(median)} (${writeNumber(min)}–${writeNumber(max)})`
}

/** Three digits, as many as are worth anything here. */
export function writeNumber(value: number): string {
  if (Number.isInteger(value) || Math.abs(value) >= 1_000) return Math.round(value).toLocaleString('en-US')
  const size = Math.abs(value)
  if (size < 0.1) return value.toPrecision(2)
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2)
}
