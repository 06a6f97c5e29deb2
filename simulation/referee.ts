import type { Notice } from '../lib/gossip/effects.js'
import type { PeerView } from '../lib/gossip/gossip.js'
import { Pairs } from './checks/pairs.js'
import { Chronicle } from './chronicle.js'
import type { TrafficClass } from './traffic.js'

/** Something that must never be, and was. */
export interface Violation {
  /** Which one was broken. */
  readonly invariant: string
  /** Virtual time, milliseconds. */
  readonly atMs: number
  /** Who saw it first, then whom it is about. */
  readonly peers: readonly string[]
  /** What should have been. */
  readonly expected: string
  /** What was. */
  readonly found: string
}

/** A peer as those see it who check it: what can be asked of it from outside. */
export interface Observed {
  readonly index: number
  readonly name: string
  /** Rises with every start, so that what was seen in one life is not held against the next. */
  readonly life: number
  /** What it knows about a peer, itself included; undefined when it knows none, or does not tell. */
  view(peer: string): PeerView | undefined
  /** What it would answer when asked for a key; the version is undefined when it does not tell. */
  read(peer: string, key: string): { value: Uint8Array; version: number | undefined } | undefined
  keys(peer: string): string[]
  /** Whom it takes to be alive, without itself. */
  live(): string[]
}

/** Watches a run for one invariant. It is told what happens and may look at everything, and must change nothing. */
export interface Check {
  /** A peer heard something: `notice`, which is `batch[at]` of all that it heard at once. */
  noticed?(observer: Observed, notice: Notice, batch: readonly Notice[], at: number): void
  /** A peer began or ended a life. */
  began?(peer: Observed): void
  ended?(peer: Observed, how: 'crashed' | 'left'): void
  /** A message left. */
  sent?(from: number, via: 'datagram' | 'stream', kind: TrafficClass, bytes: number): void
  /** A peer did something: took a message in, or looked at the time. */
  stepped?(observer: Observed): void
  /** Time for what is too costly to do at every step: with all that are up, and those of them to look at. */
  swept?(up: readonly Observed[], watched: readonly Observed[]): void
}

/** Reports what a check found. */
export type Report = (invariant: string, peers: readonly string[], expected: string, found: string) => void

/** What a check works with. */
export interface Bench {
  readonly chronicle: Chronicle
  readonly report: Report
  /** The incarnation of a peer that an observer was told of last (`peer:new`): what it hears is about that life. */
  known(observer: Observed, peer: string): number | undefined
  nowMs(): number
}

/** Violations kept; when there are more, the first ones tell the story. */
const violationsMax = 100

/** Keeps the chronicle, and lets the checks see everything that happens. */
export class Referee {
  readonly chronicle: Chronicle
  readonly violations: Violation[] = []
  readonly #checks: Check[] = []
  /** Those of them that look at every message, and at every step. */
  readonly #ofMessages: Check[] = []
  readonly #ofSteps: Check[] = []
  readonly #known = new Pairs<number>()
  readonly #nowMs: () => number

  constructor(nowMs: () => number, checks: readonly ((bench: Bench) => Check)[]) {
    this.#nowMs = nowMs
    this.chronicle = new Chronicle(nowMs)
    for (const check of checks) this.add(check)
  }

  /** Writes a violation down. */
  readonly report: Report = (invariant, peers, expected, found) => {
    if (this.violations.length >= violationsMax) return
    this.violations.push({ invariant, atMs: this.#nowMs(), peers, expected, found })
  }

  /** Adds a check and gives it back. */
  add<C extends Check>(check: (bench: Bench) => C): C {
    const added = check({
      chronicle: this.chronicle,
      report: this.report,
      known: (observer, peer) => this.#known.get(observer, peer),
      nowMs: this.#nowMs,
    })
    this.#checks.push(added)
    if (added.sent !== undefined) this.#ofMessages.push(added)
    if (added.stepped !== undefined) this.#ofSteps.push(added)
    return added
  }

  /** A peer heard all this at once. */
  noticed(observer: Observed, notices: readonly Notice[]): void {
    for (let i = 0; i < notices.length; i++) {
      const notice = notices[i] as Notice
      for (const check of this.#checks) check.noticed?.(observer, notice, notices, i)
      if (notice.kind === 'peer:new') this.#known.set(observer, notice.peer, notice.incarnation)
      else if (notice.kind === 'peer:forgotten') this.#known.delete(observer, notice.peer)
    }
  }

  /** A peer began a life. */
  began(peer: Observed, incarnation?: number): void {
    this.chronicle.started(peer.name, incarnation)
    for (const check of this.#checks) check.began?.(peer)
  }

  /** A peer's life ended. */
  ended(peer: Observed, how: 'crashed' | 'left'): void {
    this.chronicle.ended(peer.name, how)
    for (const check of this.#checks) check.ended?.(peer, how)
  }

  /** A message left. */
  sent(from: number, via: 'datagram' | 'stream', kind: TrafficClass, bytes: number): void {
    for (const check of this.#ofMessages) check.sent?.(from, via, kind, bytes)
  }

  /** A peer did something. */
  stepped(observer: Observed): void {
    for (const check of this.#ofSteps) check.stepped?.(observer)
  }

  /** Has the costly checks done. */
  sweep(up: readonly Observed[], watched: readonly Observed[]): void {
    for (const check of this.#checks) check.swept?.(up, watched)
  }
}
