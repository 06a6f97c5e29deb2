import { randomBytes } from 'node:crypto'
import { open, type FileHandle } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { Folder } from '../files/folder.js'
import { nameFault } from '../files/name.js'
import { TelepathineError } from '../gossip/errors.js'
import type { Telepathine } from '../telepathine.js'
import type { CallError, Call, Dispatcher, Withdraw } from '../work/index.js'
import { camel, checkFunction, refuse } from './options.js'
import type { MissingAgent } from './types.js'

/** The service by which a file is read by those to whom it was offered. */
const readService = 'nanite file'
/** Bytes that are read at a time. */
const chunkBytes = 64 * 1024
/** Files that are sent at a time, and taken. */
const sentMax = 64
const takenMax = 4
/** Offers that may wait. */
const offersMax = 64
/** Bytes of all files that are written into one folder. */
const folderBytesMax = 2 ** 36
const timeoutMsDefault = 60_000
const domainMax = 100

/** Options of {@link Agent.broadcast_file}. */
export interface BroadcastOptions {
  /** Who has subscribed to this domain gets it. Default `global`. */
  domain?: string
  /** What it is called there: a relative path, with `/` between its parts. Default: its own name. */
  destination?: string
  /** Anything about it, for the readers. */
  meta?: unknown
  /** Milliseconds until those who are not done count as missing. Default 60,000. */
  timeout?: number
}

/** What came of a {@link Agent.broadcast_file}. */
export interface FileDelivery {
  /** The file's size. */
  readonly bytes: number
  /** Identities of the agents that have it now. */
  readonly delivered: readonly string[]
  /** Those who have subscribed but do not have it, and why. */
  readonly missing: readonly MissingAgent[]
}

/** Gets a file that another agent sent. */
export type FileReader = (data: Buffer, destination: string, meta: unknown) => unknown

/** What an exchange of files is bound by. */
export interface FileSettings {
  readonly fileRoot: string | undefined
  readonly maxFileBytes: number
}

/** A file on offer. */
interface Offer {
  readonly id: string
  readonly bytes: number
  readonly destination: string
  readonly meta: unknown
}

interface OpenFile {
  readonly handle: FileHandle
  readonly bytes: number
}

/**
 * Files from agent to agent: the sender offers one to all who have subscribed, and each reads it from there, as fast as
 * it can. So a slow one holds up nobody, and who goes away leaves nothing behind.
 */
export class FileExchange {
  readonly #peer: Telepathine
  readonly #work: Dispatcher
  readonly #settings: FileSettings
  /** Files that are being sent. Bounded by `sentMax`. */
  readonly #open = new Map<string, OpenFile>()
  /** What ends the subscriptions. Bounded by what is subscribed to. */
  readonly #withdrawals = new Set<Withdraw>()
  #folder: Promise<Folder> | undefined
  #isServing = false

  constructor(peer: Telepathine, work: Dispatcher, settings: FileSettings) {
    this.#peer = peer
    this.#work = work
    this.#settings = settings
  }

