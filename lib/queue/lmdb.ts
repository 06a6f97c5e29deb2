/**
 * The embedded engine: a folder on this machine, kept by LMDB. Every process that uses the queue opens it itself: LMDB
 * is made for that, its writers take turns by a lock that survives their death. So there is no owner to fail, and
 * nothing to hand over; what a dead process held is given back by whichever other one sees it go.
 */
import { unlink } from 'node:fs/promises'
import createDebug from 'debug'
import { TelepathineError } from '../gossip/errors.js'
import type { DeadLetter, Delivery, Depth, Engine, EngineSettings, Look, NewJob, Taker } from './engine.js'
import { type Database, type Environment, folderAt, openEnvironment } from './environment.js'
import { Gate } from './gate.js'
import { type Held, Ledger, priorityMax } from './ledger.js'
import { lookLine, Neighbours } from './neighbours.js'
import { type Run, Writer } from './writer.js'

const log = createDebug('telepathine:queue')

/** Longest that a timer waits. */
const delayMsMax = 2 ** 31 - 1
/** After how long jobs are looked for again when that failed. */
const againMs = 1_000

/** Somebody here who takes jobs. */
interface LocalTaker {
  readonly service: string
  readonly deliver: (delivery: Delivery) => void
  room: number
  isTaking: boolean
  isStopped: boolean
  /** Whether there is room again that the transaction which takes for it did not know of. */
  isWanted: boolean
  /** Who waits for the end of what is being taken. */
  readonly stopped: (() => void)[]
}

/** A job that is held here. */
interface HeldHere extends Delivery {
  readonly held: Held
  readonly taker: LocalTaker
  /** Whether it is settled, or will be by a transaction that is under way, and its place is another's. */
  isFree: boolean
}

