/**
 * Reads the sources and checks what neither compiler nor linter sees: which way imports point, what the rings may
 * touch, files nobody reaches. Every rule comes with samples that it must catch, so none can pass by being blind.
 */
import { readFileSync, readdirSync } from 'node:fs'
import { join, posix } from 'node:path'
import t from 'tap'
import ts from 'typescript'

interface Source { readonly path: string, readonly text: string }

interface Rule {
  readonly name: string
  /** What is wrong with this file: one line each, none when all is well. */
  readonly complaints: (source: Source) => string[]
  /** Samples that the rule must complain about. */
  readonly caught: readonly Source[]
}

const root = join(import.meta.dirname, '..')

interface Manifest {
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>
  readonly bin: Readonly<Record<string, string>>
  readonly scripts: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly peerDependencies: Readonly<Record<string, string>>
}
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest

const declared = { ...manifest.dependencies, ...manifest.peerDependencies }

/** What users import: the sources behind the package's `exports`. */
const doors = Object.values(manifest.exports)
  .flatMap(target => typeof target === 'string' ? [] : sourceOf(target.default))

/** Where node starts: the commands, and the scripts that package.json runs. */
const programs = [
  ...Object.values(manifest.bin).map(sourceOf),
  ...Object.values(manifest.scripts).flatMap(script => script.match(/[\w./]+\.ts\b/g) ?? []),
]

/** Where the page begins that browsers show, and what is built into it. */
const pages = ['lib/dashboard/main.tsx']
const bundled = new Set(['preact', 'uplot', 'vite'])

/** Who may import what: the first row that fits the importing file decides. */
const directions: readonly (readonly [from: string, to: readonly string[]])[] = [
  ['lib/gossip/', ['lib/gossip/']],
  ['lib/net/', ['lib/gossip/', 'lib/net/']],
  ['lib/host/', ['lib/gossip/', 'lib/net/', 'lib/host/', 'lib/diagnostics.ts']],
  ['lib/queue/', ['lib/queue/', 'lib/gossip/errors.ts', 'lib/describe.ts']],
  ['lib/work/', [
    'lib/work/', 'lib/queue/', 'lib/gossip/', 'lib/*.ts', 'lib/host/clock.ts', 'lib/net/transport.ts',
  ]],
  ['lib/nanite/', [
    'lib/nanite/', 'lib/work/index.ts', 'lib/work/selection.ts', 'lib/work/loadaverage.ts', 'lib/files/folder.ts',
    'lib/files/name.ts', 'lib/channel.ts', 'lib/describe.ts', 'lib/telepathine.ts', 'lib/gossip/errors.ts',
    'lib/gossip/random.ts', 'lib/host/clock.ts',
  ]],
  ['lib/files/', ['lib/files/', 'lib/index.ts', 'lib/telepathine.ts', 'lib/gossip/errors.ts']],
  ['lib/netcluster/', [
    'lib/netcluster/', 'lib/telepathine.ts', 'lib/options.ts', 'lib/values.ts', 'lib/describe.ts',
    'lib/gossip/errors.ts', 'lib/gossip/bounded.ts', 'lib/net/frame.ts', 'lib/net/address.ts',
  ]],
  ['lib/servent/', [
    'lib/servent/', 'lib/work/index.ts', 'lib/telepathine.ts', 'lib/options.ts', 'lib/values.ts', 'lib/describe.ts',
    'lib/gossip/errors.ts', 'lib/net/address.ts',
  ]],
  ['lib/dashboard/', ['lib/dashboard/', 'lib/http/live/protocol.ts', 'lib/http/live/mirror.ts']],
  ['lib/cli/top', ['lib/cli/', 'lib/http/live/protocol.ts', 'lib/http/live/mirror.ts']],
  ['lib/cli/', ['lib/cli/', 'simulation/run.ts', ...doors]],
  ['lib/http/', [
    'lib/http/', 'lib/work/', 'lib/names.ts', 'lib/stamps.ts', 'lib/topics.ts', 'lib/channel.ts', 'lib/telepathine.ts',
    'lib/gossip/', 'lib/net/address.ts', 'lib/host/clock.ts', 'lib/metrics/', 'lib/vitals.ts',
  ]],
  ['lib/apps/', [
    'lib/apps/', 'lib/work/', 'lib/http/', 'lib/files/name.ts', 'lib/describe.ts', 'lib/telepathine.ts',
    'lib/gossip/errors.ts', 'lib/diagnostics.ts', 'lib/metrics/families.ts',
  ]],
  ['lib/metrics/', ['lib/metrics/', 'lib/work/', 'lib/names.ts', 'lib/vitals.ts', 'lib/distribution.ts']],
  ['lib/telepathine.ts', ['lib/gossip/', 'lib/net/', 'lib/host/', 'lib/http/face.ts', 'lib/http/view.ts', 'lib/*.ts']],
  ['lib/', ['lib/gossip/', 'lib/net/', 'lib/host/', 'lib/*.ts']],
  ['simulation/examples/', ['simulation/examples/', ...doors]],
  ['simulation/', ['simulation/', 'lib/gossip/', 'lib/*.ts', 'lib/net/transport.ts', 'lib/host/clock.ts', 'lib/work/']],
  ['bench/', ['bench/', 'lib/', 'simulation/']],
  ['test/', ['test/', 'lib/', 'simulation/', 'examples/']],
]

