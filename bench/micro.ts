/**
 * What each part of the protocol costs by itself, in processes that do nothing else; and beside a baseline.
 *
 *     node --import tsx bench/micro.ts [--quick] [--json] [--repetitions 5] [--compare] [--keep] [part …]
 *
 * `--compare` says by how much each part changed since the baseline (bench/baseline.json), and whether that is more
 * than noise. `--keep` takes a new one.
 */
import { parseArgs } from 'node:util'
import type { MicroCommands } from './children/micro.js'
import { changes, readBaseline, writeBaseline, type Baseline, type Timings } from './lib/baseline.js'
import { spawnChild } from './lib/child.js'
import { machine } from './lib/machine.js'
import { partNames, parts, type PartName } from './lib/parts.js'
import { report, tell, type Figure } from './lib/report.js'
import { sample } from './lib/sample.js'
import { writeNumber } from './lib/table.js'

const { values, positionals } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    // a part has no rivals
    rivals: { type: 'boolean', default: false },
    compare: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    repetitions: { type: 'string' },
  },
  allowPositionals: true,
})
const repetitions = Number(values.repetitions ?? (values.quick ? 2 : 5))
/** Short, so that some go undisturbed however busy the machine is. */
const sampleMs = 3
const samples = values.quick ? 10 : 60
const chosen = partNames.filter(name => name === 'yardstick' || positionals.length === 0
  || positionals.some(wanted => name.startsWith(wanted)))
if (chosen.length === 1 || (values.keep && positionals.length > 0)) {
  tell(`a baseline is of all parts; there are ${partNames.join(', ')}`)
  process.exit(1)
}

/** All parts in turn, each time in a new process: what the compiler makes of it is a matter of luck, too. */
async function measure(): Promise<Timings> {
  const timings: Timings = {}
  for (let i = 0; i < repetitions; i++) {
    tell(`parts: round ${i + 1} of ${repetitions}`)
    for (const name of chosen) {
      const child = await spawnChild<MicroCommands>('micro')
      const ns = await child.call('measure', name, samples, sampleMs)
      await child.end()
      ;(timings[name] ??= []).push(Number(ns.toPrecision(5)))
    }
  }
  return timings
}

/** What changed since the baseline, a line for each part. */
function compare(baseline: Baseline, timings: Timings): void {
  const here = machine()
  const { date, commit } = baseline
  const lines = [`beside the baseline of ${date.slice(0, 10)}, commit ${commit}; the fastest, by the yardstick`]
  if (baseline.machine.cpu !== here.cpu || baseline.machine.node !== here.node) {
    lines.push(`taken on ${baseline.machine.cpu}, Node ${baseline.machine.node}; this is ${here.cpu}, ${here.node}: `
      + 'small differences say nothing')
  }
  const percent = (share: number): string => `${share > 0 ? '+' : ''}${(share * 100).toFixed(1)} %`
  const rows = changes(baseline.timings, timings).map(({ part, before, after, change, noise }) => [
    part, `${writeNumber(before)} ns`, `${writeNumber(after)} ns`, percent(change),
    `± ${(noise * 100).toFixed(1)} %`, Math.abs(change) <= noise ? '' : change > 0 ? 'SLOWER' : 'faster',
  ])
  const all = [['part', 'baseline', 'now', 'change', 'noise', ''], ...rows]
  const widths = [0, 1, 2, 3, 4, 5].map(column => Math.max(...all.map(row => row[column]?.length ?? 0)))
  lines.push(...all.map(row => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()))
  process.stdout.write(`${lines.join('\n')}\n`)
}

const baseline = values.compare ? readBaseline() : undefined
if (values.compare && baseline === undefined) {
  tell('there is no bench/baseline.json: take one with --keep')
  process.exit(1)
}
const timings = await measure()
if (baseline !== undefined) compare(baseline, timings)
if (values.keep) writeBaseline(timings)
if (!values.compare && !values.keep) {
  const figures = chosen.map((name: PartName): Figure => {
    const ns = timings[name] ?? []
    return { name: `${name} (${parts[name]})`, unit: 'µs', ours: sample(ns.map(each => each / 1_000)) }
  })
  report('micro', figures, {
    json: values.json, quick: values.quick, repetitions, minutes: undefined, wants: side => side === 'ours',
  })
}
process.exit()
