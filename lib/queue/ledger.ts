/**
 * The queue of a machine as entries of a sorted table. Every method is part of a transaction, and knows neither clock
 * nor disk: what time it is, it is told.
 *
 * ```
 * job    token                    → service, rank, seq, bytes        from add to the end
 *                                 → outcome                          from then on, for a time
 * ready  service, rank, seq       → token, attempt                   waits for a taker; rank 0 is the highest priority
 * later  due, seq                 → token, attempt                   waits for its time
 * held   life, batch              → token, attempt, token, …         in the hands of a process, taken together
 * dead   service, seq             → token, outcome
 * fade   when, seq                → tokens, blobs                    what is forgotten then
 * blob   id                       → bytes
 * life   id                       → true                             who has the queue open
 * count  service                  → how many are ready, later, held, dead
 * seq                             → the last number given
 * format                          → what of all this is as described
 * ```
 *
 * A job is written and removed as seldom as can be: while one process writes, all others wait.
 */
import { TelepathineError } from '../gossip/errors.js'
import type { DeadLetter, Depth, NewJob } from './engine.js'

/** One part of an entry's key. */
export type KeyPart = string | number

/** A sorted table of entries; keys sort by their parts. */
export interface Table {
  get(key: KeyPart[]): unknown
  put(key: KeyPart[], value: unknown): unknown
  remove(key: KeyPart[]): unknown
  getRange(range: { start: KeyPart[], end: KeyPart[], limit?: number }): Iterable<{ key: unknown, value: unknown }>
}

/** The highest priority. */
export const priorityMax = 10

/** A job that was taken. */
export interface Held {
  readonly token: string
  readonly service: string
  readonly bytes: Uint8Array
  readonly attempt: number
  /** Who took it, with which others. */
  readonly life: string
  readonly batch: number
}

type JobRow = readonly [service: string, rank: number, seq: number, bytes: Uint8Array]
type OutcomeRow = readonly [outcome: Uint8Array]
type PlaceRow = readonly [token: string, attempt: number]
type DeadRow = readonly [token: string, outcome: Uint8Array]
type BatchRow = readonly (string | number)[]
type Counts = [ready: number, later: number, held: number, dead: number]
type FadeRow = readonly [tokens: readonly string[], blobs: readonly string[]]

const At = { ready: 0, later: 1, held: 2, dead: 3 } as const
type At = (typeof At)[keyof typeof At]

/** Jobs that were taken together: those that are still held, and which attempt each is. */
interface Batch {
  readonly life: string
  readonly attempts: Map<string, number>
  isChanged: boolean
}

/** Goes up when what is written changes its meaning. */
const format = 1
/** Most jobs of a batch: it is written anew when some of them are let go. */
const batchMax = 64
/** Most entries that are looked after in one go, beside what was asked for. */
const sweepMax = 1_000
const numberMax = Number.MAX_SAFE_INTEGER
/** Sorts after every token, service and life. */
const textMax = '\u{10ffff}'

/** The queue of a machine; see above. */
export class Ledger {
  readonly #table: Table
  /** What changes in this transaction; written once, at its end. */
  readonly #changes = new Map<string, Counts>()
  readonly #batches = new Map<number, Batch>()
  #faded: { at: number, tokens: string[], blobs: string[] } | undefined
  #seq: number | undefined

  constructor(table: Table) {
    this.#table = table
  }

