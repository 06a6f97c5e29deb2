import type { Report } from '../referee.js'

/** Milliseconds after its deadline by which a call must be settled, beside what its caller stood still. */
const slackMs = 20
/** How often an idempotent call may be begun. */
const attemptsMax = 3

/** A call as those see it who made it. */
export interface CallMade {
  readonly id: number
  readonly caller: string
  readonly idempotent: boolean
  /** Virtual time by which it must be settled; Infinity: whenever. */
  readonly dueMs: number
}

/** How a call was settled: with the id that the worker gave back, or an error. */
export type CallSettled =
  | { readonly value: unknown }
  | { readonly code: string; readonly maybeExecuted: boolean }

/** What a dispatcher holds, and may hold. */
export interface Gauges {
  readonly pending: number
  /** Calls that wait until they may be made. */
  readonly waiting: number
  readonly pendingMax: number
  readonly inflight: number
  readonly inflightMax: number
  readonly heldBytes: number
  readonly heldBytesMax: number
}

interface Account {
  readonly made: CallMade
  dueMs: number
  executions: number
  settled: CallSettled | undefined
}

/**
 * Watches calls between peers: each has one outcome, in time, and a true one; none is begun twice unless that does no
 * harm; and nobody holds more than it may.
 */
export class Dispatch {
  readonly #report: Report
  readonly #nowMs: () => number
  readonly #calls = new Map<number, Account>()
  /** Calls that are not settled, by caller. */
  readonly #open = new Map<string, Set<Account>>()
  /** Until when callers stand still. */
  readonly #stalled = new Map<string, number>()
  settled = 0

  constructor({ report, nowMs }: { readonly report: Report; readonly nowMs: () => number }) {
    this.#report = report
    this.#nowMs = nowMs
  }

  /** How many calls of a peer, or of all, are not settled. */
  open(caller?: string): number {
    if (caller !== undefined) return this.#open.get(caller)?.size ?? 0
    return [...this.#open.values()].reduce((sum, { size }) => sum + size, 0)
  }

  /** A call was made. */
  made(made: CallMade): void {
    const dueMs = Math.max(made.dueMs, this.#stalled.get(made.caller) ?? 0)
    const account = { made, dueMs, executions: 0, settled: undefined }
    this.#calls.set(made.id, account)
    let open = this.#open.get(made.caller)
    if (open === undefined) this.#open.set(made.caller, (open = new Set()))
    open.add(account)
  }

  /** A worker began to serve it. */
  executed(id: number, worker: string): void {
    const account = this.#calls.get(id)
    if (account === undefined) return this.#report('nothing made up', [worker], 'a call that was made', `call ${id}`)
    account.executions++
    const { idempotent, caller } = account.made
    const most = idempotent ? attemptsMax : 1
    if (account.executions > most) {
      const found = `call ${id} begun ${account.executions} times`
      this.#report('begun once unless idempotent', [worker, caller], `begun ${most} times at most`, found)
    }
    const { settled } = account
    if (settled !== undefined && 'code' in settled) this.#checkTruth(account, settled)
  }

  /** A caller was told what came of it. */
  settles(id: number, settled: CallSettled): void {
    const account = this.#calls.get(id)
    if (account === undefined) return
    const { caller } = account.made
    if (account.settled !== undefined) {
      return this.#report('one outcome', [caller], 'one', `another for call ${id}: ${JSON.stringify(settled)}`)
    }
    account.settled = settled
    this.settled++
    this.#open.get(caller)?.delete(account)
    if (this.#nowMs() > account.dueMs + slackMs) this.#tardy(account)
    if ('code' in settled) return this.#checkTruth(account, settled)
    if (settled.value !== id) {
      this.#report('results are true', [caller], `${id}`, JSON.stringify(settled.value))
    } else if (account.executions === 0) {
      this.#report('results are true', [caller], 'a call that was begun', `a result of call ${id}, which was not`)
    }
  }

  /** A caller is gone, and its calls with it: nobody will be told. */
  abandoned(caller: string): void {
    this.#open.delete(caller)
  }

  /** A caller stands still until then: its calls cannot be settled earlier. */
  stalls(caller: string, untilMs: number): void {
    for (const account of this.#open.get(caller) ?? []) account.dueMs = Math.max(account.dueMs, untilMs)
    this.#stalled.set(caller, Math.max(untilMs, this.#stalled.get(caller) ?? 0))
  }

  /** Looks for calls whose time is over, and at what a dispatcher holds. */
  swept(peer: string, gauges: Gauges): void {
    for (const account of this.#open.get(peer) ?? []) {
      if (this.#nowMs() <= account.dueMs + slackMs) continue
      this.#tardy(account)
      this.#open.get(peer)?.delete(account)
    }
    const { pending, waiting, inflight, heldBytes } = gauges
    const within = (what: string, value: number, most: number): void => {
      if (value >= 0 && value <= most) return
      this.#report('queues are bounded', [peer], `${what} in 0 .. ${most}`, String(value))
    }
    within('pending', pending, gauges.pendingMax)
    within('waiting', waiting, gauges.pendingMax)
    within('inflight', inflight, gauges.inflightMax)
    within('heldBytes', heldBytes, gauges.heldBytesMax)
    // settled twice, a call would be counted off twice
    if (pending + waiting !== this.open(peer)) {
      this.#report('one outcome', [peer], `${this.open(peer)} calls under way`, `${pending}, and ${waiting} in line`)
    }
  }

  /** All is quiet: nothing may be left. */
  quiet(peer: string, { pending, waiting, inflight, heldBytes }: Gauges): void {
    if (pending === 0 && waiting === 0 && inflight === 0 && heldBytes === 0) return
    const found = `${pending} pending, ${waiting} waiting, ${inflight} inflight, ${heldBytes} bytes held`
    this.#report('nothing is left', [peer], 'nothing', found)
  }

  #tardy({ made, dueMs }: Account): void {
    const found = `call ${made.id} at ${this.#nowMs()}`
    this.#report('settled by its deadline', [made.caller], `by ${dueMs}`, found)
  }

  /** Who is told that it was not begun can rely on that. */
  #checkTruth({ made, executions }: Account, { code, maybeExecuted }: { code: string; maybeExecuted: boolean }): void {
    if (maybeExecuted || executions === 0 || made.idempotent) return
    this.#report('errors are true', [made.caller], `not begun (${code})`, `call ${made.id}, which was begun`)
  }
}
