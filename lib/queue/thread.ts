/**
 * An engine in a thread of its own, for those that speak to a server: there it answers heartbeats and extends leases,
 * however long a handler keeps the event loop of the peer to itself. The thread lives exactly as long as the process:
 * if it fails, what was asked of it is rejected, and another one takes its place.
 */
import { extname } from 'node:path'
import { Worker, type WorkerOptions } from 'node:worker_threads'
import createDebug from 'debug'
import { TelepathineError, type ErrorCode } from '../gossip/errors.js'
import type { DeadLetter, Delivery, Depth, Engine, EngineSettings, Look, NewJob, Taker } from './engine.js'
import { alone, Mailbox } from './mailbox.js'

const log = createDebug('telepathine:queue')

/** Which engine a thread runs, and with what. */
export interface ThreadData {
  readonly kind: 'jetstream' | 'amqp'
  readonly url: string
  readonly settings: EngineSettings
}

/** What is asked of the thread: a method and what it is given. */
export interface Request {
  readonly serial: number
  readonly method: string
  readonly given: readonly unknown[]
}

/** What the thread tells. */
export type Told =
  | { readonly kind: 'open'; readonly priorityMax: number }
  | { readonly kind: 'done'; readonly serial: number; readonly result: unknown }
  | { readonly kind: 'failed'; readonly serial: number; readonly error: ThreadError }
  | { readonly kind: 'deliver'; readonly taker: number; readonly delivery: Delivery }
  | { readonly kind: 'look'; readonly watch: number; readonly outcome: Uint8Array | undefined }

/** An error on its way between threads. */
export interface ThreadError {
  /** Of the closed table, or of the system: `ERR_MODULE_NOT_FOUND`. */
  readonly code: string
  readonly message: string
}

interface Waiting {
  readonly resolve: (result: unknown) => void
  readonly reject: (error: unknown) => void
}

/** Who takes, or watches, until that is ended: asked for again when the thread is another one. */
interface Standing<T> {
  /** By what it was asked for. */
  readonly given: readonly unknown[]
  readonly tell: T
  /** As the thread knows it. */
  serial: number
}

const ends = { take: 'stopTaking', watch: 'stopWatching' } as const

/** How soon another thread is started when one failed, milliseconds: twice as long each time, up to the second. */
const againMs = [100, 5_000] as const

/** Opens an engine in a thread. @throws what opening it throws */
export async function openThread(data: ThreadData): Promise<Engine> {
  const engine = new ThreadEngine(() => newWorker({ workerData: data, name: `telepathine ${data.kind}` }))
  try {
    await engine.opened
    return engine
  } catch (error) {
    await engine.close()
    throw error
  }
}

/** What the thread runs. In the repository itself, which is not compiled, a loader goes first: threads get none. */
function newWorker(options: WorkerOptions): Worker {
  const program = new URL(`./threadmain${extname(import.meta.url)}`, import.meta.url)
  if (!program.pathname.endsWith('.ts')) return new Worker(program, options)
  const [loader, entry] = [import.meta.resolve('tsx/esm/api'), program.href].map((url) => JSON.stringify(url))
  const load = `import(${loader}).then(({ register }) => { register(); return import(${entry}) })`
  return new Worker(load, { ...options, eval: true })
}

/** Speaks to the thread, in which it is `threadmain.ts` that listens. */
export class ThreadEngine implements Engine {
  priorityMax = 0
  readonly opened: Promise<void>
  readonly #start: () => Worker
  /** Serial 0 is the opening. Bounded by what is asked for at a time. */
  readonly #waiting = new Map<number, Waiting>()
  readonly #takers = new Map<number, Standing<(delivery: Delivery) => void>>()
  readonly #watches = new Map<number, Standing<Look>>()
  #worker: Worker
  #mailbox: Mailbox<Request>
  /** What this thread gave: another one knows nothing of it. */
  #given = new WeakSet<Delivery>()
  #peer: string | undefined
  #serials = 0
  /** Why nothing can be asked for just now. */
  #down: TelepathineError | undefined
  #isOpened = false
  #isClosed = false

  constructor(start: () => Worker) {
    this.#start = start
    this.#worker = start()
    this.#mailbox = new Mailbox(this.#worker)
    this.opened = this.#listen(this.#worker)
  }

