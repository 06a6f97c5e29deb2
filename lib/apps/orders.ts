import { open, readFile, rename, rm } from 'node:fs/promises'
import createDebug from 'debug'
import { isAppName } from './spec.js'
import { isLater, readWant, type Want } from './wants.js'

const log = createDebug('telepathine:apps')

/** Orders for more apps than this are not remembered: somebody makes names up. */
const ordersMax = 10_000

/** The latest order for an app. */
export interface Order {
  readonly want: Want
  /** Whether it was seen to run: after a restart it need not be tried at one peer first. */
  readonly isProven: boolean
}

/**
 * The latest orders that a peer has heard, in a file: gossip lives as long as any one peer does, and what a cluster is
 * to run must also outlive a night in which all of them are off. The file is written to one side, flushed to the disk
 * and put in place by renaming. One that cannot be made sense of counts as none.
 */
export class Orders {
  readonly #file: string
  readonly #orders = new Map<string, Order>()
  #writing: Promise<void> = Promise.resolve()
  #isQueued = false

  constructor(file: string) {
    this.#file = file
  }

  /** What an earlier life has left. Never rejects. */
  async load(now: number): Promise<void> {
    try {
      for (const each of JSON.parse(await readFile(this.#file, 'utf8')) as unknown[]) {
        const { app, want, isProven } = (each ?? {}) as { app?: unknown; want?: unknown; isProven?: unknown }
        const read = readWant(want, now)
        if (isAppName(app) && read) this.#orders.set(app, { want: read, isProven: isProven === true })
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') log('%s cannot be used: %s', this.#file, error)
    }
  }

  /** By app. */
  get all(): ReadonlyMap<string, Order> {
    return this.#orders
  }

  /** Takes an order if it is later than the one that is known; says whether it is. */
  take(app: string, want: Want): boolean {
    const known = this.#orders.get(app)
    if (!isLater(want, known?.want) || (!known && this.#orders.size >= ordersMax)) return false
    this.#orders.set(app, { want, isProven: false })
    this.#write()
    return true
  }

  /** An order was seen to be followed. */
  prove(app: string, order: string): void {
    const known = this.#orders.get(app)
    if (!known || known.isProven || known.want.order !== order) return
    this.#orders.set(app, { want: known.want, isProven: true })
    this.#write()
  }

  /** Resolves once all is on the disk. */
  written(): Promise<void> {
    return this.#writing
  }

  #write(): void {
    if (this.#isQueued) return
    this.#isQueued = true
    this.#writing = this.#writing.then(async () => {
      this.#isQueued = false
      const all = [...this.#orders].map(([app, order]) => ({ app, ...order }))
      await writeWhole(this.#file, JSON.stringify(all)).catch((error: unknown) => log('orders are not kept: %s', error))
    })
  }
}

/** Writes a file so that a crash leaves the old one or the new one. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const aside = `${path}.${process.pid}.tmp`
  try {
    const handle = await open(aside, 'w', 0o600)
    try {
      await handle.writeFile(`${text}\n`)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(aside, path)
  } catch (error) {
    await rm(aside, { force: true })
    throw error
  }
}
