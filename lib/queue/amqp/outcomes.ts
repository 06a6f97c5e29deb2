import { randomBytes } from 'node:crypto'
import type { Look } from '../engine.js'

/** Outcomes that are held in memory, at most, by those who ask for some. */
const outcomesMax = 100_000
const outcomeBytesMax = 128 << 20
/** How long a mark may take to come. */
const reachMs = 15_000

/** What the names of marks begin with: messages that say how far somebody has read. */
export const markPrefix = 'mark '

/** What the names of claims begin with: of several claims to one thing the first counts. */
export const claimPrefix = 'claim '

/** What came of jobs, as far as it was read: the newest, within bounds. */
export class Outcomes {
  readonly #keepMs: number
  readonly #known = new Map<string, { readonly bytes: Uint8Array; readonly at: number }>()
  readonly #watched = new Map<string, Set<Look>>()
  readonly #marks = new Map<string, () => void>()
  #bytes = 0
  /** Whether all is being read anew: what was taken back since may come first. */
  #isBehind = false
  #reaching: Promise<void> | undefined
  #marking = 0

  constructor(keepMs: number) {
    this.#keepMs = keepMs
  }

  /** Whether somebody waits for one. */
  get isWanted(): boolean {
    return this.#watched.size > 0
  }

  get(token: string): Uint8Array | undefined {
    return this.#isBehind ? undefined : this.#known.get(token)?.bytes
  }

  watch(token: string, look: Look): () => void {
    let watchers = this.#watched.get(token)
    if (watchers === undefined) this.#watched.set(token, (watchers = new Set()))
    watchers.add(look)
    return () => {
      watchers.delete(look)
      if (watchers.size === 0 && this.#watched.get(token) === watchers) this.#watched.delete(token)
    }
  }

  /** One that was read; an empty one takes back what was there. */
  read(token: string, bytes: Uint8Array): void {
    const mark = this.#marks.get(token)
    if (mark !== undefined) return mark()
    if (token.startsWith(markPrefix) || (token.startsWith(claimPrefix) && this.#known.has(token))) return
    this.#forget(token)
    if (bytes.length === 0) return
    this.#known.set(token, { bytes, at: Date.now() })
    this.#bytes += bytes.length
    for (const [oldest, { at }] of this.#known) {
      const isOver = this.#known.size > outcomesMax || this.#bytes > outcomeBytesMax || at < Date.now() - this.#keepMs
      if (!isOver) break
      this.#forget(oldest)
    }
    if (!this.#isBehind) this.#show(token)
  }

  #show(token: string): void {
    const known = this.#known.get(token)
    if (known !== undefined) for (const look of this.#watched.get(token) ?? []) look(known.bytes)
  }

  /** Resolves once all has been read that is there now: a mark is written, and waited for. Several wait together. */
  async reached(write: (mark: string) => Promise<void>): Promise<void> {
    const next = this.#reaching
    if (next !== undefined) {
      const marking = this.#marking
      await next.catch(() => undefined)
      // it may have been written before what is asked for was
      if (this.#marking > marking) return this.#reaching
    }
    this.#reaching ??= this.#reach(write).finally(() => (this.#reaching = undefined))
    return this.#reaching
  }

  async #reach(write: (mark: string) => Promise<void>): Promise<void> {
    this.#marking++
    const mark = `${markPrefix}${randomBytes(9).toString('base64url')}`
    let timer: NodeJS.Timeout | undefined
    try {
      await new Promise<void>((resolve, reject) => {
        this.#marks.set(mark, resolve)
        timer = setTimeout(() => reject(new Error('the outcomes do not come')), reachMs)
        write(mark).catch(reject)
      })
      if (!this.#isBehind) return
      this.#isBehind = false
      for (const token of this.#watched.keys()) this.#show(token)
    } finally {
      clearTimeout(timer)
      this.#marks.delete(mark)
    }
  }

  /** All is read anew, up to the next mark. */
  restart(): void {
    this.#isBehind = true
    this.#known.clear()
    this.#bytes = 0
  }

  close(): void {
    this.#known.clear()
    this.#watched.clear()
  }

  #forget(token: string): void {
    const known = this.#known.get(token)
    if (known === undefined) return
    this.#known.delete(token)
    this.#bytes -= known.bytes.length
  }
}
