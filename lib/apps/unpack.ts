import { createReadStream } from 'node:fs'
import { mkdir, open, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { Parser, type ReadEntry } from 'tar'
import { nameFault } from '../files/name.js'
import { denied, type Manifest } from './manifest.js'

/** Deepest path in an archive. */
const depthMax = 64

/**
 * Unpacks an archive, whose hash has been found to be the manifest's, into a folder that does not exist yet. What it
 * may hold: regular files and folders, with names that are harmless on every system, as many and as large as the
 * manifest says. Anything else refuses all of it, and the folder is gone again.
 *
 * @throws TelepathineError `ERR_DENIED` says what is wrong with it
 */
export async function unpack(archive: string, folder: string, manifest: Manifest): Promise<void> {
  await mkdir(folder, { recursive: false, mode: 0o700 })
  try {
    const unpacking = new Unpacking(folder, manifest)
    await pipeline(createReadStream(archive), createGunzip(), unpacking)
    await unpacking.finished()
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw isSystemError(error) ? error : denied(`the archive is refused: ${(error as Error).message}`)
  }
}

/** Takes a tar, and writes what it holds; counts everything before it is acted on. */
class Unpacking extends Writable {
  readonly #folder: string
  readonly #manifest: Manifest
  readonly #parser: Parser
  /** Paths taken, in one spelling for those that some system could not tell apart. */
  readonly #taken = new Set<string>()
  #written: Promise<void> = Promise.resolve()
  #failure: Error | undefined
  #bytes = 0
  #files = 0

  constructor(folder: string, manifest: Manifest) {
    super()
    this.#folder = folder
    this.#manifest = manifest
    this.#parser = new Parser({ strict: true, onReadEntry: (entry) => this.#entry(entry) })
    this.#parser.on('error', (error: Error) => (this.#failure ??= error))
  }

  /** Resolves once everything is written. */
  async finished(): Promise<void> {
    await this.#written
    if (this.#failure) throw this.#failure
    const { files, unpackedBytes } = this.#manifest
    if (this.#files !== files) throw new Error(`it holds ${this.#files} files, the manifest says ${files}`)
    if (this.#bytes === unpackedBytes) return
    throw new Error(`it has ${this.#bytes} bytes, the manifest says ${unpackedBytes}`)
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error) => void): void {
    // the parser would unpack what is packed twice, behind the back of whoever counts
    const isPacked = this.#bytes === 0 && !/^[\w@.-]/.test(chunk.toString('latin1', 0, 1))
    this.#bytes += chunk.length
    if (isPacked) return done(new Error('it is not a plain tar'))
    if (this.#bytes > this.#manifest.unpackedBytes) return done(new Error('it is larger than the manifest says'))
    const hasRoom = this.#parser.write(chunk)
    if (this.#failure) return done(this.#failure)
    if (hasRoom) return done()
    this.#parser.once('drain', () => done(this.#failure))
  }

  override _final(done: (error?: Error) => void): void {
    this.#parser.on('end', () => done(this.#failure))
    this.#parser.end()
  }

  #entry(entry: ReadEntry): void {
    const fault = this.#failure ? undefined : this.#faultOf(entry)
    if (fault !== undefined) this.#failure = new Error(`${JSON.stringify(entry.path.slice(0, 200))} ${fault}`)
    if (this.#failure || entry.type === 'Directory') return entry.resume()
    this.#written = this.#written.then(() => this.#write(entry)).catch((error: Error) => {
      this.#failure ??= error
      entry.resume()
    })
  }

  #faultOf(entry: ReadEntry): string | undefined {
    if (entry.type !== 'File' && entry.type !== 'Directory') return `is a ${entry.type}; allowed: files and folders`
    const path = entry.type === 'Directory' ? entry.path.replace(/\/$/, '') : entry.path
    const fault = nameFault(path)
    if (fault !== undefined) return fault
    if (path.split('/').length > depthMax) return `is deeper than ${depthMax} folders`
    const spelling = path.normalize('NFC').toLowerCase()
    if (this.#taken.has(spelling)) return 'is there twice, or with other capitals'
    if (entry.type === 'File') {
      this.#taken.add(spelling)
      if (++this.#files > this.#manifest.files) return `is one file more than the ${this.#manifest.files} announced`
    }
    return undefined
  }

  async #write(entry: ReadEntry): Promise<void> {
    const path = join(this.#folder, entry.path)
    await mkdir(dirname(path), { recursive: true, mode: 0o755 })
    const isProgram = ((entry.mode ?? 0) & 0o111) !== 0
    const file = await open(path, 'wx', isProgram ? 0o755 : 0o644)
    try {
      for await (const chunk of entry as AsyncIterable<Buffer>) await file.writeFile(chunk)
    } finally {
      await file.close()
    }
  }
}

/** Of the file system: a full disk is not the archive's fault. */
function isSystemError(error: unknown): boolean {
  const { code = '' } = error as NodeJS.ErrnoException
  return ['ENOSPC', 'EDQUOT', 'EACCES', 'EPERM', 'EROFS', 'EMFILE', 'ENFILE', 'EIO', 'ENOENT'].includes(code)
}
