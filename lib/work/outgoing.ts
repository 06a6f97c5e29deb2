import type { TelepathineError } from '../gossip/errors.js'
import type { Served } from './context.js'
import type { Timed } from './deadlines.js'
import { Kind } from './frame.js'
import type { Partner } from './partner.js'
import type { Inflow } from './pieces.js'
import type { Trials } from './retry.js'
import type { Place } from './roster.js'
import type { TagFilter, Policy } from './selection.js'
import type { Selector } from './types.js'

/** Whoever waits for a call. One of `done` and `failed` is called, once, and nothing after it. */
export interface Sink {
  done(value: unknown): void
  failed(error: TelepathineError): void
  /** One of several values; `cost` is the room that it takes until {@link Client.consumed}. */
  chunk?(value: unknown, cost: number): void
}

/** Among whom a call's worker is chosen, and how. */
export interface Plan {
  readonly policy: Policy | { readonly key: string } | Selector
  readonly target: string | undefined
  readonly tags: TagFilter | undefined
}

/** All that a call begins with. */
export interface Order {
  /** Whose call it is: what is stopped together, and counted. */
  readonly owner: { pending: number }
  readonly service: string
  readonly serviceBytes: Uint8Array
  readonly keyBytes: Uint8Array | undefined
  readonly flags: number
  /** Encoded. */
  readonly input: Uint8Array
  readonly dueAt: number
  readonly idempotent: boolean
  readonly plan: Plan
  readonly sink: Sink
  readonly signal: AbortSignal | undefined
  /** The call that it is made for: it ends with that. */
  readonly served: Served | undefined
}

/** A call that was made here, from the first attempt until it is settled. */
export class Outgoing implements Timed, Trials {
  readonly order: Order
  readonly dueAt: number
  readonly idempotent: boolean
  isOver = false
  isTold = false
  bounces = 0
  moves = 0
  losses = 0
  /** Attempts so far. */
  attempt = 0
  /** Of the attempt under way; undefined between two. */
  partner: Partner | undefined
  place: Place | undefined
  serial = 0
  /** Whether the attempt may have left this machine. */
  mayHaveLeft = false
  /** The message, made once; undefined before the first attempt, and for inputs that go in pieces. */
  message: Buffer | undefined
  /** Peers tried; made when a second attempt is. */
  tried: Set<string> | undefined
  /** Set while a large output comes in, and what it is. */
  inflow: Inflow | undefined
  told: Kind = Kind.result
  /** What went wrong in choosing. */
  trouble: TelepathineError | undefined
  /** What the signal calls, and the call that this one is made for. */
  abort: (reason: unknown) => void = () => undefined
  /** What takes back the timer of the next attempt. */
  cancelPause: (() => void) | undefined

  constructor(order: Order) {
    this.order = order
    this.dueAt = order.dueAt
    this.idempotent = order.idempotent
  }
}
