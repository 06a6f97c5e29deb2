import type { TelepathineError } from '../gossip/errors.js'
import type { Served } from './context.js'
import type { Timed } from './deadlines.js'
import { Kind } from './frame.js'
import type { Partner } from './partner.js'
import type { Inflow } from './pieces.js'
import type { Trials } from './retry.js'
import type { Place } from './roster.js'
import type { TagFilter, Policy } from './selection.js'
import type { CallTrace } from './tracing.js'
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
  /** How many are asked for their load first; 0: none. */
  readonly probe: number
}

/** Whose calls are stopped together, and counted. */
export interface Owner {
  pending: number
  /** One of them is over. */
  freed(): void
}

/** All that a call begins with. */
export interface Order {
  /** Whose call it is. */
  readonly owner: Owner
  readonly service: string
  readonly serviceBytes: Uint8Array
  readonly keyBytes: Uint8Array | undefined
  readonly flags: number
  /** On the peer's clock, as is when it is due. */
  readonly beganAt: number
  readonly dueAt: number
  readonly idempotent: boolean
  readonly plan: Plan
  readonly sink: Sink
  readonly signal: AbortSignal | undefined
  /** The call that it is made for: it ends with that. */
  readonly served: Served | undefined
  /** Set when somebody watches it. */
  readonly trace: CallTrace | undefined
}

/** A call that was made here, from the first attempt until it is settled. */
export class Outgoing implements Timed, Trials {
  order: Order
  readonly dueAt: number
  before: Timed | undefined
  after: Timed | undefined
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
  /** What is sent, of the attempt under way. */
  message: Buffer
  /** An input that goes in pieces; undefined when it is in the message. */
  input: Uint8Array | undefined
  /** Peers tried; made when a second attempt is. */
  tried: Set<string> | undefined
  /** Set while a large output comes in, and what it is. */
  inflow: Inflow | undefined
  told: Kind = Kind.result
  form = 0
  /** What went wrong in choosing. */
  trouble: TelepathineError | undefined
  /** What the signal calls, and the call that this one is made for. */
  abort: (reason: unknown) => void = unheard
  /** What takes back the timer of the next attempt. */
  cancelPause: (() => void) | undefined

  constructor(order: Order, message: Buffer, input: Uint8Array | undefined) {
    this.order = order
    this.message = message
    this.input = input
    this.dueAt = order.dueAt
    this.idempotent = order.idempotent
  }

  /**
   * Lets go of all that it holds. Tables that it was in may hold on to the call itself until the next full collection
   * (their own successors keep them), and that must not keep the rest alive: measured, collections took four times as
   * long.
   */
  spend(): void {
    this.order = spent
    this.message = noMessage
    this.input = undefined
    this.place = undefined
    this.trouble = undefined
    this.abort = unheard
  }
}

function unheard(): void {}

const noMessage = Buffer.alloc(0)
const nobody: Sink = { done: unheard, failed: unheard }

/** Stands for the order of a call that is settled. */
const spent: Order = {
  owner: { pending: 0, freed: unheard },
  service: '',
  serviceBytes: noMessage,
  keyBytes: undefined,
  flags: 0,
  beganAt: 0,
  dueAt: Infinity,
  idempotent: false,
  plan: { policy: 'random', target: undefined, tags: undefined, probe: 0 },
  sink: nobody,
  signal: undefined,
  served: undefined,
  trace: undefined,
}
