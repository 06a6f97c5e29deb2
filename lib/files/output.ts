import type { Telepathine } from '../telepathine.js'
import { TelepathineError } from '../gossip/errors.js'
import { Folder } from './folder.js'
import { fileConfig, type FileConfig, type FileOutputOptions } from './options.js'
import { isNewer, versionOf, type FileVersion } from './record.js'
import { FileShare } from './share.js'

/**
 * Writes the files that other peers share into a folder, and removes them there when they are deleted.
 *
 * Nothing is written outside the folder, whatever the names say, and no link inside it is followed. A file appears
 * whole or not at all. Of two peers' files with one name the one modified last stays, or each has its own with {@link
 * FileOutputOptions.peerSubdirectory}. Only files that were written here are removed, and a peer that is dead or gone
 * still has its files here. The peer's own files are not written.
 *
 * ```ts
 * const output = new FileOutput(peer, 'from-others')
 * output.on('written', (name, bytes) => console.log(name, bytes))
 * ```
 */
export class FileOutput extends FileShare {
  readonly #path: string
  readonly #config: FileConfig
  /**
   * Where files go, and whose they are; `peer` undefined: of whoever has the newest. Bounded by the keys of all peers.
   */
  readonly #targets = new Map<string, { name: string; peer: string | undefined }>()
  /** What lies there. */
  readonly #written = new Map<string, FileVersion>()
  /** Files that something stood in the way of: tried again when a file is removed. */
  readonly #blocked = new Set<string>()
  #folder: Folder | undefined

  /** Writes to the folder `path`, which is made if it is not there, until {@link close}. Throws `ERR_OPTION`. */
  constructor(peer: Telepathine, path: string, options: FileOutputOptions = {}) {
    const config = fileConfig(options, ['keyPrefix', 'maxFileSize', 'maxTotalSize', 'peerSubdirectory'])
    super(peer, config.keyPrefix)
    this.#path = path
    this.#config = config
    this.begin()
  }

  protected async open(): Promise<void> {
    this.#folder = await Folder.open(this.#path, this.#config)
    this.listenForFiles((name, peer) => {
      const own = this.#config.peerSubdirectory
      const target = own ? `${peer.replaceAll(/[^\w.-]/g, '_')}/${name}` : name
      this.#targets.set(target, { name, peer: own ? peer : undefined })
      this.queue.add(target)
    })
    await this.queue.idle()
  }

  protected async shut(): Promise<void> {
    this.#folder = undefined
  }

  /** Makes a file here what it is elsewhere now. */
  protected async look(target: string): Promise<void> {
    const source = this.#targets.get(target)
    if (!source || !this.#folder) return
    const record = this.newestOf(source.peer === undefined ? this.peer.allPeers() : [source.peer], source.name)
    try {
      this.#blocked.delete(target)
      if (!record || 'deleted' in record) return await this.#remove(target)
      const version = versionOf(record)
      const before = this.#written.get(target)
      if (before && !isNewer(version, before) && !isNewer(before, version)) return
      await this.#folder.write(target, record.data, record.time)
      this.#written.set(target, version)
      this.emit('written', target, record.data.length)
    } catch (error) {
      if (error instanceof TelepathineError && error.code === 'ERR_DENIED') this.#blocked.add(target)
      this.report(error)
    }
  }

  async #remove(target: string): Promise<void> {
    this.#targets.delete(target)
    if (!this.#written.delete(target)) return
    if (await this.#folder?.remove(target)) this.emit('removed', target)
    for (const blocked of this.#blocked) this.queue.add(blocked)
  }
}
