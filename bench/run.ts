/**
 * Runs all benchmarks one after the other and writes bench/RESULTS.md and bench/results.json.
 *
 *     node --import tsx bench/run.ts [--rivals] [--minutes 10] [name …]
 *
 * Takes about eight minutes, and --minutes for `steady`. Nothing else should run on the machine meanwhile.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { build } from './lib/build.js'
import { cells, head, tell, type Figure } from './lib/report.js'

/** All of them, in the order of the page. */
const benches = [
  'spread', 'death', 'steady', 'join', 'events', 'keyspace', 'idle', 'large', 'seal', 'calls', 'channels',
]

/** What one script measured, and where and when. */
interface Result { bench: string; command: string; date: string; commit: string; figures: Figure[] }

const folder = import.meta.dirname
const resultsFile = join(folder, 'results.json')
const { values, positionals } = parseArgs({
  options: { rivals: { type: 'boolean', default: false }, minutes: { type: 'string', default: '10' } },
  allowPositionals: true,
})

build()
// taken with the build: the sources may move on while the benchmarks run
const built = commit()
const results = new Map<string, Result>()
// What is not run this time keeps its figures, with the date and commit they were taken at.
if (existsSync(resultsFile)) {
  const kept = JSON.parse(readFileSync(resultsFile, 'utf8')) as { results: Result[] }
  for (const result of kept.results) results.set(result.bench, result)
}
for (const bench of positionals.length > 0 ? positionals : benches) {
  const flags = [...values.rivals ? ['--rivals'] : [], ...bench === 'steady' ? ['--minutes', values.minutes] : []]
  const figures = await run(bench, flags)
  if (figures === undefined) {
    process.exitCode = 1
    continue
  }
  const command = ['node --import tsx', `bench/${bench}.ts`, ...flags].join(' ')
  results.set(bench, { bench, command, date: new Date().toISOString(), commit: built, figures })
  write()
}

async function run(bench: string, flags: string[]): Promise<Figure[] | undefined> {
  tell(`${bench} …`)
  const child = spawn(process.execPath, ['--import', 'tsx', join(folder, `${bench}.ts`), '--json', ...flags], {
    cwd: join(folder, '..'),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => { output += text })
  const code = await new Promise<number | null>(resolve => child.once('close', resolve))
  if (code !== 0) {
    tell(`${bench} failed`)
    return undefined
  }
  return output.trim().split('\n').map(line => JSON.parse(line) as Figure)
}

function write(): void {
  const sorted = benches.flatMap(bench => results.get(bench) ?? [])
  const machine = {
    cpu: cpus()[0]?.model ?? '', cores: cpus().length, memoryBytes: totalmem(),
    system: `${process.platform} ${process.arch}`, node: process.version,
  }
  writeFileSync(resultsFile, `${JSON.stringify({ machine, results: sorted }, undefined, 2)}\n`)
  const { cores, cpu, node, system } = machine
  writeFileSync(join(folder, 'RESULTS.md'), [
    '# Results',
    '',
    `Written by \`node --import tsx bench/run.ts\`. ${cores} cores of ${cpu}, ${system}, Node ${node}.`,
    'Real processes and sockets on loopback. Each cell is the median of the repetitions, and its extremes.',
    '`rival` is `telepathine@0.3.3` from npm, at an interval of 200 ms where its default is 2,500; `floor` is what the',
    'same machine does in the same run with plain sockets or a Map, without any library.',
    ...sorted.flatMap(section),
    '',
  ].join('\n'))
}

function section({ bench, command, date, commit: at, figures }: Result): string[] {
  const row = (columns: readonly string[]): string => `| ${columns.join(' | ')} |`
  const notes = figures.flatMap(({ name, note }) => note === undefined ? [] : [`- *${name}*: ${note}`])
  return [
    '', `## ${bench}`, '', `\`${command}\`, ${date.slice(0, 16).replace('T', ' ')} UTC, commit ${at}`, '',
    row(head), row(head.map(() => '---')), ...figures.map(figure => row(cells(figure))),
    ...notes.length > 0 ? ['', ...notes] : [],
  ]
}

function commit(): string {
  const git = (...args: string[]): string => spawnSync('git', args, { cwd: folder, encoding: 'utf8' }).stdout.trim()
  const hash = git('rev-parse', '--short', 'HEAD')
  const changes = git('status', '--porcelain', '--', '../lib') === '' ? '' : ' with changes'
  return `${hash === '' || hash === 'HEAD' ? 'none' : hash}${changes}`
}
