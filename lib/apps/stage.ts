import { copyFile, mkdir, readdir, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { TelepathineError } from '../gossip/errors.js'
import { nameFault } from '../files/name.js'
import { archiveLimits } from './manifest.js'

/** What stays at home: secrets, histories, leftovers. */
const leftOut = new RegExp(
  String.raw`^(\.(git|hg|svn|npmrc|yarnrc|yarnrc\.yml|netrc|env|env\..*|ssh|aws|DS_Store|telepathine)` +
    String.raw`|id_(rsa|dsa|ecdsa|ed25519)(\..*)?)$`,
)

/** What a copy holds. */
export interface Staged {
  /** Paths of its files, sorted. */
  readonly files: readonly string[]
  /** Paths that were left out because they may be secret. */
  readonly leftOut: readonly string[]
  readonly bytes: number
}

/**
 * Copies an app's folder, node_modules included, so that the copy holds nothing but files and folders: what links lead
 * to is put in their place. Packages that a package manager keeps in a store of its own and links to (pnpm) find their
 * dependencies beside them there; in the copy these get a place where they are found as well.
 *
 * @throws TelepathineError `ERR_VALUE` for what cannot be copied, `ERR_TOO_LARGE`
 */
export async function stage(folder: string, to: string, signal?: AbortSignal): Promise<Staged> {
  const staging = new Staging(to, signal)
  await staging.packageAt(await realpath(folder), '', new Map())
  return { files: staging.files.toSorted(), leftOut: staging.leftOut.toSorted(), bytes: staging.bytes }
}

/** Packages that are found from some place, by name: where they really are. */
type Found = ReadonlyMap<string, string>

class Staging {
  readonly files: string[] = []
  readonly leftOut: string[] = []
  bytes = 0
  readonly #to: string
  readonly #signal: AbortSignal | undefined

  constructor(to: string, signal: AbortSignal | undefined) {
    this.#to = to
    this.#signal = signal
  }

  /** Copies a package: its own files, and those of its dependencies that are not `found` from there already. */
  async packageAt(from: string, path: string, found: Found): Promise<void> {
    await this.#folder(from, path, [from], true)
    const needed = await dependenciesOf(from)
    const here = new Map(found)
    const missing = [...needed].filter(([name, real]) => found.get(name) !== real)
    for (const [name, real] of missing) here.set(name, real)
    for (const [name, real] of missing) await this.packageAt(real, join(path, 'node_modules', name), here)
  }

  /** `above`: the folders, really, that we are in: a link to one of them would never end. */
  async #folder(from: string, path: string, above: readonly string[], isPackage: boolean): Promise<void> {
    for (const name of await readdir(from)) {
      if (isPackage && name === 'node_modules') continue
      const inner = path === '' ? name : `${path}/${name}`
      if (leftOut.test(name)) {
        this.leftOut.push(inner)
        continue
      }
      const real = await realpath(join(from, name)).catch(() => {
        throw new TelepathineError('ERR_VALUE', `${inner} is a link to nothing: it cannot be packed`)
      })
      const what = await stat(real)
      if (what.isDirectory()) {
        if (above.includes(real)) {
          throw new TelepathineError('ERR_VALUE', `${inner} is a link to a folder that it lies in: it cannot be packed`)
        }
        await this.#folder(real, inner, [...above, real], false)
      } else if (what.isFile()) {
        await this.#file(real, inner, what.size)
      } else {
        throw new TelepathineError('ERR_VALUE', `${inner} is neither a file nor a folder: it cannot be packed`)
      }
    }
  }

  async #file(real: string, path: string, size: number): Promise<void> {
    this.#signal?.throwIfAborted()
    const fault = nameFault(path)
    if (fault !== undefined) throw new TelepathineError('ERR_VALUE', `${path} ${fault}: it cannot be packed`)
    this.bytes += size
    this.files.push(path)
    if (this.bytes > archiveLimits.unpackedBytes || this.files.length > archiveLimits.files) {
      const allowed = `${archiveLimits.files} files and ${archiveLimits.unpackedBytes} bytes`
      throw new TelepathineError('ERR_TOO_LARGE', `the app has more than the ${allowed} allowed`)
    }
    await mkdir(dirname(join(this.#to, path)), { recursive: true })
    await copyFile(real, join(this.#to, path))
  }
}

/** The packages that a package finds in its own node_modules, or beside itself in a store's. */
async function dependenciesOf(folder: string): Promise<Map<string, string>> {
  const own = await packagesIn(join(folder, 'node_modules'))
  const parent = dirname(folder).replace(/\/@[^/]*$/, '')
  const isStored = basename(parent) === 'node_modules' && parent.includes('/.pnpm/')
  const beside = isStored ? await packagesIn(parent) : new Map<string, string>()
  for (const [name, real] of beside) if (real !== folder && !own.has(name)) own.set(name, real)
  return own
}

async function packagesIn(modules: string): Promise<Map<string, string>> {
  const packages = new Map<string, string>()
  for (const name of await readdir(modules).catch(() => [])) {
    // what package managers keep for themselves: links to programs, lists, stores
    if (name.startsWith('.')) continue
    const inner = name.startsWith('@') ? await readdir(join(modules, name)) : undefined
    for (const each of inner?.map((last) => `${name}/${last}`) ?? [name]) {
      const real = await realpath(join(modules, each)).catch(() => undefined)
      // a link to nothing, or a file: what needs it does not run here either
      if (real !== undefined && (await stat(real)).isDirectory()) packages.set(each, real)
    }
  }
  return packages
}
