import { open, readFile, rename, rm } from 'node:fs/promises'
import createDebug from 'debug'
import { channels } from '../diagnostics.js'
import { parseAddress } from '../net/address.js'
import type { Clock } from './clock.js'

const log = createDebug('telepathine:snapshot')

/** What is remembered over a restart. */
export interface Memory {
  /** The incarnation of the last life. */
  readonly incarnation: number
  /** Peers to join through, beside the seeds. */
  readonly peers: readonly string[]
}

/** Changes are gathered for so long before they are written. */
const gatherMs = 1_000
/** More would only make the rejoining slow. */
const peersMax = 64

/**
 * Keeps a {@link Memory} in a file. It is written to one side, flushed to the disk and put in place by renaming, so
 * that a crash leaves the old one or the new one. A file that cannot be made sense of counts as none.
 */
export class Snapshot {
  readonly #file: string
  readonly #clock: Clock
  /** What is to be written. */
  readonly #current: () => Memory
  readonly #failed: (error: Error) => void
  #cancel: (() => void) | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(file: string, clock: Clock, current: () => Memory, failed: (error: Error) => void) {
    this.#file = file
    this.#clock = clock
    this.#current = current
    this.#failed = failed
  }

  /** What the last life left. Never rejects. */
  async load(): Promise<Memory> {
    const memory = await this.#read()
    const loaded = channels['telepathine:snapshot:loaded']
    if (loaded.hasSubscribers) loaded.publish({ file: this.#file, ...memory })
    return memory
  }

  async #read(): Promise<Memory> {
    try {
      return understand(JSON.parse(await readFile(this.#file, 'utf8')))
    } catch (error) {
      log('%s cannot be used: %s', this.#file, error)
      return { incarnation: 0, peers: [] }
    }
  }

  /** Something changed: it will be written soon. */
  touch(): void {
    this.#cancel ??= this.#clock.after(gatherMs, () => {
      this.#cancel = undefined
      void this.flush()
    })
  }

  /**
   * Writes now; resolves when it is on the disk. Never rejects: a failure is reported, and the next change tries
   * again.
   */
  flush(): Promise<void> {
    this.#cancel?.()
    this.#cancel = undefined
    this.#writing = this.#writing.then(() => this.#write()).catch(this.#failed)
    return this.#writing
  }

  async #write(): Promise<void> {
    const { incarnation, peers } = this.#current()
    const aside = `${this.#file}.${process.pid}.tmp`
    try {
      const handle = await open(aside, 'w', 0o600)
      try {
        await handle.writeFile(`${JSON.stringify({ incarnation, peers: peers.slice(0, peersMax) })}\n`)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await rename(aside, this.#file)
    } catch (error) {
      await rm(aside, { force: true })
      throw error
    }
  }
}

function understand(data: unknown): Memory {
  const { incarnation, peers } = data as Partial<Record<keyof Memory, unknown>>
  if (!Number.isSafeInteger(incarnation) || !Array.isArray(peers)) throw new Error('not a snapshot')
  return { incarnation: incarnation as number, peers: peers.filter(isAddress).slice(0, peersMax) }
}

function isAddress(value: unknown): value is string {
  try {
    parseAddress(value, 1)
    return true
  } catch {
    return false
  }
}
