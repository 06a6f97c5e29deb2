import { TelepathineError } from '../gossip/errors.js'
import type { Placed } from './bag.js'
import type { Served } from './context.js'
import type { Timed } from './deadlines.js'
import { Flag, type CallHead } from './frame.js'
import type { Partner } from './partner.js'
import { formOf, type Form } from './payload.js'
import { Inflow } from './pieces.js'
import type { Service } from './service.js'
import type { ServeTrace } from './tracing.js'
import type { Call } from './types.js'

/** Bytes of chunks that may be on their way to a caller or wait there; each counts so many more than it has. */
export const creditBytes = 256 * 1024
const chunkOverheadBytes = 512
/** Bytes of chunks that may wait here for a slow caller. */
const queuedBytesMax = 16 << 20

/** What a chunk takes of the credit. */
export function chunkCost(bytes: number): number {
  return bytes + chunkOverheadBytes
}

/** What an incoming call needs of the server. */
export interface IncomingParts {
  /** Sends a chunk; `sent` is called when it has left, which for a large one takes a while. */
  sendChunk(job: Incoming, chunk: Uint8Array, form: Form, sent: () => void): void
  /** Bytes of one's own. */
  encode(value: unknown, form: Form): Uint8Array
  /** Unix time of a time on the peer's clock. */
  wall(at: number): number
}

interface Queued {
  readonly bytes: Uint8Array
  readonly form: Form
  readonly taken: () => void
}

/** A call that is served here, from the moment it comes in until nobody waits for it any more. */
export class Incoming implements Timed, Served, Placed {
  readonly service: Service
  readonly partner: Partner
  readonly serial: number
  readonly flags: number
  readonly attempt: number
  readonly key: string | undefined
  /** What came with it; and set while it runs, if somebody watches. */
  readonly trace: Uint8Array | undefined
  watch: ServeTrace | undefined
  readonly dueAt: number
  before: Timed | undefined
  after: Timed | undefined
  place = -1
  /** Encoded; undefined once it runs. */
  input: Uint8Array | undefined
  /** Set while the input comes in pieces. */
  inflow: Inflow | undefined
  /** `joined`: another call with the same key runs, and this one gets its result. */
  state: 'coming' | 'waiting' | 'running' | 'joined' | 'done' = 'coming'
  /** Whether nobody waits for its outcome. */
  isOver = false
  /** When it began to run, on the peer's clock; and how long it then took. */
  beganAt = 0
  tookMs = 0
  /** Calls that joined this one; and the one that this one joined. */
  followers: Set<Incoming> | undefined
  leader: Incoming | undefined
  nested: Set<{ abort(reason: unknown): void }> | undefined
  /** What was emitted last; for a caller that does not stream. */
  lastChunk: unknown
  readonly #parts: IncomingParts
  #controller: AbortController | undefined
  #reason: unknown
  #credit = creditBytes
  #queue: Queued[] = []
  #queuedBytes = 0
  #isSending = false
  #whenFlushed: (() => void) | undefined

  constructor(service: Service, partner: Partner, serial: number, head: CallHead, dueAt: number, parts: IncomingParts) {
    this.service = service
    this.partner = partner
    this.serial = serial
    this.flags = head.flags
    this.attempt = head.attempt
    this.key = head.key
    this.trace = head.trace
    this.dueAt = dueAt
    this.#parts = parts
    if ((head.flags & Flag.pieces) !== 0) this.inflow = new Inflow()
  }

  get isServed(): boolean {
    return this.state === 'done'
  }

  get isPush(): boolean {
    return (this.flags & Flag.push) !== 0
  }

  get isStream(): boolean {
    return (this.flags & Flag.stream) !== 0
  }

  /** Unix time of its deadline. */
  get deadlineWall(): number | undefined {
    return this.dueAt === Infinity ? undefined : Math.round(this.#parts.wall(this.dueAt))
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#reason !== undefined) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  /** Nobody waits for it any more. */
  abort(reason: TelepathineError): void {
    if (this.#reason !== undefined) return
    this.#reason = reason
    this.isOver = true
    const queue = this.#queue
    this.#queue = []
    this.#queuedBytes = 0
    for (const { taken } of queue) taken()
    this.#controller?.abort(reason)
    for (const call of this.nested ?? []) call.abort(reason)
    this.#whenFlushed = undefined
  }

  /** Why it was aborted; undefined when it was not. */
  get abortReason(): unknown {
    return this.#reason
  }

  async emit(chunk: unknown): Promise<void> {
    if (this.#reason !== undefined) throw this.#reason as Error
    if (this.state === 'done') throw new TelepathineError('ERR_ABORTED', 'the call is over')
    if (!this.isStream) {
      this.lastChunk = chunk
      return
    }
    const form = formOf(chunk)
    const bytes = this.#parts.encode(chunk, form)
    if (this.#queuedBytes + bytes.length > queuedBytesMax) {
      const advice = 'wait for what emit returns'
      throw new TelepathineError('ERR_OVERLOAD', `${this.#queuedBytes} bytes wait for a slow caller; ${advice}`)
    }
    await new Promise<void>((taken) => {
      this.#queue.push({ bytes, form, taken })
      this.#queuedBytes += bytes.length
      this.#pump()
    })
    if (this.#reason !== undefined) throw this.#reason as Error
  }

  /** The caller has room for so many more bytes. */
  addCredit(bytes: number): void {
    this.#credit = Math.min(this.#credit + bytes, creditBytes)
    this.#pump()
  }

  /** Calls back once all chunks have left; never when it is aborted before. */
  whenFlushed(run: () => void): void {
    if (this.#queue.length === 0 && !this.#isSending) run()
    else this.#whenFlushed = run
  }

  #pump(): void {
    while (!this.#isSending && this.#credit > 0) {
      const next = this.#queue.shift()
      if (next === undefined) break
      this.#queuedBytes -= next.bytes.length
      this.#credit -= chunkCost(next.bytes.length)
      this.#isSending = true
      let isNow = true
      this.#parts.sendChunk(this, next.bytes, next.form, () => {
        this.#isSending = false
        next.taken()
        // a small one has left already, and the loop goes on by itself
        if (!isNow) this.#pump()
      })
      isNow = false
    }
    if (this.#queue.length > 0 || this.#isSending) return
    const run = this.#whenFlushed
    this.#whenFlushed = undefined
    run?.()
  }
}

/** What a handler sees of it. */
export class ServedCall implements Call {
  readonly #job: Incoming

  constructor(job: Incoming) {
    this.#job = job
  }

  get from(): string {
    return this.#job.partner.name
  }

  get deadline(): number | undefined {
    return this.#job.deadlineWall
  }

  get signal(): AbortSignal {
    return this.#job.signal
  }

  get attempt(): number {
    return this.#job.attempt
  }

  get key(): string | undefined {
    return this.#job.key
  }

  get streams(): boolean {
    return this.#job.isStream
  }

  emit(chunk: unknown): Promise<void> {
    return this.#job.emit(chunk)
  }
}
