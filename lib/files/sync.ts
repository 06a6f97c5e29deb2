import type { Telepathine } from '../telepathine.js'
import { TelepathineError } from '../gossip/errors.js'
import { Folder } from './folder.js'
import { nameFault } from './name.js'
import { fileConfig, type FileConfig, type FileSyncOptions } from './options.js'
import { hashOf, isNewer, isVersion, versionOf, type FileRecord, type FileVersion } from './record.js'
import { FileShare, isStopped } from './share.js'
import { Watch } from './watch.js'

/**
 * Keeps a folder the same on all peers that sync it: what changes in one changes in all.
 *
 * The version of a file is its modification time, which travels with it and is set on every copy. So the file system
 * remembers the versions, a peer that was away takes part with what it has, and the last change wins everywhere: of two
 * changes at the same time one is lost. Clocks should agree as well as people expect of "last". What came from the
 * network is known by its contents, and is not shared again as one's own.
 *
 * One peer shares each file: the one that changed it last, or when it is gone, the first by name of those that remain.
 * The others hold it on disk only. Folders are made and removed as files need them; empty ones are not kept.
 *
 * ```ts
 * const sync = new FileSync(peer, 'our-folder')
 * await sync.ready()
 * ```
 */
export class FileSync extends FileShare {
  readonly #path: string
  readonly #config: FileConfig
  /**
   * The version of each file here, deletions that are still remembered included. Bounded by the files shared and here.
   */
  readonly #versions = new Map<string, FileVersion>()
  /** What this peer shares of that. */
  readonly #shared = new Map<string, FileVersion>()
  /** Files that something stood in the way of: tried again when a file is removed. */
  readonly #blocked = new Set<string>()
  #folder: Folder | undefined
  #watch: Watch | undefined
  /** Whether the files that were there at the beginning are all known. */
  #scanned = false

  /** Syncs the folder `path`, which is made if it is not there, until {@link close}. Throws `ERR_OPTION`. */
  constructor(peer: Telepathine, path: string, options: FileSyncOptions = {}) {
    const config = fileConfig(options, ['keyPrefix', 'maxFileSize', 'maxTotalSize', 'settleMS', 'rememberDeletedMS'])
    super(peer, config.keyPrefix)
    this.#path = path
    this.#config = config
    this.begin()
  }

  protected async open(): Promise<void> {
    this.#folder = await Folder.open(this.#path, this.#config)
    this.#watch = await Watch.open(this.#folder.root, this.#config.settleMS, {
      settled: name => this.queue.add(name),
      failed: error => this.report(error),
    })
    await this.queue.idle()
    // Only now: a file that changed while we were away is told from one that changes from here on.
    this.#scanned = true
    this.peer.set(this.#marker, true)
    this.listenForFiles(name => this.queue.add(name))
    const handOver = () => {
      for (const name of this.#versions.keys()) this.queue.add(name)
    }
    this.listen('peer:stop', handOver)
    this.listen('peer:start', handOver)
    await this.queue.idle()
  }

  protected async shut(): Promise<void> {
    await this.#watch?.close()
    try {
      // Whoever goes on must not count on us, and shares what we did.
      if (this.#scanned) this.peer.delete(this.#marker)
      for (const name of this.#shared.keys()) this.#withdraw(name)
    } catch (error) {
      if (!isStopped(error)) throw error
    }
  }

  /** The key by which peers that sync know each other. Not one of a file. */
  get #marker(): string {
    return `sync:${this.keyPrefix}`
  }

  /** Brings disk, network and our knowledge of a file together. */
  protected async look(name: string): Promise<void> {
    const folder = this.#folder
    if (!folder) return
    try {
      const fault = nameFault(name)
      if (fault) throw new TelepathineError('ERR_KEY', `${JSON.stringify(name)} is not synced: its name ${fault}`)
      const isSettled = await this.#lookHere(name, folder)
      if (!isSettled || !this.#scanned) return
      await this.#lookElsewhere(name, folder)
      await this.#settleWhoShares(name, folder)
    } catch (error) {
      if (error instanceof TelepathineError && error.code === 'ERR_DENIED') this.#blocked.add(name)
      this.report(error, name)
    }
  }

  /**
   * A change on disk that did not come from the network becomes a new version, and ours to share. False: not whole yet.
   */
  async #lookHere(name: string, folder: Folder): Promise<boolean> {
    const known = this.#versions.get(name)
    const file = await folder.read(name)
    if ((file ? hashOf(file.data) : '') === (known?.hash ?? '')) return true
    if (this.#watch?.confirms(name, file) === false) return false
    if (!file) {
      await folder.mustExist()
      await this.#publish(name, { deleted: true, time: Math.max(Date.now(), (known?.time ?? 0) + 1) })
      return true
    }
    // A copy of an old file over a newer one is the last change all the same.
    const time = known && file.time <= known.time ? known.time + 1 : file.time
    if (time !== file.time) await folder.touch(name, time)
    await this.#publish(name, { data: file.data, time })
    return true
  }

  /** The newest version among the peers, if newer than ours, goes to disk. */
  async #lookElsewhere(name: string, folder: Folder): Promise<void> {
    const record = this.newestOf(this.peer.allPeers(), name)
    if (!record) return
    const known = this.#versions.get(name)
    const version = versionOf(record)
    if (!isNewer(version, known)) return
    this.#blocked.delete(name)
    if ('deleted' in record) {
      if (await folder.remove(name)) this.emit('removed', name)
      for (const blocked of this.#blocked) this.queue.add(blocked)
    } else if (known?.hash === version.hash) {
      await folder.touch(name, record.time)
    } else {
      await folder.write(name, record.data, record.time)
      this.emit('written', name, record.data.length)
    }
    this.#versions.set(name, version)
  }

  /** Sees to it that one live peer shares the version we have, and that we share no other. */
  async #settleWhoShares(name: string, folder: Folder): Promise<void> {
    const version = this.#versions.get(name)
    if (!version) return
    if (version.hash === '' && this.#forgetsAt(version) <= Date.now()) {
      this.#versions.delete(name)
      return this.#withdraw(name)
    }
    const live = this.peer.livePeers()
    const sharers = live.filter(peer => isVersion(this.remote(peer, name), version))
    const shared = this.#shared.get(name)
    const isOurs = shared?.time === version.time && shared.hash === version.hash
    if (isOurs ? sharers.some(peer => peer < this.peer.name) : shared !== undefined) this.#withdraw(name)
    if (isOurs || sharers.length > 0) return
    const isFirst = !live.some(peer => peer < this.peer.name && this.peer.getRemote(peer, this.#marker) !== undefined)
    if (!isFirst) return
    if (version.hash === '') return this.#publish(name, { deleted: true, time: version.time })
    const file = await folder.read(name)
    if (file && hashOf(file.data) === version.hash) await this.#publish(name, { data: file.data, time: version.time })
  }

  async #publish(name: string, record: FileRecord): Promise<void> {
    const version = versionOf(record)
    const isDeleted = 'deleted' in record
    await this.share(name, record, isDeleted ? this.#forgetsAt(version) : undefined)
    this.#versions.set(name, version)
    this.#shared.set(name, version)
    if (isDeleted) this.emit('withdrawn', name)
    else this.emit('shared', name, record.data.length)
  }

  #withdraw(name: string): void {
    if (!this.#shared.has(name)) return
    this.unshare(name)
    this.#shared.delete(name)
  }

  /** When a deletion need not be remembered any more, unix ms. */
  #forgetsAt(version: FileVersion): number {
    return version.time + this.#config.rememberDeletedMS
  }
}