  join(peer: string): Promise<void> {
    this.#peer = peer
    return this.#ask('join', peer)
  }

  add(job: NewJob): Promise<void> {
    return this.#ask('add', { ...job, bytes: alone(job.bytes) })
  }

  async take(service: string, room: number, deliver: (delivery: Delivery) => void): Promise<Taker> {
    const taker = { given: [service, room], tell: deliver, serial: 0 }
    await this.#stand('take', this.#takers, taker)
    return {
      stop: async () => {
        await this.#ask('stopTaking', taker.serial).catch(() => undefined)
        this.#takers.delete(taker.serial)
      },
    }
  }

  async isCurrent(delivery: Delivery): Promise<boolean> {
    return this.#given.has(delivery) && this.#ask('isCurrent', delivery.id)
  }

  async finish(delivery: Delivery, outcome: Uint8Array): Promise<void> {
    if (!this.#given.has(delivery)) throw this.#gone(delivery)
    return this.#ask('finish', delivery.id, alone(outcome))
  }

  async putBack(delivery: Delivery, delayMs: number, isCounted: boolean): Promise<void> {
    // that of another thread went back with it
    if (this.#given.has(delivery)) return this.#ask('putBack', delivery.id, delayMs, isCounted)
  }

  async bury(delivery: Delivery, outcome: Uint8Array): Promise<void> {
    if (!this.#given.has(delivery)) throw this.#gone(delivery)
    return this.#ask('bury', delivery.id, alone(outcome))
  }

  outcome(token: string): Promise<Uint8Array | undefined> {
    return this.#ask('outcome', token)
  }

  async watch(token: string, look: Look): Promise<() => void> {
    const watch = { given: [token], tell: look, serial: 0 }
    await this.#stand('watch', this.#watches, watch)
    return () => {
      this.#watches.delete(watch.serial)
      this.#ask('stopWatching', watch.serial).catch(() => undefined)
    }
  }

  dead(service: string, limit: number): Promise<DeadLetter[]> {
    return this.#ask('dead', service, limit)
  }

  revive(token: string): Promise<boolean> {
    return this.#ask('revive', token)
  }

  discard(token: string, outcome: Uint8Array): Promise<boolean> {
    return this.#ask('discard', token, alone(outcome))
  }

  depths(): Promise<Depth[]> {
    return this.#ask('depths')
  }

  putBlob(id: string, bytes: Uint8Array, fades: boolean): Promise<void> {
    return this.#ask('putBlob', id, alone(bytes), fades)
  }

  blob(id: string): Promise<Uint8Array | undefined> {
    return this.#ask('blob', id)
  }

  dropBlob(id: string): Promise<void> {
    return this.#ask('dropBlob', id)
  }

  lost(peer: string): void {
    this.#ask('lost', peer).catch(() => undefined)
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    // before that it hears nothing
    if (this.#isOpened) await this.#ask('close').catch(() => undefined)
    await this.#worker.terminate()
    this.#end(this.#worker, 'the queue was closed')
  }

  // ---- the thread

  /** Resolves when it has opened the engine. */
  #listen(worker: Worker): Promise<void> {
    worker.on('message', (all: readonly Told[]) => {
      if (worker === this.#worker) for (const told of all) this.#hear(told)
    })
    worker.on('error', (error) => this.#end(worker, `the queue's thread failed: ${error.message}`))
    worker.on('exit', () => this.#end(worker, `the queue's thread ended`))
    return new Promise((resolve, reject) => {
      this.#waiting.set(0, {
        resolve: () => {
          this.#isOpened = true
          this.#down = undefined
          resolve()
        },
        reject,
      })
    })
  }

  #end(worker: Worker, why: string): void {
    if (worker !== this.#worker) return
    const isNews = this.#down === undefined
    if (isNews || this.#isClosed) {
      this.#down = new TelepathineError('ERR_QUEUE', this.#isClosed ? 'the queue was closed' : why)
    }
    for (const { reject } of this.#waiting.values()) reject(this.#down)
    this.#waiting.clear()
    this.#given = new WeakSet()
    if (isNews && this.#isOpened && !this.#isClosed) void this.#replace()
  }

  /** Has another thread do what this one did. */
  async #replace(): Promise<void> {
    for (let waitMs: number = againMs[0]; ; waitMs = Math.min(2 * waitMs, againMs[1])) {
      // nobody stays for that: who waits for something was told that it failed
      await new Promise((resolve) => setTimeout(resolve, waitMs).unref())
      if (this.#isClosed) return
      const worker = this.#start()
      worker.unref()
      this.#worker = worker
      this.#mailbox = new Mailbox(worker)
      try {
        await this.#listen(worker)
        break
      } catch (error) {
        log('%O', error)
        await worker.terminate()
      }
    }
    const worker = this.#worker
    // in this order, but at once: what the last one held is given back by the first, and somebody is to wait for it
    if (this.#peer !== undefined) void this.#insist(worker, () => this.#ask('join', this.#peer))
    for (const [method, all] of [['take', this.#takers], ['watch', this.#watches]] as const) {
      // as they are now: each gets another place
      const standings = [...all.values()]
      for (const standing of standings) {
        void this.#insist(worker, async () => {
          if (all.get(standing.serial) !== standing) return
          await this.#stand(method, all, standing)
          // it was ended meanwhile
          if (all.get(standing.serial) !== standing) await this.#ask(ends[method], standing.serial)
        })
      }
    }
  }

  /** Does it as often as it takes, as long as the thread is that one. */
  async #insist(worker: Worker, act: () => Promise<unknown>): Promise<void> {
    for (let waitMs: number = againMs[0]; worker === this.#worker; waitMs = Math.min(2 * waitMs, againMs[1])) {
      if (this.#down !== undefined) return
      try {
        return void await act()
      } catch (error) {
        log('%O', error)
      }
      await new Promise((resolve) => setTimeout(resolve, waitMs).unref())
    }
  }

  #ask<T>(method: string, ...given: readonly unknown[]): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#down !== undefined) return reject(this.#down)
      const serial = ++this.#serials
      // a process stays as long as it waits for the thread, and no longer
      if (this.#waiting.size === 0) this.#worker.ref()
      this.#waiting.set(serial, { resolve: resolve as (result: unknown) => void, reject })
      this.#mailbox.send({ serial, method, given })
    })
  }

  #hear(told: Told): void {
    switch (told.kind) {
      case 'open':
        this.priorityMax = told.priorityMax
        return this.#settle(0)?.resolve(undefined)
      case 'done':
        return this.#settle(told.serial)?.resolve(told.result)
      case 'failed':
        return this.#settle(told.serial)?.reject(errorFrom(told.error))
      case 'deliver': {
        const { delivery } = told
        this.#given.add(delivery)
        const taker = this.#takers.get(told.taker)
        if (taker !== undefined) return taker.tell(delivery)
        // its taker was stopped while it was on its way
        return void this.putBack(delivery, 0, false).catch(() => undefined)
      }
      case 'look':
        return this.#watches.get(told.watch)?.tell(told.outcome)
      default:
    }
  }

  /**
   * Asks for what goes on until it is ended. Told of from the moment that it is asked for; if that fails, and it is not
   * one that went on before, it is over.
   */
  async #stand(method: string, all: Map<number, Standing<unknown>>, standing: Standing<unknown>): Promise<void> {
    const { serial: before } = standing
    all.delete(before)
    standing.serial = this.#serials + 1
    all.set(standing.serial, standing)
    try {
      await this.#ask(method, ...standing.given)
    } catch (error) {
      if (before === 0) all.delete(standing.serial)
      throw error
    }
  }

  #settle(serial: number): Waiting | undefined {
    const waiting = this.#waiting.get(serial)
    this.#waiting.delete(serial)
    if (this.#waiting.size === 0) this.#worker.unref()
    return waiting
  }

  /** Why it cannot be told what came of it. Not to be tried again: it is delivered again. */
  #gone({ token }: Delivery): TelepathineError {
    if (this.#isClosed && this.#down !== undefined) return this.#down
    return new TelepathineError('ERR_PEER_LOST', `the queue's thread that held ${token} failed: it is delivered again`)
  }
}

function errorFrom({ code, message }: ThreadError): Error {
  if (code === 'ERR_MODULE_NOT_FOUND') return Object.assign(new Error(message), { code })
  return new TelepathineError(code as ErrorCode, message)
}
