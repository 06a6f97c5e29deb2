import { randomBytes } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import { lstat, mkdir, open, realpath, rename, rmdir, unlink, utimes } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { TelepathineError } from '../gossip/errors.js'
import { nameFault, partialPrefix } from './name.js'

/** How large files may be, in bytes. */
export interface FolderLimits {
  /** One file. */
  readonly maxFileSize: number
  /** All files written here together. */
  readonly maxTotalSize: number
}

/** A file as it lies on disk. */
export interface FileOnDisk {
  readonly data: Buffer
  /** Modification time, unix ms. */
  readonly time: number
}

/**
 * A folder that shared names are read from and written to, and nothing outside it. Names are checked ({@link
 * nameFault}); on the way to a file no symbolic link is followed, nor is one replaced. A file appears whole, under its
 * name and with its modification time, or not at all.
 */
export class Folder {
  readonly #root: string
  readonly #limits: FolderLimits
  /**
   * Sizes of the files written here. Bounded by `maxTotalSize`, but for empty files, which the sharing peers' state
   * bounds.
   */
  readonly #sizes = new Map<string, number>()
  #totalBytes = 0

  private constructor(root: string, limits: FolderLimits) {
    this.#root = root
    this.#limits = limits
  }

  /** Opens the folder at `path`, which is made if it is not there. */
  static async open(path: string, limits: FolderLimits): Promise<Folder> {
    await mkdir(path, { recursive: true })
    return new Folder(await realpath(path), limits)
  }

  /** Where the folder really is. */
  get root(): string {
    return this.#root
  }