/** Tests that answer for more than one file. */
const crossCutting = [
  'test/tidy.test.ts', 'test/readme.test.ts', 'test/docs.test.ts', 'test/algorithm.test.ts', 'test/examples.test.ts',
  'test/cluster/', 'test/fuzz/', 'test/package/',
]

const machine = new Set([
  'Date', 'performance', 'setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'Promise', 'process', 'Buffer',
  'console', 'crypto', 'globalThis',
])

/** Of these, what the work layer may use: they neither tell the time nor throw dice. */
const harmlessAtWork = new Set(['Promise', 'Buffer'])

const rules: readonly Rule[] = [
  {
    name: 'imports point inward only',
    complaints: ({ path, text }) => {
      const allowed = directions.find(([from]) => path.startsWith(from))?.[1] ?? []
      return localImports(path, text).filter(to => !allowed.some(place => within(place, to))).map(to => `imports ${to}`)
    },
    caught: [
      { path: 'lib/gossip/a.ts', text: `import type { Clock } from '../host/clock.js'` },
      { path: 'lib/net/a.ts', text: `export { Telepathine } from '../telepathine.js'` },
      { path: 'lib/host/a.ts', text: `import { parse } from '../options.js'` },
      { path: 'lib/options.ts', text: `import { FileInput } from './files/index.js'` },
      { path: 'lib/options.ts', text: `import { Dispatcher } from './work/index.js'` },
      { path: 'lib/work/a.ts', text: `import { Sockets } from '../net/sockets.js'` },
      { path: 'lib/queue/a.ts', text: `import { Durable } from '../work/durable.js'` },
      { path: 'lib/nanite/a.ts', text: `import { Switchboard } from '../work/switchboard.js'` },
      { path: 'lib/files/a.ts', text: `import { Gossip } from '../gossip/gossip.js'` },
      { path: 'lib/netcluster/a.ts', text: `import { Sockets } from '../net/sockets.js'` },
      { path: 'lib/apps/a.ts', text: `import { Gossip } from '../gossip/gossip.js'` },
      { path: 'lib/metrics/a.ts', text: `import { Gossip } from '../gossip/gossip.js'` },
      { path: 'lib/host/a.ts', text: `import { Vitals } from '../vitals.js'` },
      { path: 'lib/http/a.ts', text: `import { SocketTransport } from '../net/sockets.js'` },
      { path: 'lib/dashboard/a.tsx', text: `import { Live } from '../http/live/live.js'` },
      { path: 'lib/http/a.ts', text: `import { App } from '../dashboard/app.js'` },
      { path: 'lib/telepathine.ts', text: `import { Gateway } from './http/gateway.js'` },
      { path: 'lib/servent/a.ts', text: `import { Client } from '../work/client.js'` },
      { path: 'lib/cli/a.ts', text: `const { Host } = await import('../host/host.js')` },
      { path: 'lib/cli/a.ts', text: `import { World } from '../../simulation/world.js'` },
      { path: 'simulation/a.ts', text: `import { Sockets } from '../lib/net/sockets.js'` },
      { path: 'simulation/examples/a.ts', text: `import { Telepathine } from '../../lib/telepathine.js'` },
      { path: 'bench/a.ts', text: `import { peer } from '../test/fixtures/peer.js'` },
      { path: 'test/a.test.ts', text: `import { run } from '../bench/run.js'` },
    ],
  },
  {
    name: 'lib and simulation import only declared dependencies, and Node with its prefix',
    complaints: ({ path, text }) => isSource(path)
      ? imports(text).filter(name => !/^(\.|node:)/.test(name) && !isDeclared(path, packageOf(name)))
      : [],
    caught: [
      { path: 'lib/a.ts', text: `import t from 'tap'` },
      { path: 'lib/http/a.ts', text: `import { render } from 'preact'` },
      { path: 'lib/dashboard/a.ts', text: `import { chromium } from 'playwright-core'` },
      { path: 'lib/a.ts', text: `import { readFile } from 'fs/promises'` },
      { path: 'simulation/a.ts', text: `import { fc } from 'fast-check'` },
    ],
  },
  {
    name: 'what users may leave out is loaded where it is wanted alone, and only when it is',
    complaints: ({ path, text }) => isSource(path)
      ? imports(text).filter(name => packageOf(name) in manifest.peerDependencies)
        .filter(name => !/^lib\/(queue\/|opentelemetry\.ts$)/.test(path) || isLoadedAtOnce(text, name))
      : [],
    caught: [
      { path: 'lib/work/a.ts', text: `const { open } = await import('lmdb')` },
      { path: 'lib/queue/a.ts', text: `import { connect } from '@nats-io/transport-node'` },
      { path: 'lib/queue/a.ts', text: `import {\n  open,\n} from 'lmdb'` },
    ],
  },
  {
    name: 'the gossip ring knows no clock, no dice and no machine',
    complaints: ({ path, text }) => path.startsWith('lib/gossip/')
      ? [...machineUses(path, text), ...imports(text).filter(name => !name.startsWith('.'))]
      : [],
    caught: [
      ...[...machine].map(name => ({ path: 'lib/gossip/a.ts', text: `export const a = (): unknown => ${name}.a` })),
      { path: 'lib/gossip/a.ts', text: 'export const a = new Date()' },
      { path: 'lib/gossip/a.ts', text: 'export const a = () => Math.random()' },
      { path: 'lib/gossip/a.ts', text: 'const { random } = Math' },
      { path: 'lib/gossip/a.ts', text: `import { hash } from 'node:crypto'` },
    ],
  },
  {
    name: 'the work layer takes time and dice from its peer',
    complaints: ({ path, text }) => path.startsWith('lib/work/')
      ? machineUses(path, text).filter(name => !harmlessAtWork.has(name))
      : [],
    caught: [
      { path: 'lib/work/a.ts', text: 'export const a = Date.now()' },
      { path: 'lib/work/a.ts', text: 'setTimeout(() => {}, 1)' },
      { path: 'lib/work/a.ts', text: 'setImmediate(() => {})' },
      { path: 'lib/work/a.ts', text: 'export const a = performance.now()' },
      { path: 'lib/work/a.ts', text: 'export const a = Math.random()' },
    ],
  },
  {
    name: 'no star exports',
    complaints: ({ text }) => text.match(/^export (type )?\*.*/gm) ?? [],
    caught: [
      { path: 'lib/a.ts', text: `export * from './b.js'` },
      { path: 'lib/a.ts', text: `export type * as b from './b.js'` },
    ],
  },
  {
    name: 'an index.ts is a public door',
    complaints: ({ path }) => posix.basename(path) === 'index.ts' && !doors.includes(path) ? ['is no door'] : [],
    caught: [{ path: 'lib/net/index.ts', text: '' }],
  },
  {
    name: 'nothing is left to do',
    complaints: ({ path, text }) => path === 'test/tidy.test.ts' ? [] : text.match(/.*\b(TODO|FIXME|XXX)\b.*/g) ?? [],
    caught: [{ path: 'lib/a.ts', text: '// TODO: later' }, { path: 'lib/a.ts', text: '/* FIXME */' }],
  },
  {
    name: 'lines have at most 120 columns',
    complaints: ({ text }) => text.split('\n')
      .flatMap((line, i) => line.length > 120 ? [`line ${i + 1} has ${line.length}`] : []),
    caught: [{ path: 'lib/a.ts', text: `\n${'x'.repeat(121)}` }],
  },
  {
    name: 'a test is named after the file it answers for',
    complaints: ({ path }) => {
      if (!path.endsWith('.test.ts') || crossCutting.some(place => within(place, path))) return []
      const tested = path.replace(/^test\//, '').replace(/\.test\.ts$/, '.ts')
      const isThere = [`lib/${tested}`, `lib/${tested}x`, tested].some(path => paths.has(path))
      return isThere ? [] : [`neither lib/${tested} nor ${tested}`]
    },
    caught: [{ path: 'test/gossip/nothing.test.ts', text: '' }],
  },
]

const sources = ['lib', 'simulation', 'test', 'bench'].flatMap(read)
const paths = new Set(sources.map(source => source.path))

for (const { name, complaints, caught } of rules) {
  t.test(name, async t => {
    t.strictSame(sources.flatMap(source => complaints(source).map(what => `${source.path}: ${what}`)), [])
    for (const sample of caught) {
      t.not(complaints(sample).length, 0, `catches ${sample.path}: ${sample.text.slice(0, 60)}`)
    }
  })
}

t.test('every file of lib and simulation is reached from a door or a program', async t => {
  const examples = [...paths].filter(path => path.startsWith('simulation/examples/'))
  t.strictSame(unreached(sources, [...doors, ...programs, ...pages, ...examples]), [])
  const planted = [
    { path: 'lib/a.ts', text: `import './b.js'` },
    { path: 'lib/b.ts', text: 'fork(new URL(`../simulation/c${extname(import.meta.url)}`, import.meta.url))' },
    { path: 'simulation/c.ts', text: '' },
    { path: 'lib/d.ts', text: `import './a.js'` },
  ]
  t.strictSame(unreached(planted, ['lib/a.ts']), ['lib/d.ts'], 'finds a dead file')
})

t.test('every door and program is there', async t => {
  for (const path of [...doors, ...programs]) t.ok(paths.has(path), path)
})

/** The .ts and .tsx files of a folder, without what was installed or built there. */
function read(folder: string): Source[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap(entry => {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) return /^(node_modules|dist)$/.test(entry.name) ? [] : read(path)
    return /\.tsx?$/.test(path) ? [{ path, text: readFileSync(join(root, path), 'utf8') }] : []
  })
}

