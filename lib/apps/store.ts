import { createHash, randomBytes } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import createDebug from 'debug'
import { denied, type Manifest, manifestHash, manifestLengthMax, type SignedManifest, type Trust } from './manifest.js'
import { writeWhole } from './orders.js'
import { unpack } from './unpack.js'

const log = createDebug('telepathine:apps')

/** A version of an app folder that is kept. */
export interface Kept {
  readonly manifest: Manifest
  readonly signed: SignedManifest
  /** Of the manifest. */
  readonly hash: string
}

/** Versions kept of an app: the last, and the one before, to go back to. */
const versionsKept = 2

/**
 * The deployed apps of a peer, on its disk: archives and what was unpacked of them under the hash of the archive,
 * manifests under app and version. Whatever has a name there is whole and verified: everything is written to one side
 * first. Manifests are checked again when they are read, so that a key that is not trusted any more counts for nothing.
 */
export class Store {
  readonly #folder: string
  readonly #trust: Trust
  /** By app, the highest version first. Bounded by what deploy keys sign. */
  readonly #kept = new Map<string, Kept[]>()
  /** Archives that are being unpacked, so that two who want one do not both do it. */
  readonly #unpacking = new Map<string, Promise<string>>()
  /** Archives of versions that are kept no more, but may still run. */
  readonly #outdated = new Set<string>()
  readonly #runs: (sha256: string) => boolean
  #opened: Promise<void> | undefined
  #keeping: Promise<void> = Promise.resolve()

  /** @param runs whether something runs that comes from this archive */
  constructor(folder: string, trust: Trust, runs: (sha256: string) => boolean) {
    this.#folder = folder
    this.#trust = trust
    this.#runs = runs
  }