/** Opens a queue in a folder. @throws TelepathineError `ERR_QUEUE` when that cannot be */
export async function open(path: string, { keepMs }: EngineSettings): Promise<Engine> {
  const gate = new Gate()
  let neighbours: Neighbours | undefined
  let environment: Environment | undefined
  try {
    const lmdb = await import('lmdb')
    const folder = await folderAt(path)
    neighbours = new Neighbours(folder, gate)
    const here = neighbours
    await here.listen()
    const options = {
      path: folder,
      noSubdir: false,
      encoding: 'msgpack',
      // every commit is on disk when it is told of, and before anybody sees it; to batch them is done here
      overlappingSync: false,
      eventTurnBatching: false,
    } as const
    environment = await openEnvironment(folder, (): Database => lmdb.open(options), (act) => here.opening.alone(act))
    const engine = new LMDBEngine(environment, here, gate, keepMs)
    await engine.enter()
    return engine
  } catch (cause) {
    neighbours?.close()
    await environment?.close().catch((error: unknown) => log('%O', error))
    if ((cause as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') throw cause
    throw new TelepathineError('ERR_QUEUE', `the queue in ${path} cannot be opened: ${String(cause)}`, { cause })
  }
}

class LMDBEngine implements Engine {
  readonly priorityMax = priorityMax
  readonly over: Promise<TelepathineError>
  readonly #environment: Environment
  readonly #database: Database
  readonly #ledger: Ledger
  readonly #neighbours: Neighbours
  readonly #writer: Writer
  readonly #keepMs: number
  readonly #takers = new Set<LocalTaker>()
  readonly #held = new Map<number, HeldHere>()
  readonly #watched = new Map<string, Set<Look>>()
  #ids = 0
  #timer: NodeJS.Timeout | undefined
  #closed: Promise<void> | undefined

  constructor(environment: Environment, neighbours: Neighbours, gate: Gate, keepMs: number) {
    const { database } = environment
    this.#environment = environment
    this.#database = database
    this.#ledger = new Ledger(database)
    const transaction = (act: () => void): Promise<unknown> => gate.pass(() => database.transaction(act))
    this.#writer = new Writer({ transaction }, this.#ledger, (news) => this.#tell(news))
    this.over = this.#writer.failed
    this.#keepMs = keepMs
    this.#neighbours = neighbours
  }

  /** Is known to other processes from now on, and knows them. */
  async enter(): Promise<void> {
    this.#read(() => this.#ledger.check())
    await this.#writer.write((ledger) => ledger.enter(this.#neighbours.id))
    this.#neighbours.meet(this.#read(() => this.#ledger.lives()), {
      rang: (line) => this.#hear(line),
      died: (id) => void this.#bury(id),
    })
  }

  async join(): Promise<void> {
    // the system says who is gone, and knows it better than membership
  }

  add(job: NewJob): Promise<boolean> {
    return this.#writer.write((ledger, now, news) => {
      const isNew = ledger.add(job, now)
      if (isNew) news.add(`job ${job.service}`)
      return isNew
    })
  }

  async take(service: string, room: number, deliver: (delivery: Delivery) => void): Promise<Taker> {
    const taker: LocalTaker = {
      service, deliver, room, isTaking: false, isStopped: false, isWanted: false, stopped: [],
    }
    this.#takers.add(taker)
    this.#look()
    return {
      stop: async () => {
        taker.isStopped = true
        this.#takers.delete(taker)
        if (taker.isTaking) await new Promise<void>((resolve) => taker.stopped.push(resolve))
      },
    }
  }

  async isCurrent(): Promise<boolean> {
    return true
  }

  finish(delivery: Delivery, outcome: Uint8Array): Promise<void> {
    return this.#settle(delivery, (held, ledger, now, news) => {
      if (ledger.finish(held, outcome, now + this.#keepMs)) news.add(`out ${held.token}`)
    })
  }

  putBack(delivery: Delivery, delayMs: number, isCounted: boolean): Promise<void> {
    const attempt = delivery.attempt + (isCounted ? 1 : 0)
    return this.#settle(delivery, (held, ledger, now, news) => {
      const isBack = ledger.putBack(held, attempt, delayMs, now)
      if (isBack) news.add(`job ${held.service}`)
    })
  }

  bury(delivery: Delivery, outcome: Uint8Array): Promise<void> {
    return this.#settle(delivery, (held, ledger, _, news) => {
      if (ledger.bury(held, outcome)) news.add(`out ${held.token}`)
    })
  }

  async outcome(token: string): Promise<Uint8Array | undefined> {
    return this.#read(() => this.#ledger.outcome(token))
  }

  async watch(token: string, look: Look): Promise<() => void> {
    let watchers = this.#watched.get(token)
    if (watchers === undefined) this.#watched.set(token, (watchers = new Set()))
    watchers.add(look)
    const known = await this.outcome(token)
    if (known !== undefined) look(known)
    return () => {
      watchers.delete(look)
      if (watchers.size === 0 && this.#watched.get(token) === watchers) this.#watched.delete(token)
    }
  }

  async dead(service: string, limit: number): Promise<DeadLetter[]> {
    return this.#read(() => this.#ledger.dead(service, limit))
  }

  async revive(token: string): Promise<boolean> {
    return this.#writer.write((ledger, now, news) => {
      const isBack = ledger.revive(token, now)
      if (isBack) news.add('job *')
      return isBack
    })
  }

  async discard(token: string, outcome: Uint8Array): Promise<Uint8Array | false> {
    return this.#writer.write((ledger, now, news) => {
      const bytes = ledger.discard(token, outcome, now + this.#keepMs)
      if (bytes !== undefined) news.add(`out ${token}`)
      return bytes ?? false
    })
  }

  async depths(): Promise<Depth[]> {
    return this.#read(() => this.#ledger.depths())
  }

  async putBlob(id: string, bytes: Uint8Array, fades: boolean): Promise<void> {
    await this.#writer.write((ledger, now) => ledger.putBlob(id, bytes, fades ? now + this.#keepMs : undefined))
  }

  async blob(id: string): Promise<Uint8Array | undefined> {
    return this.#read(() => this.#ledger.blob(id))
  }

  async dropBlob(id: string): Promise<void> {
    await this.#writer.write((ledger) => ledger.dropBlob(id))
  }

  lost(): void {
    // as in join
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close())
  }

  async #close(): Promise<void> {
    for (const taker of this.#takers) taker.isStopped = true
    this.#takers.clear()
    clearTimeout(this.#timer)
    try {
      await this.#writer.write((ledger, now, news) => {
        for (const service of ledger.leave(this.#neighbours.id, false, now)) news.add(`job ${service}`)
      })
    } finally {
      // nothing is written any more when nobody could ask not to
      await this.#writer.end()
      this.#neighbours.close()
      await this.#environment.close()
    }
  }

  /** Others may have written since the last time that this process read. */
  #read<T>(read: () => T): T {
    if (this.#closed !== undefined) throw new TelepathineError('ERR_QUEUE', 'the queue was closed')
    this.#database.resetReadTxn()
    return read()
  }

  /** Says what happened, here and to the neighbours. */
  #tell(news: ReadonlySet<string>): void {
    const lines = [...news]
    this.#neighbours.ring(`${lines.join('\n')}\n`)
    for (const line of lines) this.#hear(line)
  }

  #hear(line: string): void {
    if (line.startsWith('out ')) for (const look of this.#watched.get(line.slice(4)) ?? []) look()
    else if (line.startsWith('job ')) this.#look()
    else if (line === lookLine) this.#lookForAll()
  }

  /** Something may have happened without anybody's telling. */
  #lookForAll(): void {
    this.#look()
    for (const looks of this.#watched.values()) for (const look of looks) look()
  }

  // ---- taking

  /** Takes what there is for those who have room. */
  #look(): void {
    if (this.#closed !== undefined || this.#takers.size === 0) return
    try {
      this.#lookNow()
    } catch (error) {
      log('%O', error)
      this.#lookIn(againMs)
    }
  }

  #lookNow(): void {
    this.#database.resetReadTxn()
    const due = this.#ledger.nextDue()
    const isDue = due <= Date.now()
    for (const taker of this.#takers) {
      if (taker.isTaking || taker.room <= 0 || !(isDue || this.#ledger.isReady(taker.service))) continue
      void this.#take(taker)
    }
    // those who have no room look again when they do
    if (due !== Infinity && !isDue) this.#lookIn(due - Date.now() + 1)
  }

  #lookIn(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#look(), Math.min(ms, delayMsMax)).unref()
  }

  async #take(taker: LocalTaker): Promise<void> {
    taker.isTaking = true
    taker.isWanted = false
    const taken = await this.#writer.writeLast((ledger, now, news) => {
      // they may be for others
      if (ledger.ripen(now)) news.add('job *')
      if (taker.isStopped || taker.room <= 0) return []
      return ledger.take(taker.service, this.#neighbours.id, taker.room)
    }).catch((error: unknown) => {
      log('%O', error)
      return undefined
    })
    for (const held of taken ?? []) {
      const { token, service, bytes, attempt } = held
      const id = ++this.#ids
      const here: HeldHere = { id, token, service, bytes, attempt, isDoubtful: false, held, taker, isFree: false }
      this.#held.set(id, here)
      taker.room--
      taker.deliver(here)
    }
    // what was settled at once is room for the next
    taker.isTaking = false
    for (const stopped of taker.stopped.splice(0)) stopped()
    if (taken === undefined) this.#lookIn(againMs)
    else if (taker.isWanted && !taker.isStopped) void this.#take(taker)
    else if (taker.room > 0) this.#look()
  }

  #settle({ id }: Delivery, run: (held: Held, ...given: Parameters<Run<void>>) => void): Promise<void> {
    const here = this.#held.get(id)
    if (here === undefined) return Promise.resolve()
    const { taker, held } = here
    const settled = this.#writer.write((...given) => {
      run(held, ...given)
      if (!here.isFree) taker.room++
      here.isFree = true
    })
    // in the same transaction; or in the next, as what is under way does not know of the room
    if (taker.isTaking) taker.isWanted = true
    else if (!taker.isStopped) void this.#take(taker)
    return settled.then(() => void this.#held.delete(id), (error: unknown) => {
      if (here.isFree && this.#held.has(id)) {
        here.isFree = false
        taker.room--
      }
      throw error
    })
  }

  // ---- neighbours

  /** Gives back what a process held that is gone. */
  async #bury(id: string): Promise<void> {
    if (this.#closed !== undefined) return
    try {
      if (!this.#read(() => this.#ledger.lives()).includes(id)) return
      await this.#writer.write((ledger, now, news) => {
        for (const service of ledger.leave(id, true, now)) news.add(`job ${service}`)
      })
      await unlink(this.#neighbours.place.addressOf(id)).catch(() => undefined)
    } catch (error) {
      log('%s: %O', id, error)
      setTimeout(() => void this.#bury(id), againMs).unref()
    }
  }
}