  /** See {@link Agent.broadcast_file}. */
  async broadcast(path: string, options: BroadcastOptions = {}): Promise<FileDelivery> {
    const { domain = 'global', meta, timeout = timeoutMsDefault, ...rest } = broadcastOptions(options)
    const destination = checkDestination(rest.destination ?? basename(path))
    const service = serviceOf(domain)
    if (this.#open.size >= sentMax) throw new TelepathineError('ERR_OVERLOAD', `${sentMax} files are being sent`)
    const id = randomBytes(16).toString('hex')
    const handle = await open(resolve(this.#settings.fileRoot ?? '.', path))
    try {
      const bytes = await this.#sizeOf(path, handle)
      this.#open.set(id, { handle, bytes })
      this.#serve()
      const offer: Offer = { id, bytes, destination, meta }
      const { results, errors, missing } = await this.#work
        .gather(service, offer, { ttl: timeout, allowEmpty: true }).result()
      const refused = Array.from(errors, ([agent, error]) => ({ agent, reason: codeOf(error) }))
      const silent = missing.map(({ peer, reason }) => ({ agent: peer, reason }))
      return { bytes, delivered: [...results.keys()], missing: [...refused, ...silent] }
    } finally {
      this.#open.delete(id)
      await handle.close()
    }
  }

  /** See {@link Agent.subscribe_to_files}. */
  subscribe(domain = 'global', write = false, reader: FileReader = () => undefined): Withdraw {
    checkFunction('reader', reader)
    const folder = write ? this.#folderNow() : undefined
    // whoever offers next is told
    folder?.catch(() => undefined)
    const withdraw = this.#work.serve(serviceOf(domain), async (offer, call) => {
      const { id, bytes, destination, meta } = this.#checkOffer(offer)
      const data = await this.#read(id, bytes, call)
      await (await folder)?.write(destination, data, Date.now())
      await reader(data, destination, meta)
      return bytes
    }, { concurrency: takenMax, queue: offersMax })
    this.#withdrawals.add(withdraw)
    return (options) => {
      this.#withdrawals.delete(withdraw)
      return withdraw(options)
    }
  }

  /** Takes no more files; resolves when those on their way have come. */
  async stop(grace: number): Promise<void> {
    await Promise.all(Array.from(this.#withdrawals, (withdraw) => withdraw({ grace })))
  }

  #folderNow(): Promise<Folder> {
    const { fileRoot, maxFileBytes } = this.#settings
    if (fileRoot === undefined) throw refuse('file_root', fileRoot, 'a folder to write files to')
    const limits = { maxFileSize: maxFileBytes, maxTotalSize: folderBytesMax }
    return (this.#folder ??= Folder.open(fileRoot, limits))
  }

  // ---- sending

  async #sizeOf(path: string, handle: FileHandle): Promise<number> {
    const stats = await handle.stat()
    if (!stats.isFile()) throw refuse('path', path, 'a regular file')
    this.#checkSize(stats.size)
    return stats.size
  }

  /** Lets those to whom a file was offered read it. */
  #serve(): void {
    if (this.#isServing) return
    this.#isServing = true
    const file = (id: unknown): OpenFile => {
      const found = typeof id === 'string' ? this.#open.get(id) : undefined
      if (found !== undefined) return found
      throw new TelepathineError('ERR_KEY', 'this file is not on offer')
    }
    this.#work.serve(readService, async function* (id: unknown) {
      const { handle, bytes } = file(id)
      for (let at = 0; at < bytes; ) {
        const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, bytes - at))
        const { bytesRead } = await handle.read(chunk, 0, chunk.length, at)
        if (bytesRead === 0) throw new TelepathineError('ERR_BUSY', 'the file was cut off while it was read')
        at += bytesRead
        yield chunk.subarray(0, bytesRead)
      }
    })
  }

  // ---- taking

  async #read(id: string, bytes: number, { from, signal }: Call): Promise<Buffer> {
    await this.#knows(from, signal)
    const chunks: Uint8Array[] = []
    let left = bytes
    for await (const chunk of this.#work.stream(readService, id, { target: from, signal })) {
      if (!(chunk instanceof Uint8Array) || chunk.length === 0 || chunk.length > left) break
      chunks.push(chunk)
      left -= chunk.length
    }
    if (left === 0) return Buffer.concat(chunks)
    throw new TelepathineError('ERR_VALUE', `${from} offered ${bytes} bytes and sent others`)
  }

  /** Its offer may be here before the news that it serves what it offers. */
  async #knows(from: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      const readable = this.#work.workers(readService)
      if (readable.some(({ peer }) => peer === from)) return
      await this.#work.waitFor(readService, { count: readable.length + 1, signal })
    }
  }

  #checkOffer(given: unknown): Offer {
    const offer: Partial<Offer> = typeof given === 'object' && given !== null ? given : {}
    const { id, bytes, destination, meta } = offer
    if (typeof id !== 'string' || !Number.isSafeInteger(bytes) || (bytes as number) < 0) {
      throw new TelepathineError('ERR_VALUE', 'not an offer of a file')
    }
    this.#checkSize(bytes as number)
    return { id, bytes: bytes as number, destination: checkDestination(destination), meta }
  }

  #checkSize(bytes: number): void {
    const { maxFileBytes } = this.#settings
    if (bytes <= maxFileBytes) return
    const what = `${bytes} bytes, ${this.#peer.name} allows ${maxFileBytes}`
    throw new TelepathineError('ERR_TOO_LARGE', `the file: ${what}`)
  }
}

function broadcastOptions(options: BroadcastOptions): BroadcastOptions {
  return camel(options, ['domain', 'destination', 'meta', 'timeout'])
}

function serviceOf(domain: unknown): string {
  if (typeof domain === 'string' && domain !== '' && domain.length <= domainMax) return `nanite files ${domain}`
  throw refuse('domain', domain, `a text of 1 to ${domainMax} characters`)
}

/** @throws TelepathineError `ERR_KEY` for a path that is absolute or leads elsewhere */
function checkDestination(destination: unknown): string {
  const fault = typeof destination === 'string' ? nameFault(destination) : 'is none'
  if (fault === undefined) return destination as string
  throw new TelepathineError('ERR_KEY', `destination ${JSON.stringify(destination)}: the name ${fault}`)
}

/** Why an agent did not take a file. */
function codeOf(error: Error): string {
  const { code } = ((error as CallError).cause ?? {}) as { code?: unknown }
  return typeof code === 'string' ? code : 'ERR_HANDLER'
}
