import { EventEmitter } from 'node:events'
import createDebug from 'debug'
import { TelepathineError } from '../gossip/errors.js'
import { NameQueue } from './queue.js'
import { newest, toRecord, type FileRecord } from './record.js'
import type { Telepathine } from '../telepathine.js'

const debug = createDebug('telepathine:files')

/** Events of {@link FileInput}, {@link FileOutput} and {@link FileSync}, with the arguments in this order. */
export interface FileEvents {
  /** A file of this folder was shared with the others. */
  shared: [name: string, bytes: number]
  /** A file that was shared from here is so no longer. */
  withdrawn: [name: string]
  /** A file of another peer was written to this folder. */
  written: [name: string, bytes: number]
  /** A file was removed from this folder, as it was elsewhere. */
  removed: [name: string]
  /**
   * A file was left out (`ERR_TOO_LARGE`, `ERR_KEY` for a name that is not allowed, `ERR_DENIED` when something stands
   * in its way), or the system refused something (its own code). The rest goes on. Without a listener it is a process
   * warning.
   */
  error: [error: Error]
}

/** What the three have in common: a peer, keys with a prefix, a beginning and an end. */
export abstract class FileShare extends EventEmitter<FileEvents> {
  /** The peer that shares or hears. */
  protected readonly peer: Telepathine
  /** What keys of files begin with. */
  protected readonly keyPrefix: string
  /** @internal Files to look at. */
  protected readonly queue = new NameQueue(name => this.look(name))
  /** Files that could not be dealt with because the peer was stopped: looked at again when it starts. */
  readonly #missed = new Set<string>()
  #opening: Promise<void> | undefined
  #closing: Promise<void> | undefined
  readonly #undo = new Set<() => void>()

  constructor(peer: Telepathine, keyPrefix: string) {
    super()
    this.peer = peer
    this.keyPrefix = keyPrefix
  }

  /**
   * Resolves when what was there at the beginning has been dealt with; rejects when the path cannot be watched or
   * written. The beginning waits for the peer to be bound.
   */
  async ready(): Promise<this> {
    await this.#opening
    return this
  }

  /**
   * Ends the watching and writing, and resolves when all is closed. Files stay where they are. What a {@link FileInput}
   * shared stays shared; what a {@link FileSync} shared, others who sync go on sharing.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** The same as {@link FileShare.close}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Whether {@link close} was called. */
  get closed(): boolean {
    return this.#closing !== undefined
  }

  /** Opens what is needed, and deals with what is there. */
  protected abstract open(): Promise<void>
  /** Brings one file up to date. Must not reject. */
  protected abstract look(name: string): Promise<void>
  /** Closes what was opened, also when only half of it was. Nothing is looked at any more. */
  protected abstract shut(): Promise<void>

  /** To be called by the constructor of a subclass, last. */
  protected begin(): void {
    this.#opening = this.#open()
    this.#opening.catch((error: unknown) => this.report(error))
  }

  /** Listens to the peer until closed. */
  protected listen(event: string, handler: (...values: never[]) => void): void {
    const listener = handler as (...values: unknown[]) => void
    this.peer.on(event, listener)
    this.#undo.add(() => this.peer.off(event, listener))
  }

  /** Listens for keys with our prefix that other peers set, delete or lose. */
  protected listenForFiles(handler: (name: string, peer: string) => void): void {
    const heard = (peer: string, key: string) => {
      if (key.startsWith(this.keyPrefix)) handler(key.slice(this.keyPrefix.length), peer)
    }
    for (const event of ['set', 'delete', 'key:expired']) this.listen(event, heard)
    for (const peer of this.peer.allPeers()) {
      for (const key of this.peer.getRemoteKeys(peer)) heard(peer, key)
    }
  }

  /** What another peer shares under a name. */
  protected remote(peer: string, name: string): FileRecord | undefined {
    return toRecord(this.peer.getRemote(peer, this.keyPrefix + name))
  }

  /** The record that wins among those of `peers`, if any has one. */
  protected newestOf(peers: readonly string[], name: string): FileRecord | undefined {
    return newest(peers.map(peer => this.remote(peer, name)).filter(record => record !== undefined))
  }

  /** Sets a key of this peer; resolves when there is room for the next. */
  protected async share(name: string, record: FileRecord, expiresAt?: number): Promise<void> {
    for (;;) {
      try {
        if (!this.peer.set(this.keyPrefix + name, record, expiresAt)) await this.#room()
        return
      } catch (error) {
        const isOverload = error instanceof TelepathineError && error.code === 'ERR_OVERLOAD'
        if (!isOverload || this.closed) throw error
        await this.#room()
      }
    }
  }

  /** Deletes a key of this peer. */
  protected unshare(name: string): void {
    this.peer.delete(this.keyPrefix + name)
  }

  /**
   * Tells what went wrong, with a file if it is one's. That the peer is stopped is no error: the file's time will come.
   */
  protected report(error: unknown, name?: string): void {
    if (name !== undefined && isStopped(error)) return void this.#missed.add(name)
    const known = error instanceof Error ? error : new Error(String(error))
    debug('%s', known.message)
    if (this.listenerCount('error') > 0) this.emit('error', known)
    else process.emitWarning(known)
  }

  /** Waits for room to send, or for an end of it all. */
  #room(): Promise<void> {
    return new Promise(resolve => {
      const done = () => {
        this.peer.off('drain', done)
        this.peer.off('stop', done)
        this.#undo.delete(done)
        resolve()
      }
      if (this.closed) return resolve()
      this.peer.on('drain', done)
      this.peer.on('stop', done)
      this.#undo.add(done)
    })
  }

  async #open(): Promise<void> {
    await this.peer.ready()
    if (this.closed) return
    this.listen('start', () => {
      for (const name of this.#missed) this.queue.add(name)
      this.#missed.clear()
    })
    await this.open()
  }

  async #close(): Promise<void> {
    // Closed from now on; the rest in a turn of its own, so that `closed` says so already.
    await Promise.resolve()
    this.#takeOff()
    await this.queue.close()
    await this.#opening?.catch(() => undefined)
    // Once more, for what the opening added meanwhile.
    this.#takeOff()
    await this.shut()
  }

  #takeOff(): void {
    for (const undo of this.#undo) undo()
    this.#undo.clear()
  }
}

/** Whether that is what a stopped peer throws. */
export function isStopped(error: unknown): boolean {
  return error instanceof TelepathineError && error.code === 'ERR_STOPPED'
}
