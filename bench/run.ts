/**
 * Runs all benchmarks one after the other, prints a table of each, and writes bench/RESULTS.md, bench/results.json and
 * the figures in README.md.
 *
 *     npm run bench -- [--rivals] [--quick] [--minutes 1] [name …]     all, or those named
 *     npm run bench -- --compare [part …]                              each part beside its baseline
 *     npm run bench -- --keep                                          takes a new baseline of the parts
 *
 * `--rivals` installs what bench/rivals names, and measures it beside ours. `--quick` is to see that all works: it
 * writes no results. Nothing else should run on the machine meanwhile.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { list, type Entry } from './list.js'
import { build } from './lib/build.js'
import type { Figure } from './lib/figure.js'
import { machine } from './lib/machine.js'
import { writePage, type Results } from './lib/page.js'
import { withFigures } from './lib/readme.js'
import { tell } from './lib/report.js'
import { installRivals, presence, rivalNames, type Presence, type RivalName } from './lib/rivals.js'
import { plain } from './lib/table.js'

/** A script that takes so many times its usual time hangs. */
const patience = 5
const patienceMsMin = 180_000

const folder = import.meta.dirname
const resultsFile = join(folder, 'results.json')
const { values, positionals } = parseArgs({
  options: {
    rivals: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    compare: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    minutes: { type: 'string', default: '1' },
  },
  allowPositionals: true,
})

build()
if (values.compare || values.keep) process.exit(await compare())
const unknown = positionals.find(name => !list.some(entry => entry.name === name))
if (unknown !== undefined) {
  tell(`there is no ${unknown}; there are ${list.map(({ name }) => name).join(', ')}`)
  process.exit(1)
}
if (values.rivals) installRivals()
for (const name of values.rivals ? rivalNames : []) {
  const there = presence(name)
  if ('missing' in there) tell(`left out: ${name} (${there.missing})`)
}

// taken with the build: the sources may move on while the benchmarks run
const built = commit()
const kept = existsSync(resultsFile) ? JSON.parse(readFileSync(resultsFile, 'utf8')) as Partial<Results> : {}
const here = machine()
// What is not run this time keeps its figures, with the date and commit they were taken at, if this is the machine.
const isSame = kept.machine?.cpu === here.cpu && kept.machine.cores === here.cores && kept.machine.node === here.node
if (kept.results !== undefined && !isSame) tell('the figures kept are of another machine, and are dropped')
const results = new Map((isSame ? kept.results ?? [] : []).map(result => [result.bench, result]))
const chosen = list.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
const failed: string[] = []
for (const [i, entry] of chosen.entries()) {
  const left = chosen.slice(i).reduce((sum, each) => sum + secondsOf(each), 0)
  tell(`${i + 1} of ${chosen.length}: ${entry.name}, ${entry.about}; ${writeTime(left)} to go`)
  await runOne(entry)
}
if (failed.length > 0) {
  tell(`failed: ${failed.join(', ')}`)
  process.exitCode = 1
}

async function runOne(entry: Entry): Promise<void> {
  const flags = [
    ...values.rivals ? ['--rivals'] : [], ...values.quick ? ['--quick'] : [],
    ...entry.name === 'steady' ? ['--minutes', values.quick ? '0.1' : values.minutes] : [],
  ]
  const begun = Date.now()
  const msMax = Math.max(patienceMsMin, secondsOf(entry) * 1_000 * patience)
  const output = await run(entry.name, ['--json', ...flags], msMax)
  if (output === undefined) {
    failed.push(entry.name)
    return
  }
  const figures = output.trim().split('\n').map(line => JSON.parse(line) as Figure)
  process.stdout.write(`${[`${entry.name}   median (min–max)`, ...plain(figures)].join('\n')}\n\n`)
  if (values.quick) return
  results.set(entry.name, {
    bench: entry.name, about: entry.about, command: `npm run bench -- ${[...flags, entry.name].join(' ')}`,
    date: new Date().toISOString(), commit: built, seconds: Math.round((Date.now() - begun) / 1_000), figures,
  })
  write()
}

/** Runs a script and returns what it printed; undefined when it failed. It ends with this process. */
async function run(name: string, flags: string[], msMax: number): Promise<string | undefined> {
  const child = spawn(process.execPath, ['--import', 'tsx', join(folder, `${name}.ts`), ...flags], {
    cwd: join(folder, '..'),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const end = (): void => void child.kill('SIGTERM')
  const timer = setTimeout(() => { tell(`${name} hangs`); end() }, msMax)
  process.once('exit', end)
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => { output += text })
  const code = await new Promise<number | null>(resolve => child.once('close', resolve))
  clearTimeout(timer)
  process.off('exit', end)
  return code === 0 ? output : undefined
}

/** The parts beside their baseline, or a new baseline. */
async function compare(): Promise<number> {
  const flags = [values.keep ? '--keep' : '--compare', ...values.quick ? ['--quick'] : [], ...positionals]
  const child = spawn(process.execPath, ['--import', 'tsx', join(folder, 'micro.ts'), ...flags], {
    cwd: join(folder, '..'), stdio: 'inherit',
  })
  process.once('exit', () => child.kill('SIGTERM'))
  return new Promise(resolve => child.once('close', code => resolve(code ?? 1)))
}

function secondsOf({ name, seconds: [alone, withRivals] }: Entry): number {
  const last = values.quick ? undefined : results.get(name)
  const guess = values.rivals ? withRivals : alone
  return last?.command.includes('--rivals') === values.rivals ? last.seconds ?? guess : values.quick ? guess / 3 : guess
}

function write(): void {
  const sorted = list.flatMap(({ name }) => results.get(name) ?? [])
  const found = Object.fromEntries(rivalNames.map(name => [name, presence(name)])) as Record<RivalName, Presence>
  const all: Results = { machine: here, rivals: values.rivals ? found : kept.rivals, results: sorted }
  writeFileSync(resultsFile, `${JSON.stringify(all, undefined, 1)}\n`)
  writeFileSync(join(folder, 'RESULTS.md'), writePage(all))
  const readme = join(folder, '..', 'README.md')
  writeFileSync(readme, withFigures(readFileSync(readme, 'utf8'), sorted))
}

function writeTime(seconds: number): string {
  return seconds < 90 ? `about ${Math.ceil(seconds)} s` : `about ${Math.round(seconds / 60)} min`
}

function commit(): string {
  const git = (...args: string[]): string => spawnSync('git', args, { cwd: folder, encoding: 'utf8' }).stdout.trim()
  const hash = git('rev-parse', '--short', 'HEAD')
  const changes = git('status', '--porcelain', '--', '../lib') === '' ? '' : ' with changes'
  return `${hash === '' || hash === 'HEAD' ? 'none' : hash}${changes}`
}