  /** Finds what an earlier life has left. */
  open(): Promise<void> {
    return (this.#opened ??= this.#open())
  }

  /** The versions of an app that are kept, the highest first. */
  versions(app: string): readonly Kept[] {
    return this.#kept.get(app) ?? []
  }

  /** All of them. */
  get all(): readonly Kept[] {
    return [...this.#kept.values()].flat()
  }

  /** A version by the hash of its manifest. */
  find(hash: string): Kept | undefined {
    return this.all.find((kept) => kept.hash === hash)
  }

  /**
   * Reads a manifest and checks that it may be taken: signed, for this cluster, and no older than what is kept.
   *
   * @throws TelepathineError `ERR_DENIED`
   */
  examine(signed: unknown): Kept {
    const manifest = this.#trust.check(signed, Date.now())
    const kept = { manifest, signed: signed as SignedManifest, hash: manifestHash(signed as SignedManifest) }
    this.#checkVersion(kept)
    return kept
  }

  /** Whether an archive is here, whole. */
  async has(sha256: string): Promise<boolean> {
    return (await stat(this.archivePath(sha256)).catch(() => undefined)) !== undefined
  }

  /** Where an archive lies, or would. */
  archivePath(sha256: string): string {
    return join(this.#folder, 'archives', `${sha256}.tgz`)
  }

  /** Takes in an archive as it comes. */
  async receive(manifest: Manifest): Promise<Receiver> {
    await this.open()
    const aside = join(this.#folder, 'incoming', randomBytes(8).toString('hex'))
    return new Receiver(manifest, aside, this.archivePath(manifest.sha256), await open(aside, 'wx', 0o600))
  }

  /**
   * Keeps a version whose archive is here. Versions before the last two go, with their archives and folders unless they
   * still run: those go with the next one.
   *
   * @throws TelepathineError `ERR_DENIED` when a later one came in between
   */
  keep(kept: Kept): Promise<void> {
    const keeping = this.#keeping.then(() => this.#keep(kept))
    this.#keeping = keeping.catch(() => undefined)
    return keeping
  }

  /** The folder of a version that is kept, unpacked now if it was not before. */
  unpacked({ sha256, ...rest }: Manifest): Promise<string> {
    const folder = this.#tree(sha256)
    let unpacking = this.#unpacking.get(sha256)
    if (!unpacking) {
      unpacking = this.#unpack({ sha256, ...rest }, folder).finally(() => this.#unpacking.delete(sha256))
      this.#unpacking.set(sha256, unpacking)
    }
    return unpacking
  }

  async #keep(kept: Kept): Promise<void> {
    const { app, version } = kept.manifest
    if (this.find(kept.hash)) return
    this.#checkVersion(kept)
    const folder = join(this.#folder, 'manifests', app)
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await writeWhole(join(folder, `${version}.json`), JSON.stringify(kept.signed))
    this.#add(kept)
    const gone = this.versions(app).slice(versionsKept)
    this.#kept.set(app, this.versions(app).slice(0, versionsKept))
    for (const { manifest } of gone) {
      await rm(join(folder, `${manifest.version}.json`), { force: true })
      this.#outdated.add(manifest.sha256)
    }
    await this.#tidy()
  }

  #checkVersion({ manifest, hash }: Kept): void {
    const { app, version } = manifest
    const [last] = this.versions(app)
    if (last && version < last.manifest.version) {
      const known = `version ${last.manifest.version} of ${app} is here already`
      throw denied(`${known}: version ${version} is older; to go back, deploy with --rollback`)
    }
    if (last && version === last.manifest.version && hash !== last.hash) {
      throw denied(`there is another version ${version} of ${app}; give it a higher number`)
    }
  }

  /** Removes what nobody needs any more. */
  async #tidy(): Promise<void> {
    for (const sha256 of this.#outdated) {
      if (this.#isKept(sha256)) this.#outdated.delete(sha256)
      else if (!this.#runs(sha256) && !this.#unpacking.has(sha256)) {
        this.#outdated.delete(sha256)
        await rm(this.archivePath(sha256), { force: true })
        await rm(this.#tree(sha256), { recursive: true, force: true })
      }
    }
  }

  #isKept(sha256: string): boolean {
    return this.all.some(({ manifest }) => manifest.sha256 === sha256)
  }

  #tree(sha256: string): string {
    return join(this.#folder, 'trees', sha256)
  }

  async #unpack(manifest: Manifest, folder: string): Promise<string> {
    if (await stat(folder).catch(() => undefined)) return folder
    const aside = join(this.#folder, 'incoming', randomBytes(8).toString('hex'))
    await unpack(this.archivePath(manifest.sha256), aside, manifest)
    await rename(aside, folder)
    return folder
  }

  async #open(): Promise<void> {
    for (const name of ['archives', 'trees', 'manifests', 'incoming']) {
      await mkdir(join(this.#folder, name), { recursive: true, mode: 0o700 })
    }
    // what a crash left half-way
    await rm(join(this.#folder, 'incoming'), { recursive: true, force: true })
    await mkdir(join(this.#folder, 'incoming'), { mode: 0o700 })
    // what kind of modules an app has is not for a package to say that this folder happens to be in
    await writeFile(join(this.#folder, 'trees', 'package.json'), '{}\n')
    const manifests = join(this.#folder, 'manifests')
    const named = new Set<string>()
    for (const app of await readdir(manifests, { withFileTypes: true })) {
      if (!app.isDirectory()) continue
      for (const name of await readdir(join(manifests, app.name))) {
        if (name.endsWith('.json')) named.add(await this.#recall(join(manifests, app.name, name)))
      }
    }
    await this.#sweep(named)
  }

  /** Removes archives and folders that no manifest names. What is not trusted today may be again tomorrow: it stays. */
  async #sweep(named: ReadonlySet<string>): Promise<void> {
    for (const kind of ['archives', 'trees']) {
      for (const name of await readdir(join(this.#folder, kind))) {
        if (name === 'package.json' || named.has(name.replace(/\.tgz$/, ''))) continue
        await rm(join(this.#folder, kind, name), { recursive: true, force: true })
      }
    }
  }

  /** Resolves to the hash of the archive that a manifest names, whether it counts or not. */
  async #recall(path: string): Promise<string> {
    let sha256 = ''
    try {
      if ((await stat(path)).size > 2 * manifestLengthMax) throw new Error('too large')
      const signed = JSON.parse(await readFile(path, 'utf8')) as SignedManifest
      sha256 = String((JSON.parse(signed.text) as { sha256?: unknown }).sha256)
      const manifest = this.#trust.check(signed, 0)
      if (await this.has(manifest.sha256)) this.#add({ manifest, signed, hash: manifestHash(signed) })
    } catch (error) {
      log('%s counts for nothing: %s', path, error)
    }
    return sha256
  }

  #add(kept: Kept): void {
    const { app } = kept.manifest
    const all = [kept, ...this.versions(app)].sort((a, b) => b.manifest.version - a.manifest.version)
    this.#kept.set(app, all)
  }
}

/** An archive that comes in: counted and hashed on the way, and given its name only if it is what was signed. */
export class Receiver {
  readonly #manifest: Manifest
  readonly #aside: string
  readonly #path: string
  readonly #file: Awaited<ReturnType<typeof open>>
  readonly #hash = createHash('sha256')
  /** Bytes that have come. */
  bytes = 0
  /** More has come than was signed. */
  isTooLong = false

  constructor(manifest: Manifest, aside: string, path: string, file: Awaited<ReturnType<typeof open>>) {
    this.#manifest = manifest
    this.#aside = aside
    this.#path = path
    this.#file = file
  }

  /** @throws TelepathineError `ERR_DENIED` when more comes than was signed */
  async write(chunk: Uint8Array): Promise<void> {
    this.bytes += chunk.length
    this.isTooLong = this.bytes > this.#manifest.bytes
    if (this.isTooLong) throw denied('the archive is larger than its manifest says')
    this.#hash.update(chunk)
    await this.#file.writeFile(chunk)
  }

  /** @throws TelepathineError `ERR_DENIED` when what has come is not what was signed */
  async finish(): Promise<void> {
    if (this.bytes !== this.#manifest.bytes || this.#hash.digest('hex') !== this.#manifest.sha256) {
      throw denied('the archive is not the one that was signed: it was changed, or cut off, on the way')
    }
    await this.#file.sync()
    await this.#file.close()
    await rename(this.#aside, this.#path)
  }

  /** Drops what has come, unless it was finished. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close().catch(() => undefined)
    await rm(this.#aside, { force: true })
  }
}
