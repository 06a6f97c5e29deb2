import { lstat, realpath } from 'node:fs/promises'
import { basename, dirname, join, relative, sep } from 'node:path'
import { watch, type FSWatcher } from 'chokidar'
import type { FileOnDisk } from './folder.js'
import { partialPrefix } from './name.js'

/**
 * Chokidar drops a change that follows another within 50 ms, and a deletion that follows another within 100 ms, be it
 * the last one. So everything that was reported is looked at once more when that time is surely over.
 */
const recheckMs = 120

/** What a {@link Watch} tells. */
export interface WatchHandlers {
  /** The file of this name is there, has changed, or is gone, and has stood still for `settleMs`. */
  settled(name: string): void
  /** The system refused something. */
  failed(error: Error): void
}

/**
 * Watches a file, or a folder with all below it, and speaks of files by their names within it (`/` between the parts).
 * A file is reported only when its size and time have stood still for `settleMs`, so that half-written files are not;
 * links are not followed. What the operating system's watching leaves out, a change of the same length within a clock
 * tick for one, is left out here too.
 */
export class Watch {
  readonly #watcher: FSWatcher
  readonly #base: string
  readonly #settleMs: number
  readonly #handlers: WatchHandlers
  /** Files that are being written. Bounded by the files there are. */
  readonly #unsettled = new Map<string, NodeJS.Timeout>()
  /** Files that are to be looked at once more. Bounded likewise. */
  readonly #rechecks = new Map<string, NodeJS.Timeout>()
  /** How each file stood when it was last reported. Bounded likewise. */
  readonly #settled = new Map<string, Look>()
  #scanned = false
  #closed = false
  #onQuiet: () => void = () => undefined

  private constructor(root: string, base: string, settleMs: number, handlers: WatchHandlers) {
    this.#base = base
    this.#settleMs = settleMs
    this.#handlers = handlers
    this.#watcher = watch(root, { followSymlinks: false, ignored: path => basename(path).startsWith(partialPrefix) })
    this.#watcher.on('add', path => this.#changed(path))
    this.#watcher.on('change', path => this.#changed(path))
    this.#watcher.on('unlink', path => this.#gone(path))
    this.#watcher.on('error', error => handlers.failed(error instanceof Error ? error : new Error(String(error))))
  }

  /**
   * Begins to watch; resolves when all files that were there have been reported. Rejects with `ENOENT` for a path that
   * is not there.
   */
  static async open(path: string, settleMs: number, handlers: WatchHandlers): Promise<Watch> {
    const root = await realpath(path)
    const base = (await lstat(root)).isDirectory() ? root : dirname(root)
    const self = new Watch(root, base, settleMs, handlers)
    await new Promise<void>(resolve => {
      self.#onQuiet = resolve
      self.#watcher.once('ready', () => {
        self.#scanned = true
        self.#checkQuiet()
      })
    })
    return self
  }

  /**
   * Whether what was read of a file (undefined: that there is none) is what was reported of it. If not, somebody is at
   * work on it, or was: it will be reported once it stands still.
   */
  confirms(name: string, file: FileOnDisk | undefined): boolean {
    const settled = this.#settled.get(name)
    if (settled?.size === file?.data.length && settled?.time === file?.time) return true
    this.#changed(join(this.#base, name))
    return false
  }

  /** Ends the watching. No handler is called from now on. */
  async close(): Promise<void> {
    this.#closed = true
    for (const timers of [this.#unsettled, this.#rechecks]) {
      for (const timer of timers.values()) clearTimeout(timer)
      timers.clear()
    }
    this.#checkQuiet()
    await this.#watcher.close()
  }

  #changed(path: string): void {
    if (this.#closed || this.#unsettled.has(path)) return
    this.#await(path, 0, null)
  }

  /**
   * Looks at a file again and again until two looks in a row show the same. At the beginning a file's age is enough.
   * Later it is not: while a file is cut short, it may for a moment be empty and as old as before.
   */
  #await(path: string, afterMs: number, before: Look | undefined | null): void {
    const timer = setTimeout(async () => {
      const look = await lookAt(path)
      if (this.#unsettled.get(path) !== timer) return
      const isOld = !this.#scanned && look !== undefined && Date.now() - look.time >= this.#settleMs
      if (!isOld && !isSame(look, before)) return this.#await(path, this.#settleMs, look)
      this.#unsettled.delete(path)
      this.#tell(path, look)
    }, afterMs)
    this.#unsettled.set(path, timer)
  }

  #gone(path: string): void {
    if (this.#closed) return
    clearTimeout(this.#unsettled.get(path))
    this.#unsettled.delete(path)
    this.#tell(path, undefined)
  }

  #tell(path: string, look: Look | undefined): void {
    const name = relative(this.#base, path).split(sep).join('/')
    if (look) this.#settled.set(name, look)
    else this.#settled.delete(name)
    this.#handlers.settled(name)
    this.#recheck(path, look)
    this.#checkQuiet()
  }

  #recheck(path: string, before: Look | undefined): void {
    clearTimeout(this.#rechecks.get(path))
    const timer = setTimeout(async () => {
      const look = await lookAt(path)
      if (this.#rechecks.get(path) !== timer) return
      this.#rechecks.delete(path)
      if (!isSame(look, before)) this.#changed(path)
    }, recheckMs)
    this.#rechecks.set(path, timer)
  }

  #checkQuiet(): void {
    if (this.#closed || (this.#scanned && this.#unsettled.size === 0)) this.#onQuiet()
  }
}

/** What can be seen of a file without reading it. */
interface Look {
  readonly size: number
  /** Modification time, unix ms. */
  readonly time: number
  /** As precise as the system tells it. */
  readonly exactTime: number
  readonly inode: number
}

/** Undefined when there is no file. */
async function lookAt(path: string): Promise<Look | undefined> {
  const stats = await lstat(path).catch(() => undefined)
  return stats && { size: stats.size, time: Math.round(stats.mtimeMs), exactTime: stats.mtimeMs, inode: stats.ino }
}

/** Whether two looks, `null` for one that was not taken, show the same. */
function isSame(a: Look | undefined, b: Look | undefined | null): boolean {
  if (!a || !b) return a === b
  return a.size === b.size && a.exactTime === b.exactTime && a.inode === b.inode
}