  /**
   * Rejects with the system's error when the folder itself is gone: its files are then not deleted, but out of reach.
   */
  async mustExist(): Promise<void> {
    await lstat(this.#root)
  }

  /** Sets the modification time of a file. */
  async touch(name: string, time: number): Promise<void> {
    await utimes(this.#path(name), time / 1_000, time / 1_000)
  }

  /**
   * Reads a regular file. Undefined when there is none (a link or a device is none). Throws `ERR_TOO_LARGE`, and
   * `ERR_BUSY` for a file that changes all the time.
   */
  async read(name: string): Promise<FileOnDisk | undefined> {
    const path = this.#path(name)
    if (!(await this.#parentsAreFolders(name))) return undefined
    return readWhole(path, name, this.#limits.maxFileSize)
  }

  /**
   * Writes a file, whole or not at all. Throws `ERR_KEY` for a name that is not allowed, `ERR_TOO_LARGE`, and
   * `ERR_DENIED` when something that was not written here stands in the way. In all cases what was there is unchanged.
   */
  async write(name: string, data: Uint8Array, time: number): Promise<void> {
    const path = this.#path(name)
    const totalBytes = this.#totalBytes - (this.#sizes.get(name) ?? 0) + data.length
    const { maxFileSize, maxTotalSize } = this.#limits
    if (data.length > maxFileSize) throw tooLarge(name, data.length, maxFileSize)
    if (totalBytes > maxTotalSize) throw tooLarge('all files together', totalBytes, maxTotalSize)
    await this.#makeParents(name)
    const stats = await this.#stat(path)
    if (stats?.isDirectory() && !(await removeEmpty(path))) throw inTheWay(name, 'a folder')
    if (stats && !stats.isFile() && !stats.isDirectory()) throw inTheWay(name, 'a link or a device')
    const partial = join(dirname(path), partialPrefix + randomBytes(9).toString('base64url'))
    try {
      const file = await open(partial, 'wx', 0o644)
      try {
        await file.writeFile(data)
        await file.utimes(time / 1_000, time / 1_000)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(partial, path)
    } catch (error) {
      await unlink(partial).catch(() => undefined)
      throw error
    }
    this.#sizes.set(name, data.length)
    this.#totalBytes = totalBytes
  }

  /** Removes a regular file, and the folders that this leaves empty. False when there was no such file. */
  async remove(name: string): Promise<boolean> {
    const path = this.#path(name)
    this.#totalBytes -= this.#sizes.get(name) ?? 0
    this.#sizes.delete(name)
    if (!(await this.#parentsAreFolders(name)) || !(await this.#stat(path))?.isFile()) return false
    await unlink(path)
    for (let parent = dirname(path); parent !== this.#root && (await removeEmpty(parent)); ) parent = dirname(parent)
    return true
  }

  #path(name: string): string {
    const fault = nameFault(name)
    if (fault) throw new TelepathineError('ERR_KEY', `file ${JSON.stringify(name)}: the name ${fault}`)
    return join(this.#root, ...name.split('/'))
  }

  async #stat(path: string): Promise<Stats | undefined> {
    return lstat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
      throw error
    })
  }

  /** Makes the folders above `name`. */
  async #makeParents(name: string): Promise<void> {
    const parts = name.split('/').slice(0, -1)
    for (let depth = 1; depth <= parts.length; depth++) {
      const parent = parts.slice(0, depth).join('/')
      const path = join(this.#root, ...parts.slice(0, depth))
      const stats = await this.#stat(path)
      if (stats?.isDirectory()) continue
      if (stats) throw inTheWay(name, stats.isFile() ? `the file "${parent}"` : `"${parent}", a link or a device,`)
      await mkdir(path)
    }
    await this.#mustBeInside(join(this.#root, ...parts))
  }

  async #parentsAreFolders(name: string): Promise<boolean> {
    const parts = name.split('/').slice(0, -1)
    for (let depth = 1; depth <= parts.length; depth++) {
      if (!(await this.#stat(join(this.#root, ...parts.slice(0, depth))))?.isDirectory()) return false
    }
    return true
  }

  /**
   * The same question asked of the system once more, for what the walk cannot see (mount tricks, a link made
   * meanwhile).
   */
  async #mustBeInside(path: string): Promise<void> {
    const real = await realpath(path)
    const root = this.#root.endsWith(sep) ? this.#root : this.#root + sep
    if (real === this.#root || real.startsWith(root)) return
    throw new TelepathineError('ERR_DENIED', `${path} leads out of ${this.#root}`)
  }
}

/** Reads the regular file at `path`, as {@link Folder.read} does; `name` is for messages. */
export async function readWhole(path: string, name: string, maxFileSize: number): Promise<FileOnDisk | undefined> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  const file = await open(path, flags).catch((error: NodeJS.ErrnoException) => {
    if (noFile.has(error.code)) return undefined
    throw error
  })
  if (!file) return undefined
  try {
    for (let attempt = 0; attempt < 3; attempt++) {
      const before = await file.stat()
      if (!before.isFile()) return undefined
      if (before.size > maxFileSize) throw tooLarge(name, before.size, maxFileSize)
      const data = Buffer.alloc(before.size)
      const { bytesRead } = await file.read(data, 0, before.size, 0)
      const after = await file.stat()
      if (bytesRead === after.size && after.mtimeMs === before.mtimeMs) return { data, time: Math.round(after.mtimeMs) }
    }
    throw new TelepathineError('ERR_BUSY', `${name} changes while it is read`)
  } finally {
    await file.close()
  }
}

/**
 * What opening says when there is no regular file: nothing there, a file among the parents, a link, a folder, a socket.
 */
const noFile = new Set<string | undefined>(['ENOENT', 'ENOTDIR', 'ELOOP', 'EISDIR', 'ENXIO'])

async function removeEmpty(path: string): Promise<boolean> {
  return rmdir(path).then(() => true, () => false)
}

function tooLarge(what: string, bytes: number, maxBytes: number): TelepathineError {
  return new TelepathineError('ERR_TOO_LARGE', `${what}: ${bytes} bytes, allowed are ${maxBytes}`)
}

function inTheWay(name: string, what: string): TelepathineError {
  return new TelepathineError('ERR_DENIED', `${name} cannot be written: ${what} is in the way`)
}
