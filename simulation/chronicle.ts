import { fingerprint } from './trace.js'

/** One change an owner made to one of its keys. */
export interface Write {
  /** Rises with every change of this owner in this life. */
  readonly order: number
  readonly atMs: number
  /** What was set; undefined for a delete. */
  readonly print: number | undefined
  /** Virtual time at which it expires, milliseconds; Infinity when never. */
  readonly deadlineMs: number
}

/** One thing an owner said. */
export interface Saying {
  readonly event: string
  readonly print: number
  /** Until when those who missed it may still ask for it, milliseconds. */
  readonly untilMs: number
}

/** What a peer did between a start and the next end. */
export interface Life {
  /** Under which it is known: one, or more when the peer had to outbid an earlier life; none until it is known. */
  readonly incarnations: number[]
  readonly startedAtMs: number
  endedAtMs: number
  ended: 'crashed' | 'left' | undefined
  readonly keys: Map<string, Write[]>
  readonly sayings: Saying[]
  writes: number
  /** Whether it may take over what others set (`believe`). */
  isBeliever: boolean
}

/** What really happened, written down where it happened: the checks compare with it what others believe. */
export class Chronicle {
  readonly #lives = new Map<string, Life[]>()

  readonly #nowMs: () => number

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** A peer begins a life; its incarnation may become known later (see {@link known}). */
  started(peer: string, incarnation?: number): void {
    let lives = this.#lives.get(peer)
    if (lives === undefined) this.#lives.set(peer, (lives = []))
    lives.push({
      incarnations: incarnation === undefined ? [] : [incarnation],
      startedAtMs: this.#nowMs(),
      endedAtMs: Infinity,
      ended: undefined,
      keys: new Map(),
      sayings: [],
      writes: 0,
      isBeliever: false,
    })
  }

  /** The current life of a peer goes by this incarnation, too. */
  known(peer: string, incarnation: number): void {
    this.current(peer)?.incarnations.push(incarnation)
  }

  /** A peer's life ends. */
  ended(peer: string, how: 'crashed' | 'left'): void {
    const life = this.current(peer)
    if (life === undefined || life.ended !== undefined) return
    life.ended = how
    life.endedAtMs = this.#nowMs()
  }

  /** A peer sets (or, without a value, deletes) one of its keys. */
  wrote(peer: string, key: string, value: Uint8Array | undefined, deadlineMs: number): void {
    const life = this.current(peer)
    if (life === undefined) return
    let writes = life.keys.get(key)
    if (writes === undefined) life.keys.set(key, (writes = []))
    writes.push({ order: life.writes++, atMs: this.#nowMs(), print: value && fingerprint(value), deadlineMs })
  }

  /** A peer says something. */
  said(peer: string, event: string, value: Uint8Array, untilMs: number): void {
    this.current(peer)?.sayings.push({ event, print: fingerprint(value), untilMs })
  }

  /** The latest life of a peer, over or not. */
  current(peer: string): Life | undefined {
    return this.#lives.get(peer)?.at(-1)
  }

  /** The life of that incarnation; undefined when there never was one. */
  life(peer: string, incarnation: number): Life | undefined {
    return this.#lives.get(peer)?.findLast((life) => life.incarnations.includes(incarnation))
  }

  /** Whether anyone ever set a key to that. */
  wasSet(key: string, print: number): boolean {
    for (const lives of this.#lives.values()) {
      if (lives.some((life) => life.keys.get(key)?.some((write) => write.print === print))) return true
    }
    return false
  }
}
