import { realpath, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Telepathine } from '../telepathine.js'
import { TelepathineError } from '../gossip/errors.js'
import { readWhole, type FileOnDisk } from './folder.js'
import { nameFault } from './name.js'
import { fileConfig, type FileConfig, type FileInputOptions } from './options.js'
import { hashOf } from './record.js'
import { FileShare } from './share.js'
import { Watch } from './watch.js'

/**
 * Shares a file, or a folder with all below it, and keeps sharing it as it changes.
 *
 * Each file is a key of the peer: `file:` and its name within the folder, with `/` between the parts, on every system.
 * The value is `{ data, time }`: the contents as bytes, and the modification time in unix ms. A deleted file is a
 * deleted key. Links are not followed. Files above `maxFileSize`, and those whose names not every system allows, are
 * left out and reported by an `error` event.
 *
 * ```ts
 * const input = new FileInput(peer, 'shared')
 * await input.ready()
 * ```
 */
export class FileInput extends FileShare {
  readonly #path: string
  readonly #config: FileConfig
  /** Hash of each file that is shared. Bounded by the files there are. */
  readonly #shared = new Map<string, string>()
  #base = ''
  #watch: Watch | undefined

  /** Watches `path`, a file or a folder, for as long as the peer runs or until {@link close}. Throws `ERR_OPTION`. */
  constructor(peer: Telepathine, path: string, options: FileInputOptions = {}) {
    const config = fileConfig(options, ['keyPrefix', 'maxFileSize', 'settleMS'])
    super(peer, config.keyPrefix)
    this.#path = path
    this.#config = config
    this.begin()
  }

  protected async open(): Promise<void> {
    const root = await realpath(this.#path)
    this.#base = (await stat(root)).isDirectory() ? root : dirname(root)
    this.#watch = await Watch.open(root, this.#config.settleMS, {
      settled: name => this.queue.add(name),
      failed: error => this.report(error),
    })
    await this.queue.idle()
  }

  protected async shut(): Promise<void> {
    await this.#watch?.close()
  }

  /** Shares a file as it is now. */
  protected async look(name: string): Promise<void> {
    try {
      const file = await this.#read(name)
      if (file && this.#watch?.confirms(name, file) === false) return
      const hash = file && hashOf(file.data)
      if (this.#shared.get(name) === hash) return
      if (!file || !hash) return this.#withdraw(name)
      await this.share(name, file)
      this.#shared.set(name, hash)
      this.emit('shared', name, file.data.length)
    } catch (error) {
      this.report(error, name)
    }
  }

  /** The file of that name; undefined when there is none, or none that may be shared. */
  async #read(name: string): Promise<FileOnDisk | undefined> {
    const fault = nameFault(name)
    try {
      if (fault) throw new TelepathineError('ERR_KEY', `${JSON.stringify(name)} is not shared: its name ${fault}`)
      return await readWhole(join(this.#base, name), name, this.#config.maxFileSize)
    } catch (error) {
      // What others hold of it is not what the file is any more.
      this.report(error)
      return undefined
    }
  }

  #withdraw(name: string): void {
    this.unshare(name)
    this.#shared.delete(name)
    this.emit('withdrawn', name)
  }
}