  /** Adds a job; false when one with its key is known. */
  add({ token, service, bytes, delayMs, priority, isKeyed }: NewJob, now: number): boolean {
    if (isKeyed && this.#table.get(['job', token]) !== undefined) return false
    const job: JobRow = [service, priorityMax - priority, this.#nextSeq(), bytes]
    this.#table.put(['job', token], job)
    this.#wait(token, job, 1, delayMs, now)
    return true
  }

  /** Takes up to `limit` jobs of a service for a process. */
  take(service: string, life: string, limit: number): Held[] {
    const taken: Held[] = []
    let batch = 0
    for (const { key, value } of this.#rows(['ready', service], limit)) {
      const [token, attempt] = value as PlaceRow
      this.#table.remove(key)
      const job = this.#job(token)
      if (job === undefined) continue
      if (taken.length % batchMax === 0) batch = this.#nextSeq()
      this.#hold(life, batch, token, attempt)
      this.#count(service, At.ready, -1)
      this.#count(service, At.held, 1)
      taken.push({ token, service, bytes: job[3], attempt, life, batch })
    }
    return taken
  }

  /** Those whose time has come are ready from now on; whether there were any. */
  ripen(now: number): boolean {
    let isAny = false
    for (const { key, value } of this.#rows(['later'], sweepMax)) {
      if ((key[1] as number) > now) break
      isAny = true
      const [token, attempt] = value as PlaceRow
      this.#table.remove(key)
      const job = this.#job(token)
      if (job === undefined) continue
      this.#count(job[0], At.later, -1)
      this.#wait(token, job, attempt, 0, now)
    }
    return isAny
  }

  /** Whether there is a job of a service that {@link Ledger.take} would give. */
  isReady(service: string): boolean {
    for (const _ of this.#rows(['ready', service], 1)) return true
    return false
  }

  /** When the next of those that wait for their time is due; Infinity: none does. */
  nextDue(): number {
    for (const { key } of this.#rows(['later'], 1)) return key[1] as number
    return Infinity
  }

  /** It is done. False when it is not held any more. */
  finish(held: Held, outcome: Uint8Array, fadesAt: number): boolean {
    if (!this.#letGo(held)) return false
    this.#settle(held.token, outcome, fadesAt)
    return true
  }

  /** It is to be done by somebody, later. False when it is not held any more. */
  putBack(held: Held, attempt: number, delayMs: number, now: number): boolean {
    const job = this.#job(held.token)
    if (job === undefined || !this.#letGo(held)) return false
    this.#wait(held.token, job, attempt, delayMs, now)
    return true
  }

  /** It is given up. False when it is not held any more. */
  bury(held: Held, outcome: Uint8Array): boolean {
    const { token, service } = held
    const job = this.#job(token)
    if (job === undefined || !this.#letGo(held)) return false
    this.#table.put(['dead', service, job[2]], [token, outcome])
    this.#count(service, At.dead, 1)
    return true
  }

  /** What became of a job; undefined while it is not done, nor dead. */
  outcome(token: string): Uint8Array | undefined {
    const row = this.#table.get(['job', token]) as JobRow | OutcomeRow | undefined
    if (row === undefined || isOutcome(row)) return row?.[0]
    const [service, , seq] = row
    return (this.#table.get(['dead', service, seq]) as DeadRow | undefined)?.[1]
  }

  dead(service: string, limit: number): DeadLetter[] {
    const letters: DeadLetter[] = []
    for (const { value } of this.#rows(['dead', service], limit)) {
      const [token, outcome] = value as DeadRow
      const bytes = this.#job(token)?.[3]
      if (bytes !== undefined) letters.push({ token, service, bytes, outcome })
    }
    return letters
  }

  /** A dead one gets another chance. False when there is none. */
  revive(token: string, now: number): boolean {
    const job = this.#exhume(token)
    if (job === undefined) return false
    this.#wait(token, job, 1, 0, now)
    return true
  }

  /** A dead one is dropped: gives what was added. Undefined when there is none. */
  discard(token: string, outcome: Uint8Array, fadesAt: number): Uint8Array | undefined {
    const job = this.#exhume(token)
    if (job !== undefined) this.#settle(token, outcome, fadesAt)
    return job?.[3]
  }

  depths(): Depth[] {
    return Array.from(this.#rows(['count'], numberMax), ({ key, value }) => {
      const [waiting, delayed, running, dead] = value as Counts
      return { service: key[1] as string, waiting, delayed, running, dead }
    })
  }

  // ---- blobs

  putBlob(id: string, bytes: Uint8Array, fadesAt: number | undefined): void {
    this.#table.put(['blob', id], bytes)
    if (fadesAt !== undefined) this.#fading(fadesAt).blobs.push(id)
  }

  blob(id: string): Uint8Array | undefined {
    return this.#table.get(['blob', id]) as Uint8Array | undefined
  }

  dropBlob(id: string): void {
    this.#table.remove(['blob', id])
  }

  // ---- lives

  /** To be asked before anything is written. @throws TelepathineError `ERR_QUEUE` when it is in another format */
  check(): void {
    const written = this.#table.get(['format'])
    if (written !== format && !(written === undefined && this.#table.get(['seq']) === undefined)) {
      throw new TelepathineError('ERR_QUEUE', `format ${format} is the one that this version knows, it is in `
        + `${typeof written === 'number' ? written : 'another'}: let the version that wrote it finish its jobs, or `
        + 'give another folder')
    }
  }

  /** A process is there. */
  enter(id: string): void {
    this.#table.put(['format'], format)
    this.#table.put(['life', id], true)
  }

  lives(): string[] {
    return Array.from(this.#rows(['life'], numberMax), ({ key }) => key[1] as string)
  }

  /** A process is gone: what it held waits for others. `isCounted`: whether that was an attempt. Gives the services. */
  leave(id: string, isCounted: boolean, now: number): Set<string> {
    const services = new Set<string>()
    for (const { key } of this.#rows(['held', id], numberMax)) this.#batch(id, key[2] as number)
    for (const batch of this.#batches.values()) {
      if (batch.life !== id) continue
      for (const [token, attempt] of batch.attempts) {
        const job = this.#job(token)
        if (job === undefined) continue
        this.#count(job[0], At.held, -1)
        this.#wait(token, job, isCounted ? attempt + 1 : attempt, 0, now)
        services.add(job[0])
      }
      batch.attempts.clear()
      batch.isChanged = true
    }
    this.#table.remove(['life', id])
    return services
  }

  // ---- transactions

  /** What was gathered in one that came to nothing is not to be written. */
  begin(): void {
    this.#changes.clear()
    this.#batches.clear()
    this.#faded = undefined
    this.#seq = undefined
  }

  /** Writes what was gathered, and forgets what has had its time. */
  end(now: number): void {
    for (const [service, changes] of this.#changes) {
      const counts = (this.#table.get(['count', service]) ?? [0, 0, 0, 0]) as Counts
      const sums = counts.map((count, at) => count + (changes[at] as number))
      if (sums.every((sum) => sum === 0)) this.#table.remove(['count', service])
      else this.#table.put(['count', service], sums)
    }
    for (const [batch, { life, attempts, isChanged }] of this.#batches) {
      if (!isChanged) continue
      if (attempts.size === 0) this.#table.remove(['held', life, batch])
      else this.#table.put(['held', life, batch], [...attempts].flat())
    }
    if (this.#faded !== undefined) {
      const { at, tokens, blobs } = this.#faded
      this.#table.put(['fade', at, this.#nextSeq()], [tokens, blobs])
    }
    if (this.#seq !== undefined) this.#table.put(['seq'], this.#seq)
    this.#fade(now)
  }

  #fade(now: number): void {
    for (let left = sweepMax; left > 0;) {
      // one by one: most of the time, there is none that has had its time
      const [row] = this.#rows(['fade'], 1)
      if (row === undefined || (row.key[1] as number) > now) return
      const [tokens, blobs] = row.value as FadeRow
      for (const token of tokens) this.#table.remove(['job', token])
      for (const id of blobs) this.#table.remove(['blob', id])
      this.#table.remove(row.key)
      left -= tokens.length + blobs.length
    }
  }

  // ---- parts

  /** A job that is not done. */
  #job(token: string): JobRow | undefined {
    const row = this.#table.get(['job', token]) as JobRow | OutcomeRow | undefined
    return row === undefined || isOutcome(row) ? undefined : row
  }

  #wait(token: string, [service, rank, seq]: JobRow, attempt: number, delayMs: number, now: number): void {
    if (delayMs > 0) this.#table.put(['later', now + delayMs, seq], [token, attempt])
    else this.#table.put(['ready', service, rank, seq], [token, attempt])
    this.#count(service, delayMs > 0 ? At.later : At.ready, 1)
  }

  #hold(life: string, batch: number, token: string, attempt: number): void {
    const held = this.#batch(life, batch)
    held.attempts.set(token, attempt)
    held.isChanged = true
  }

  #letGo({ token, service, life, batch }: Held): boolean {
    const held = this.#batch(life, batch)
    if (!held.attempts.delete(token)) return false
    held.isChanged = true
    this.#count(service, At.held, -1)
    return true
  }

  /** A batch as it is in this transaction, which writes it once, at its end. */
  #batch(life: string, batch: number): Batch {
    let known = this.#batches.get(batch)
    if (known === undefined) {
      const row = (this.#table.get(['held', life, batch]) ?? []) as BatchRow
      const attempts = new Map<string, number>()
      for (let at = 0; at < row.length; at += 2) attempts.set(row[at] as string, row[at + 1] as number)
      this.#batches.set(batch, (known = { life, attempts, isChanged: false }))
    }
    return known
  }

  /** Takes a job from among the dead. */
  #exhume(token: string): JobRow | undefined {
    const job = this.#job(token)
    if (job === undefined || this.#table.get(['dead', job[0], job[2]]) === undefined) return undefined
    this.#table.remove(['dead', job[0], job[2]])
    this.#count(job[0], At.dead, -1)
    return job
  }

  #settle(token: string, outcome: Uint8Array, fadesAt: number): void {
    const row: OutcomeRow = [outcome]
    this.#table.put(['job', token], row)
    this.#fading(fadesAt).tokens.push(token)
  }

  /** What fades at about that time: all of a transaction together, at the last of their times. */
  #fading(at: number): { tokens: string[], blobs: string[] } {
    this.#faded ??= { at, tokens: [], blobs: [] }
    this.#faded.at = Math.max(at, this.#faded.at)
    return this.#faded
  }

  #count(service: string, at: At, by: number): void {
    let changes = this.#changes.get(service)
    if (changes === undefined) this.#changes.set(service, (changes = [0, 0, 0, 0]))
    changes[at] += by
  }

  #nextSeq(): number {
    this.#seq ??= (this.#table.get(['seq']) ?? 0) as number
    return ++this.#seq
  }

  /** The entries below a prefix, read before any of them is changed. */
  #rows(prefix: KeyPart[], limit: number): { key: KeyPart[], value: unknown }[] {
    const range = { start: prefix, end: [...prefix, textMax], ...(limit < numberMax && { limit }) }
    return [...this.#table.getRange(range)] as { key: KeyPart[], value: unknown }[]
  }
}

function isOutcome(row: JobRow | OutcomeRow): row is OutcomeRow {
  return row.length === 1
}
