import type { Stats } from 'node:fs'
import { chmod, lstat, mkdir, rename, rm, rmdir, stat } from 'node:fs/promises'
import { connect, type Server } from 'node:net'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread } from 'node:worker_threads'
import { TelepathineError } from '../gossip/errors.js'
import { defaultSocketDir } from './names.js'

/** A server opens its sockets in far less time; who takes longer has died in the middle of it. */
const lockAgeMsMax = 10_000
const lockRetryMs = 20

/**
 * The folder of a server's sockets. Who may enter it may talk to the server, so it must be one's own.
 *
 * A socket's file outlives a process that was killed. Whether somebody listens shows by connecting to it; what nobody
 * listens at is taken over. To look and to take must be one step, or two servers that start together take each other's
 * sockets: `exclusively` lets one at a time do so.
 */
export class SocketFolder {
  readonly #path: string
  readonly #isDefault: boolean

  constructor(path: string | undefined) {
    this.#path = resolve(path ?? defaultSocketDir())
    this.#isDefault = path === undefined
  }

  /**
   * Refuses a default folder that another user made: anyone may make folders where temporary files are. One that was
   * configured is taken as it is. A folder that is not there is no danger.
   *
   * @throws TelepathineError `ERR_DENIED`
   */
  async trust(): Promise<void> {
    const found = this.#isDefault ? await lstat(this.#path).catch(() => undefined) : undefined
    if (found !== undefined) this.#refuseForeign(found)
  }

  /** Runs `work` while no other server opens sockets in this folder. Makes the folder first. */
  async exclusively<T>(work: () => Promise<T>): Promise<T> {
    if (process.platform === 'win32') return work()
    await this.#prepare()
    const lock = join(this.#path, '.opening')
    await acquire(lock)
    try {
      return await work()
    } finally {
      await rmdir(lock).catch(() => undefined)
    }
  }

  async #prepare(): Promise<void> {
    await mkdir(this.#path, { recursive: true, mode: 0o700 })
    this.#refuseForeign(await (this.#isDefault ? lstat : stat)(this.#path))
  }

  #refuseForeign(found: Stats): void {
    const self = process.getuid?.()
    const { uid, mode } = found
    if (self === undefined) return
    if (!found.isDirectory()) throw denied(`${this.#path} is no folder`)
    if (uid !== self) throw denied(`${this.#path} belongs to user ${uid}, allowed: one of user ${self}`)
    if ((mode & 0o022) !== 0) {
      const given = `${this.#path} has mode ${(mode & 0o777).toString(8)}`
      throw denied(`${given}, allowed: one that only its owner can write to`)
    }
  }
}

/**
 * Has a server listen at a path, open to this user alone; a socket that nobody listens at any more is replaced. To be
 * called within {@link SocketFolder.exclusively}.
 *
 * @throws the system's `EADDRINUSE` when somebody listens there; TelepathineError `ERR_DENIED` when something else than
 * a socket is in the way
 */
export async function listenAt(server: Server, path: string): Promise<void> {
  const isFile = process.platform !== 'win32'
  if (isFile) await removeStale(path)
  await new Promise<void>((done, failed) => {
    server.once('error', failed)
    // The socket comes into being within `listen`, with the mode that the mask leaves. Worker threads have no mask.
    const mask = isFile && isMainThread ? process.umask(0o177) : undefined
    try {
      server.listen(path, () => {
        server.off('error', failed)
        done()
      })
    } finally {
      if (mask !== undefined) process.umask(mask)
    }
  })
  if (isFile) await chmod(path, 0o600)
}

async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined)
  if (found === undefined) return
  if (!found.isSocket()) throw denied(`${path} is in the way: it is no socket, and not removed`)
  if (await answers(path)) {
    throw Object.assign(new Error(`${path}: another server listens there`), { code: 'EADDRINUSE', syscall: 'listen' })
  }
  await rm(path, { force: true })
}

/** Whether somebody listens: only a refusal says no. One whose queue is full is there, too. */
function answers(path: string): Promise<boolean> {
  return new Promise(done => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      done(true)
    })
    socket.once('error', (error: NodeJS.ErrnoException) => done(!['ECONNREFUSED', 'ENOENT'].includes(error.code ?? '')))
  })
}

/**
 * A folder is made by one only. One that is too old was left by a process that died; the one who moves it away goes on.
 */
async function acquire(lock: string): Promise<void> {
  for (;;) {
    try {
      return await mkdir(lock, { mode: 0o700 })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const found = await stat(lock).catch(() => undefined)
    if (found !== undefined && Date.now() - found.mtimeMs > lockAgeMsMax) {
      const aside = `${lock}.${process.pid}`
      await rename(lock, aside).then(() => rmdir(aside)).catch(() => undefined)
    } else {
      await sleep(lockRetryMs)
    }
  }
}

function denied(message: string): TelepathineError {
  return new TelepathineError('ERR_DENIED', message)
}
