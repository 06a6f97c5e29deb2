import { readFile, realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { TelepathineError } from '../gossip/errors.js'
import { describe } from '../describe.js'

/** How an app wants to be run: the field `telepathine` of its folder's package.json. */
export interface AppConfig {
  /**
   * Tasks that it is given at a time; 1 to 10,000, default 32. With 1, whatever it sends while it is at a task is taken
   * for an answer to that: for programs that lose track of what they answer.
   */
  readonly concurrency: number
  /** Tasks that may wait here; 0 to 100,000, default 1,024. */
  readonly queue: number
  /** Its heap, in MiB; 16 to 65,536, default 512. Beyond, it crashes. */
  readonly memoryMB: number
  /** With several answers to one task: after so much silence there are no more; 0: never. Default 2,000. */
  readonly idleMS: number
  /** How messages become bytes: `json` as fork() does by default; `advanced` keeps Buffer, Map, Date and the like. */
  readonly serialization: 'json' | 'advanced'
}

/** An app that can be run. */
export interface AppSpec {
  /** `folder/worker`. */
  readonly name: string
  /** The program. */
  readonly file: string
  /** Where it runs: the app's folder. */
  readonly folder: string
  /** What its folder says of how to run it. */
  readonly config: AppConfig
  /** Which one it is; undefined for one that was not deployed. */
  readonly version: number | undefined
}

const namePattern = /^[\w-][\w.-]{0,99}\/[\w-][\w.-]{0,99}$/
const packageBytesMax = 1 << 20

/** Whether it is the name of an app: `folder/worker`. */
export function isAppName(name: unknown): name is string {
  return typeof name === 'string' && namePattern.test(name)
}

/**
 * Checks the name of an app: `folder/worker`.
 *
 * @throws TelepathineError `ERR_KEY`
 */
export function checkAppName(name: unknown): string {
  if (isAppName(name)) return name
  const allowed = 'folder/worker, of letters, digits, dot, dash and underscore, neither with a dot in front'
  throw new TelepathineError('ERR_KEY', `app: ${describe(name)} given, allowed: ${allowed}`)
}

/**
 * Finds the app's program in its folder, and how it wants to be run. The ending may be left out.
 *
 * @param folder the app's own: with its package.json and node_modules
 * @throws TelepathineError `ERR_KEY` when there is no such program in it, `ERR_OPTION` for a package.json that makes no
 * sense
 */
export async function findApp(name: string, folder: string, version?: number): Promise<AppSpec> {
  const worker = checkAppName(name).split('/')[1] ?? ''
  const home = await realpath(folder).catch(() => undefined)
  const candidates = home === undefined ? [] : ['', '.js', '.cjs', '.mjs'].map((ending) => join(home, worker + ending))
  for (const candidate of [...candidates, ...(home ? [join(home, worker, 'index.js')] : [])]) {
    const file = await realpath(candidate).catch(() => undefined)
    if (home === undefined || file === undefined || !(await stat(file)).isFile()) continue
    if (!file.startsWith(home + sep)) break
    return { name, file, folder: home, config: await readConfig(home), version }
  }
  throw new TelepathineError('ERR_KEY', `there is no ${worker}, ${worker}.js, .cjs or .mjs in ${folder}`)
}

async function readConfig(folder: string): Promise<AppConfig> {
  const path = join(folder, 'package.json')
  const found = await stat(path).catch(() => undefined)
  if (!found) return checkConfig({})
  if (found.size > packageBytesMax) throw new TelepathineError('ERR_OPTION', `${path} is too large`)
  try {
    const { telepathine = {} } = JSON.parse(await readFile(path, 'utf8')) as { telepathine?: object }
    return checkConfig(telepathine)
  } catch (error) {
    if (error instanceof TelepathineError) throw error
    throw new TelepathineError('ERR_OPTION', `${path} cannot be read: ${(error as Error).message}`, { cause: error })
  }
}

/** Fills in the defaults. */
function checkConfig(given: object): AppConfig {
  const values = new Map(Object.entries(given))
  const known = ['concurrency', 'queue', 'memoryMB', 'idleMS', 'serialization']
  const unknown = [...values.keys()].find((name) => !known.includes(name))
  if (unknown !== undefined) {
    const allowed = known.join(', ')
    throw new TelepathineError('ERR_OPTION', `package.json: telepathine.${unknown} is not known, allowed: ${allowed}`)
  }
  const whole = (name: string, min: number, max: number, otherwise: number): number => {
    const value = values.get(name) ?? otherwise
    if (Number.isInteger(value) && value >= min && value <= max) return value as number
    const allowed = `a whole number in ${min}..${max}`
    const problem = `package.json: telepathine.${name}: ${describe(value)} given, allowed: ${allowed}`
    throw new TelepathineError('ERR_OPTION', problem)
  }
  const serialization: unknown = values.get('serialization') ?? 'json'
  if (serialization !== 'json' && serialization !== 'advanced') {
    const problem = `package.json: telepathine.serialization: ${describe(serialization)} given, allowed: json, advanced`
    throw new TelepathineError('ERR_OPTION', problem)
  }
  return {
    concurrency: whole('concurrency', 1, 10_000, 32),
    queue: whole('queue', 0, 100_000, 1_024),
    memoryMB: whole('memoryMB', 16, 65_536, 512),
    idleMS: whole('idleMS', 0, 86_400_000, 2_000),
    serialization,
  }
}
