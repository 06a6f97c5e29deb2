/**
 * The queue of a machine as entries of a sorted table. Every method is part of a transaction, and knows neither clock
 * nor disk: what time it is, it is told.
 *
 * ```
 * job    token                    → service, rank, seq, bytes        from add to the end
 * ready  service, rank, seq       → token, attempt                   waits for a taker; rank 0 is the highest priority
 * later  due, seq                 → token, attempt                   waits for its time
 * held   life, seq                → token, attempt                   in the hands of a process
 * dead   service, seq             → token
 * result token                    → bytes                            for a time, or as long as the job is dead
 * fade   when, seq                → tokens, blobs                    what is forgotten then
 * blob   id                       → bytes
 * life   id                       → address, peer                    who has the queue open
 * count  service                  → how many are ready, later, held, dead
 * seq                             → the last number given
 * ```
 */
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
  readonly seq: number
}

/** A process that has the queue open. */
export interface Life {
  readonly id: string
  readonly address: string
}

type JobRow = readonly [service: string, rank: number, seq: number, bytes: Uint8Array]
type PlaceRow = readonly [token: string, attempt: number]
type Counts = [ready: number, later: number, held: number, dead: number]
type FadeRow = readonly [tokens: readonly string[], blobs: readonly string[]]

const At = { ready: 0, later: 1, held: 2, dead: 3 } as const
type At = (typeof At)[keyof typeof At]

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
  #faded: { at: number, tokens: string[], blobs: string[] } | undefined
  #seq: number | undefined

  constructor(table: Table) {
    this.#table = table
  }

  /** Adds a job; false when one with its key is known. */
  add({ token, service, bytes, delayMs, priority, isKeyed }: NewJob, now: number): boolean {
    if (isKeyed && (this.#job(token) !== undefined || this.outcome(token) !== undefined)) return false
    const seq = this.#nextSeq()
    this.#table.put(['job', token], [service, priorityMax - priority, seq, bytes])
    this.#wait(token, [service, priorityMax - priority, seq, bytes], 1, delayMs, now)
    return true
  }

  /** Takes up to `limit` jobs of a service for a process. */
  take(service: string, life: string, limit: number): Held[] {
    const taken: Held[] = []
    for (const { key, value } of this.#rows(['ready', service], limit)) {
      const [token, attempt] = value as PlaceRow
      this.#table.remove(key)
      const job = this.#job(token)
      if (job === undefined) continue
      const seq = job[2]
      this.#table.put(['held', life, seq], [token, attempt])
      this.#count(service, At.ready, -1)
      this.#count(service, At.held, 1)
      taken.push({ token, service, bytes: job[3], attempt, seq })
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

  /** It is done. False when this process does not hold it. */
  finish({ token, service, seq }: Held, life: string, outcome: Uint8Array, fadesAt: number): boolean {
    if (!this.#letGo(service, seq, life)) return false
    this.#table.remove(['job', token])
    this.#settle(token, outcome, fadesAt)
    return true
  }

  /** It is to be done by somebody, later. False when this process does not hold it. */
  putBack({ token, service, seq }: Held, life: string, attempt: number, delayMs: number, now: number): boolean {
    const job = this.#job(token)
    if (job === undefined || !this.#letGo(service, seq, life)) return false
    this.#wait(token, job, attempt, delayMs, now)
    return true
  }

  /** It is given up. False when this process does not hold it. */
  bury({ token, service, seq }: Held, life: string, outcome: Uint8Array): boolean {
    if (!this.#letGo(service, seq, life)) return false
    this.#table.put(['dead', service, seq], token)
    this.#table.put(['result', token], outcome)
    this.#count(service, At.dead, 1)
    return true
  }

  outcome(token: string): Uint8Array | undefined {
    return this.#table.get(['result', token]) as Uint8Array | undefined
  }

  dead(service: string, limit: number): DeadLetter[] {
    const letters: DeadLetter[] = []
    for (const { value } of this.#rows(['dead', service], limit)) {
      const token = value as string
      const bytes = this.#job(token)?.[3]
      const outcome = this.outcome(token)
      if (bytes !== undefined && outcome !== undefined) letters.push({ token, service, bytes, outcome })
    }
    return letters
  }

  /** A dead one gets another chance. False when there is none. */
  revive(token: string, now: number): boolean {
    const job = this.#exhume(token)
    if (job === undefined) return false
    this.#table.remove(['result', token])
    this.#wait(token, job, 1, 0, now)
    return true
  }

  /** A dead one is dropped. False when there is none. */
  discard(token: string, outcome: Uint8Array, fadesAt: number): boolean {
    if (this.#exhume(token) === undefined) return false
    this.#table.remove(['job', token])
    this.#settle(token, outcome, fadesAt)
    return true
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

  enter({ id, address }: Life): void {
    this.#table.put(['life', id], address)
  }

  lives(): Life[] {
    return Array.from(this.#rows(['life'], numberMax), ({ key, value }) => ({
      id: key[1] as string,
      address: value as string,
    }))
  }

  /** A process is gone: what it held waits for others. `isCounted`: whether that was an attempt. Gives the services. */
  leave(id: string, isCounted: boolean, now: number): Set<string> {
    const services = new Set<string>()
    for (const { key, value } of this.#rows(['held', id], numberMax)) {
      const [token, attempt] = value as PlaceRow
      this.#table.remove(key)
      const job = this.#job(token)
      if (job === undefined) continue
      this.#count(job[0], At.held, -1)
      this.#wait(token, job, isCounted ? attempt + 1 : attempt, 0, now)
      services.add(job[0])
    }
    this.#table.remove(['life', id])
    return services
  }

  // ---- transactions

  /** What was gathered in one that came to nothing is not to be written. */
  begin(): void {
    this.#changes.clear()
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
      for (const token of tokens) this.#table.remove(['result', token])
      for (const id of blobs) this.#table.remove(['blob', id])
      this.#table.remove(row.key)
      left -= tokens.length + blobs.length
    }
  }

  // ---- parts

  #job(token: string): JobRow | undefined {
    return this.#table.get(['job', token]) as JobRow | undefined
  }

  #wait(token: string, [service, rank, seq]: JobRow, attempt: number, delayMs: number, now: number): void {
    if (delayMs > 0) this.#table.put(['later', now + delayMs, seq], [token, attempt])
    else this.#table.put(['ready', service, rank, seq], [token, attempt])
    this.#count(service, delayMs > 0 ? At.later : At.ready, 1)
  }

  #letGo(service: string, seq: number, life: string): boolean {
    if (this.#table.get(['held', life, seq]) === undefined) return false
    this.#table.remove(['held', life, seq])
    this.#count(service, At.held, -1)
    return true
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
    this.#table.put(['result', token], outcome)
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
