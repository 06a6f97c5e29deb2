/**
 * An engine in a thread of its own, for those that speak to a server: there it answers heartbeats and extends leases,
 * however long a handler keeps the event loop of the peer to itself. The thread lives exactly as long as the process.
 */
import { extname } from 'node:path'
import { Worker, type WorkerOptions } from 'node:worker_threads'
import { TelepathineError, type ErrorCode } from '../gossip/errors.js'
import type { DeadLetter, Delivery, Depth, Engine, EngineSettings, Look, NewJob, Taker } from './engine.js'
import { alone, Mailbox } from './mailbox.js'

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

/** Opens an engine in a thread. @throws what opening it throws */
export async function openThread(data: ThreadData): Promise<Engine> {
  const worker = newWorker({ workerData: data, name: `telepathine ${data.kind}` })
  const engine = new ThreadEngine(worker)
  try {
    await engine.opened
    return engine
  } catch (error) {
    await worker.terminate()
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
  readonly #worker: Worker
  readonly #mailbox: Mailbox<Request>
  /** Serial 0 is the opening. Bounded by what is asked for at a time. */
  readonly #waiting = new Map<number, Waiting>()
  readonly #takers = new Map<number, (delivery: Delivery) => void>()
  readonly #watches = new Map<number, Look>()
  #serials = 0
  #over: TelepathineError | undefined

  constructor(worker: Worker) {
    this.#worker = worker
    this.#mailbox = new Mailbox(worker)
    this.opened = new Promise((resolve, reject) => this.#waiting.set(0, { resolve: () => resolve(), reject }))
    worker.on('message', (all: readonly Told[]) => {
      for (const told of all) this.#hear(told)
    })
    worker.on('error', (error) => this.#end(`the queue's thread failed: ${error.message}`))
    worker.on('exit', () => this.#end('the queue was closed'))
  }

  join(peer: string): Promise<void> {
    return this.#ask('join', peer)
  }

  add(job: NewJob): Promise<void> {
    return this.#ask('add', { ...job, bytes: alone(job.bytes) })
  }

  async take(service: string, room: number, deliver: (delivery: Delivery) => void): Promise<Taker> {
    const taker = this.#serials + 1
    this.#takers.set(taker, deliver)
    try {
      await this.#ask('take', service, room)
    } catch (error) {
      this.#takers.delete(taker)
      throw error
    }
    return {
      stop: async () => {
        await this.#ask('stopTaking', taker).catch(() => undefined)
        this.#takers.delete(taker)
      },
    }
  }

  isCurrent({ id }: Delivery): Promise<boolean> {
    return this.#ask('isCurrent', id)
  }

  finish({ id }: Delivery, outcome: Uint8Array): Promise<void> {
    return this.#ask('finish', id, alone(outcome))
  }

  putBack({ id }: Delivery, delayMs: number, isCounted: boolean): Promise<void> {
    return this.#ask('putBack', id, delayMs, isCounted)
  }

  bury({ id }: Delivery, outcome: Uint8Array): Promise<void> {
    return this.#ask('bury', id, alone(outcome))
  }

  outcome(token: string): Promise<Uint8Array | undefined> {
    return this.#ask('outcome', token)
  }

  async watch(token: string, look: Look): Promise<() => void> {
    const watch = this.#serials + 1
    this.#watches.set(watch, look)
    const end = (): void => {
      this.#watches.delete(watch)
      this.#ask('stopWatching', watch).catch(() => undefined)
    }
    try {
      await this.#ask('watch', token)
    } catch (error) {
      this.#watches.delete(watch)
      throw error
    }
    return end
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
    if (this.#over !== undefined) return
    await this.#ask('close').catch(() => undefined)
    await this.#worker.terminate()
  }

  #ask<T>(method: string, ...given: readonly unknown[]): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#over !== undefined) return reject(this.#over)
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
        const deliver = this.#takers.get(told.taker)
        if (deliver !== undefined) return deliver(told.delivery)
        // its taker was stopped while it was on its way
        return void this.putBack(told.delivery, 0, false).catch(() => undefined)
      }
      case 'look':
        return this.#watches.get(told.watch)?.(told.outcome)
      default:
    }
  }

  #settle(serial: number): Waiting | undefined {
    const waiting = this.#waiting.get(serial)
    this.#waiting.delete(serial)
    if (this.#waiting.size === 0) this.#worker.unref()
    return waiting
  }

  #end(why: string): void {
    this.#over ??= new TelepathineError('ERR_QUEUE', why)
    for (const { reject } of this.#waiting.values()) reject(this.#over)
    this.#waiting.clear()
  }
}

function errorFrom({ code, message }: ThreadError): Error {
  if (code === 'ERR_MODULE_NOT_FOUND') return Object.assign(new Error(message), { code })
  return new TelepathineError(code as ErrorCode, message)
}