function sourceOf(built: string): string {
  return built.replace(/^(\.\/)?dist\//, '').replace(/\.js$/, '.ts')
}

/** What users install, and for the page what is built into it. */
function isDeclared(path: string, name: string): boolean {
  return name in declared || (path.startsWith('lib/dashboard/') && bundled.has(name))
}

function isSource(path: string): boolean {
  return path.startsWith('lib/') || path.startsWith('simulation/')
}

/** Whether an entry of a table means this path: a file, `lib/net/` with all below, or `lib/*.ts` without. */
function within(place: string, path: string): boolean {
  if (place.endsWith('/*.ts')) return posix.dirname(path) === posix.dirname(place)
  return place.endsWith('/') ? path.startsWith(place) : path === place
}

function imports(text: string): string[] {
  return ts.preProcessFile(text).importedFiles.map(file => file.fileName)
}

function localImports(path: string, text: string): string[] {
  return imports(text).filter(name => name.startsWith('.')).map(name => resolve(path, name))
}

function resolve(path: string, name: string): string {
  const found = posix.join(posix.dirname(path), name).replace(/\.js$/, '.ts')
  return paths.has(`${found}x`) ? `${found}x` : found
}

/** Whether a file imports something else than types from a package when it is loaded itself. */
function isLoadedAtOnce(text: string, name: string): boolean {
  return text.split(/^(?=import\b|export\b)/m).some(part => {
    return /^(import|export)\s+(?!type\b)[^;'"]*['"]/.test(part) && part.includes(`from '${name}'`)
  })
}

function packageOf(name: string): string {
  return name.split('/', name.startsWith('@') ? 2 : 1).join('/')
}

/** The machine's globals that a file uses. Members that merely share the name (`config.process`) are no use of it. */
function machineUses(path: string, text: string): string[] {
  const uses: string[] = []
  const visit = (node: ts.Node): void => {
    const { parent } = node
    if (ts.isIdentifier(node) && (parent as { name?: ts.Node }).name !== node) {
      const harmless = ts.isPropertyAccessExpression(parent) && parent.name.text !== 'random'
      if (machine.has(node.text) || (node.text === 'Math' && !harmless)) uses.push(node.text)
    }
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true))
  return uses
}

/** The sources that nothing reaches from the roots. One that is only started by its path is reached too. */
function unreached(among: readonly Source[], roots: readonly string[]): string[] {
  const texts = new Map(among.map(source => [source.path, source.text]))
  const reached = new Set<string>()
  const visit = (path: string): void => {
    const text = texts.get(path)
    if (text === undefined || reached.has(path)) return
    reached.add(path)
    for (const [, name] of text.matchAll(/['"`](\.{1,2}\/[\w./-]+)(\.js['"]|\$\{extname)/g)) {
      visit(resolve(path, `${name}.js`))
    }
  }
  roots.forEach(visit)
  return [...texts.keys()].filter(path => isSource(path) && !reached.has(path))
}
