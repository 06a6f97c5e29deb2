import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { benchFolder } from './folders.js'

/** What stands beside ours: packages from npm, in bench/rivals only, and programs that the system has or has not. */
export interface Rival {
  readonly title: string
  readonly packages: readonly string[]
  /** A program and how to ask for its version; Debian's package of it has the name of `from`. */
  readonly program?: { readonly name: string; readonly version: string; readonly from: string }
  /** How it runs here, where that is not how it comes. */
  readonly how?: string
}

const natsServer = { name: 'nats-server', version: '--version', from: 'nats-server' }
const redisServer = { name: 'redis-server', version: '--version', from: 'redis-server' }

/** All of them, in the order of the columns. */
export const rivals = {
  original: {
    title: 'telepathine 0.3.3', packages: ['telepathine'],
    how: 'gossip and heartbeat interval 200 ms, where its defaults are 2,500 and 2,500',
  },
  moleculerTcp: {
    title: 'moleculer TCP', packages: ['moleculer'],
    how: 'every node is given the addresses of all; no UDP discovery',
  },
  moleculerNats: { title: 'moleculer NATS', packages: ['moleculer', 'nats'], program: natsServer },
  nats: { title: 'NATS', packages: ['@nats-io/transport-node'], program: natsServer, how: 'core NATS, one server' },
  redis: {
    title: 'Redis', packages: ['ioredis'], program: redisServer,
    how: 'one server that writes nothing to disk; ioredis with automatic pipelining',
  },
  bullmq: {
    title: 'BullMQ', packages: ['bullmq', 'ioredis'], program: redisServer,
    how: 'on a Redis that writes nothing to disk',
  },
  serf: {
    title: 'serf', packages: [], program: { name: 'serf', version: 'version', from: 'serf' },
    how: 'profile `lan`, its default (with `local` some that join together miss each other for 15 s); a program, '
      + 'spoken to over its RPC',
  },
} as const satisfies Record<string, Rival>

/** The name of a column. */
export type RivalName = keyof typeof rivals

/** The names in their order. */
export const rivalNames = Object.keys(rivals) as RivalName[]

const folder = join(benchFolder, 'rivals')
const load = createRequire(join(folder, 'package.json'))

/** Loads a rival's package; the caller says what of it it uses. */
export const requireRival = <T>(name: string): T => load(name) as T

/** What bench/rivals/package.json asks for, by name. */
function wanted(): Record<string, string> {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  return manifest.dependencies
}

function installedVersion(name: string): string | undefined {
  const file = join(folder, 'node_modules', name, 'package.json')
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version : undefined
}

/** Installs what bench/rivals/package.json names, from npm, unless it is there. */
export function installRivals(): void {
  if (Object.entries(wanted()).every(([name, version]) => installedVersion(name) === version)) return
  // not `ci`: the lock file names optional packages of the machine that it was written on alone, and npm refuses it
  const { status, stderr } = spawnSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-save'], {
    cwd: folder,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`bench/rivals could not be installed: ${stderr}`)
}

/** The version of each part of a rival; or what is missing and how to get it. */
export type Presence = { readonly versions: Readonly<Record<string, string>> } | { readonly missing: string }

const found = new Map<RivalName, Presence>()

/** Whether a rival can be measured on this machine. Asks once. */
export function presence(name: RivalName): Presence {
  const known = found.get(name)
  if (known !== undefined) return known
  const answer = look(rivals[name])
  found.set(name, answer)
  return answer
}

function look({ packages, program }: Rival): Presence {
  const versions: Record<string, string> = {}
  for (const each of packages) {
    const version = installedVersion(each)
    if (version === undefined) return { missing: `npm package ${each}: run with --rivals` }
    versions[each] = version
  }
  if (program !== undefined) {
    const { status, stdout, stderr } = spawnSync(program.name, [program.version], { encoding: 'utf8' })
    if (status !== 0) return { missing: `program ${program.name}: apt-get install ${program.from}` }
    versions[program.name] = /\bv?=?v?(\d+\.\d+\.\d+[\w.-]*)/.exec(`${stdout}${stderr}`)?.[1] ?? 'unknown'
  }
  return { versions }
}
