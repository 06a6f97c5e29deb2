import { createHash } from 'node:crypto'
import createDebug from 'debug'
import type { Channel } from '../channel.js'
import { type ErrorCode, TelepathineError } from '../gossip/errors.js'
import { encodeValue, ownBytes } from '../values.js'
import { serving } from './context.js'
import { Deadlines } from './deadlines.js'
import { CallError, recordOf, refusalCode } from './errors.js'
import {
  callFormShift, countMessage, Kind, messageHeadBytes, pieceBytesMax, readCall, readU32, Refusal, refusalMessage,
  replyFormShift, replyHeadBytes, replyMessage, replyPieces,
} from './frame.js'
import { Incoming, ServedCall, type IncomingParts } from './incoming.js'
import type { Outcomes } from './outcomes.js'
import type { Partner } from './partner.js'
import { decodePayload, encodePayload, Form, formOf } from './payload.js'
import { type Service, Turn } from './service.js'
import { Timer } from './timer.js'
import { kindOf, ServeTrace, tellRefused } from './tracing.js'
import type { Call } from './types.js'

const log = createDebug('telepathine:work')

/** What bounds a server. */
export interface ServerLimits {
  readonly maxPayloadBytes: number
  readonly maxHeldBytes: number
  readonly stacks: boolean
}

/** What a server counts. */
export interface ServerCounts {
  /** Calls begun. */
  served: number
  /** Calls turned away for want of room. */
  busy: number
  /** What came in and belonged to nothing. */
  late: number
}

/**
 * Serves calls: takes them in or turns them away, runs the handlers, and tells what came of it. The worker is the
 * authority: whatever others believe about it, only here it is decided who may run.
 */
export class Server {
  readonly counts: ServerCounts = { served: 0, busy: 0, late: 0 }
  readonly services = new Map<string, Service>()
  /** What becomes of the calls that come in, if somebody wants to know. */
  outcomes: Outcomes | undefined
  /** Those that are being withdrawn; another may have taken the name. */
  readonly #draining = new Set<Service>()
  /** How many calls run or wait. */
  inflight = 0
  /** Bytes of the inputs that wait or are coming in. */
  heldBytes = 0
  readonly #channel: Channel
  readonly #limits: ServerLimits
  readonly #deadlines = new Deadlines<Incoming>()
  readonly #timer: Timer
  readonly #parts: IncomingParts
  #stamp = 0
  readonly #ready: Incoming[] = []
  #isBeginning = false

  constructor(channel: Channel, limits: ServerLimits) {
    this.#channel = channel
    this.#limits = limits
    this.#timer = new Timer(channel.clock, (now) => {
      this.#deadlines.due(now, (job) => this.#expired(job))
      return this.#deadlines.next()
    })
    this.#parts = {
      sendChunk: (job, chunk, form, sent) => this.#sendValue(job, Kind.chunk, chunk, form, sent),
      encode: (value, form) => ownBytes(encodePayload(value, form, limits.maxPayloadBytes)),
      wall: (at) => channel.clock.wall() + at - channel.clock.now(),
    }
  }

  /** What is told of the load; another stamp each time. */
  load(): { stamp: number; inflight: number } {
    return { stamp: ++this.#stamp, inflight: this.inflight }
  }

  // ---- what callers say

  /** A call came in. False when it is malformed. */
  call(partner: Partner, frame: Buffer, serial: number, at: number, end: number): boolean {
    const head = readCall(frame, at, end)
    if (head === undefined) return false
    if (partner.incoming.get(serial) !== undefined) return true
    const service = this.services.get(head.service)
    if (service === undefined) return this.#refuse(partner, serial, Refusal.unknown)
    if (service.isDraining) return this.#turnDown(service, partner, serial, Refusal.draining)
    const dueAt = head.budgetMs === 0 ? Infinity : this.#channel.clock.now() + head.budgetMs
    const job = new Incoming(service, partner, serial, head, dueAt, this.#parts)
    if (!partner.incoming.add(job)) return this.#turnDown(service, partner, serial, Refusal.busy)
    if (job.inflow === undefined) this.#admit(job, frame.subarray(head.inputAt, end), false)
    else this.#watch(job)
    return true
  }

  /** A piece of an input. */
  piece(partner: Partner, frame: Buffer, serial: number, at: number, end: number): boolean {
    if (end - at < 5) return false
    const job = partner.incoming.get(serial)
    const inflow = job?.inflow
    if (job === undefined || inflow === undefined) {
      this.counts.late++
      return true
    }
    const piece = frame.subarray(at + 5, end)
    if (!inflow.take(readU32(frame, at + 1), frame[at] === 1, piece)) return this.#turnAway(job, Refusal.lost)
    this.heldBytes += piece.length
    if (inflow.bytes > this.#limits.maxPayloadBytes) return this.#turnAway(job, Refusal.tooLarge)
    if (this.heldBytes > this.#limits.maxHeldBytes) return this.#turnAway(job, Refusal.busy)
    const confirmed = inflow.confirm()
    if (confirmed > 0) partner.post(countMessage(Kind.inputGot, serial, confirmed))
    if (!inflow.isComplete) return true
    inflow.assemble(this.#channel.clock, (value) => {
      if (job.isOver) return
      partner.post(countMessage(Kind.inputGot, serial, inflow.confirm(true)))
      this.heldBytes -= inflow.bytes
      job.inflow = undefined
      this.#admit(job, value, true)
    })
    return true
  }

  /** A caller gives up. */
  cancel(partner: Partner, serial: number): void {
    const job = partner.incoming.get(serial)
    if (job === undefined) this.counts.late++
    else this.#drop(job, new TelepathineError('ERR_ABORTED', `${partner.name} gave up`))
  }

  /** A caller has room for more chunks. */
  credit(partner: Partner, serial: number, bytes: number): void {
    partner.incoming.get(serial)?.addCredit(bytes)
  }

  /** A caller wants to know how busy we are before it chooses. */
  probe(partner: Partner): void {
    partner.post(replyMessage(Kind.load, 0, this.load(), 0, 0))
  }

  /** The connection was lost, and the caller asks for these: those that are not here will never be answered. */
  areYouAt(partner: Partner, serials: readonly number[]): void {
    for (const serial of serials) if (!partner.incoming.get(serial)) this.#refuse(partner, serial, Refusal.lost)
  }

  /** Outputs on their way may have been lost with the connection. */
  outputsLost(partner: Partner): void {
    for (const serial of partner.outflows.lost(Kind.outputPiece)) {
      const job = partner.incoming.get(serial)
      if (job === undefined) continue
      this.#refuse(partner, serial, Refusal.lost)
      this.#drop(job, lost(partner.name))
    }
  }

  /** A caller is gone. */
  callerLost(partner: Partner): void {
    partner.outflows.lost(Kind.outputPiece)
    for (const job of partner.incoming.values()) {
      if (job.service.settings.onCallerLost === 'cancel' || job.state !== 'running') this.#drop(job, lost(partner.name))
      else this.#leave(job)
    }
  }

  // ---- withdrawing

  /** Takes in no more for a service; resolves when it is empty, or `graceMs` have passed and it was emptied. */
  async drain(service: Service, graceMs: number): Promise<void> {
    service.isDraining = true
    this.#draining.add(service)
    const { clock } = this.#channel
    if (service.jobs.size > 0) {
      await new Promise<void>((resolve) => {
        const cancel = clock.after(Math.min(graceMs, 2 ** 31 - 1), () => {
          this.abort(service)
          resolve()
        })
        service.emptied = () => {
          cancel()
          resolve()
        }
      })
    }
    this.#draining.delete(service)
    if (this.services.get(service.name) === service) this.services.delete(service.name)
  }

  /** Ends all that runs and waits for a service, and tells the callers. */
  abort(service: Service): void {
    for (const job of service.jobs.values()) {
      const why = job.state === 'waiting' ? Refusal.draining : Refusal.lost
      for (const each of [job, ...(job.followers ?? [])]) {
        if (each.partner.incoming.get(each.serial) !== each) continue
        if (why === Refusal.draining) this.#turnDown(service, each.partner, each.serial, why)
        else this.#refuse(each.partner, each.serial, why, 0, service)
      }
      for (const follower of job.followers ?? []) this.#leave(follower)
      job.followers = undefined
      this.#drop(job, new TelepathineError('ERR_STOPPED', `${service.name} is no longer served here`))
    }
  }

  /** Ends everything. */
  stop(): void {
    for (const service of [...this.services.values(), ...this.#draining]) {
      this.abort(service)
      // handlers that take no notice hold up nobody
      service.emptied()
    }
    this.#timer.stop()
  }

  // ---- taking in

  /** The input is complete. `isOwn`: whether its bytes may be kept. */
  #admit(job: Incoming, input: Uint8Array, isOwn: boolean): void {
    const { service, partner, serial, key } = job
    const hash = key === undefined || job.isStream ? '' : hashOf(input)
    if (key !== undefined && hash !== '') {
      const known = service.replays.find(key, hash, this.#channel.clock.now())
      if (known.kind === 'other') return void this.#turnAway(job, Refusal.keyReused)
      if (known.kind === 'done') {
        job.state = 'done'
        if (job.isPush) return this.#accept(job)
        return this.#sendValue(job, Kind.result, known.result, known.form, () => this.#leave(job))
      }
      if (known.kind === 'running') {
        if (job.isPush) return this.#accept(job)
        job.state = 'joined'
        job.leader = known.job
        ;(known.job.followers ??= new Set()).add(job)
        return this.#watch(job)
      }
    }
    const isRoom = service.slots.running < service.slots.concurrency || this.heldBytes <= this.#limits.maxHeldBytes
    const admission = isRoom ? service.slots.take(job) : 'full'
    if (admission === 'full') {
      this.counts.busy++
      service.tally.refuse()
      partner.incoming.delete(job)
      return void this.#turnDown(service, partner, serial, Refusal.busy)
    }
    this.inflight++
    service.jobs.add(job)
    if (key !== undefined && hash !== '') service.replays.begin(key, hash, job)
    this.#watch(job)
    if (job.isPush) this.#accept(job)
    if (admission === 'run') {
      job.input = input
      this.#begin(job)
    } else {
      job.input = isOwn ? input : Buffer.from(input)
      job.state = 'waiting'
      this.heldBytes += input.length
    }
  }

  #accept(job: Incoming): void {
    job.partner.post(replyMessage(Kind.accept, job.serial, this.load(), 0, 0))
    this.#leave(job)
  }

  #refuse(partner: Partner, serial: number, why: Refusal, retryAfterMs = 0, service?: Service): true {
    partner.post(refusalMessage(serial, this.load(), why, retryAfterMs))
    tellRefused(this.#channel.name, partner.name, service?.name ?? '', why)
    return true
  }

  /** Refuses a call that has not begun. */
  #turnDown(service: Service, partner: Partner, serial: number, why: Refusal): true {
    this.outcomes?.add(service.name, refusalCode(why), undefined)
    return this.#refuse(partner, serial, why, why === Refusal.busy ? service.slots.retryAfterMs : 0, service)
  }

  /** Refuses a call that had begun to come in. */
  #turnAway(job: Incoming, why: Refusal): true {
    this.#turnDown(job.service, job.partner, job.serial, why)
    this.#drop(job, lost(job.partner.name))
    return true
  }

  #watch(job: Incoming): void {
    if (job.dueAt === Infinity) return
    this.#deadlines.add(job)
    this.#timer.at(job.dueAt)
  }

  // ---- running

  /** Runs a job, after those that were ready before: handlers that return at once must not pile up on the stack. */
  #begin(job: Incoming): void {
    this.#ready.push(job)
    if (this.#isBeginning) return
    this.#isBeginning = true
    for (let next = this.#ready.shift(); next !== undefined; next = this.#ready.shift()) this.#run(next)
    this.#isBeginning = false
  }

  #run(job: Incoming): void {
    const { service } = job
    job.state = 'running'
    this.counts.served++
    job.beganAt = this.#channel.clock.now()
    let input: unknown
    try {
      const bytes = job.input as Uint8Array
      input = decodePayload(bytes, job.flags >>> callFormShift, 0, bytes.length)
    } catch {
      if (job.key !== undefined) service.replays.failed(job.key, job)
      return this.#deny(job, Refusal.malformed)
    }
    job.input = undefined
    const { partner, flags, attempt, trace } = job
    const watch = ServeTrace.of(this.#channel.name, service.name, partner.name, kindOf(flags), attempt, trace)
    job.watch = watch
    try {
      const outcome = watch === undefined ? this.#handle(job, input) : watch.run(() => this.#handle(job, input))
      if (isThenable(outcome)) outcome.then((value) => this.#returned(job, value), (error) => this.#threw(job, error))
      else this.#returned(job, outcome)
    } catch (error) {
      this.#threw(job, error)
    }
  }

  #handle(job: Incoming, input: unknown): unknown {
    return serving(job, () => job.service.handler(input as never, new ServedCall(job)))
  }

  #returned(job: Incoming, value: unknown): void {
    const iterator = iteratorOf(value)
    if (iterator === undefined) return this.#succeeded(job, value)
    const emit = (): Promise<unknown> => serving(job, () => emitAll(job, iterator))
    const emitted = job.watch === undefined ? emit() : job.watch.goOn(emit)
    emitted.then(
      (last) => this.#succeeded(job, last),
      (error) => this.#threw(job, error),
    )
  }

  #succeeded(job: Incoming, value: unknown): void {
    const outcome = value === undefined && !job.isStream ? job.lastChunk : value
    const form = formOf(outcome)
    let bytes: Uint8Array
    try {
      bytes = encodePayload(outcome, form, this.#limits.maxPayloadBytes)
    } catch (error) {
      return this.#threw(job, error)
    }
    this.#ended(job)
    const { key, service, isStream } = job
    if (key !== undefined && !isStream) {
      bytes = ownBytes(bytes)
      service.replays.done(key, job, bytes, form, this.#channel.clock.now())
    }
    this.#answer(job, Kind.result, bytes, form)
    this.#next(job)
  }

  #threw(job: Incoming, thrown: unknown): void {
    if (job.isPush) log('%s, pushed by %s: %O', job.service.name, job.partner.name, thrown)
    if (job.key !== undefined) job.service.replays.failed(job.key, job)
    const refusal = refusalBy(thrown)
    if (refusal !== undefined) return this.#deny(job, refusal, thrown)
    this.#ended(job, 'ERR_HANDLER', thrown ?? 'nothing')
    this.#answer(job, Kind.failure, this.#encodeError(thrown), Form.encoded)
    this.#next(job)
  }

  #deny(job: Incoming, why: Refusal, thrown?: unknown): void {
    this.#ended(job, refusalCode(why), thrown)
    for (const each of this.#those(job)) {
      this.#refuse(each.partner, each.serial, why, 0, job.service)
      this.#leave(each)
    }
    this.#next(job)
  }

  #encodeError(thrown: unknown): Uint8Array {
    const record = recordOf(thrown, this.#limits.stacks)
    try {
      return encodeValue(record, this.#limits.maxPayloadBytes)
    } catch {
      return encodeValue({ ...record, data: undefined }, this.#limits.maxPayloadBytes)
    }
  }

  /** The handler is done; not well, if a code says so. */
  #ended(job: Incoming, code?: ErrorCode, thrown?: unknown): void {
    job.state = 'done'
    this.inflight--
    job.tookMs = this.#channel.clock.now() - job.beganAt
    job.service.tally.done(job.tookMs, code !== undefined)
    this.outcomes?.add(job.service.name, code, job.tookMs)
    job.watch?.ended(thrown)
  }

  /** There is room for the next. */
  #next(job: Incoming): void {
    this.#advance(job.service, job.tookMs)
    this.#close(job)
  }

  #advance({ slots }: Service, tookMs: number | undefined): void {
    const next = slots.release(tookMs)
    if (next instanceof Turn) {
      next.begin()
    } else if (next !== undefined) {
      this.heldBytes -= next.input?.length ?? 0
      this.#begin(next)
    }
  }

  // ---- what comes another way than by call

  /** Calls `begin` once there is room for one more of a service. Returns what gives up waiting, if it still waits. */
  turn({ slots }: Service, begin: () => void): () => void {
    const turn = new Turn(() => {
      this.inflight++
      this.counts.served++
      begin()
    })
    if (slots.wait(turn) === 'run') turn.begin()
    return () => void slots.leave(turn)
  }

  /** What has had its turn is done. */
  turned(service: Service): void {
    this.inflight--
    this.#advance(service, undefined)
  }

  /** A job is over when its handler is done and nobody waits for the outcome. */
  #close(job: Incoming): void {
    if (job.state !== 'done' || !(job.isOver || job.isPush)) return
    const { service } = job
    if (service.jobs.delete(job) && service.jobs.size === 0) service.emptied()
  }

  /** Tells all that wait for it what came of a job. `bytes` may lie in scratch memory. */
  #answer(job: Incoming, kind: Kind, bytes: Uint8Array, form: Form): void {
    if (job.followers === undefined && !job.isStream && bytes.length <= pieceBytesMax) {
      if (!job.isOver && !job.isPush) this.#sendValue(job, kind, bytes, form, () => this.#leave(job))
      return
    }
    const own = ownBytes(bytes)
    for (const each of this.#those(job)) {
      each.whenFlushed(() => this.#sendValue(each, kind, own, form, () => this.#leave(each)))
    }
  }

  /** A job and those that joined it, as far as somebody waits for them. */
  #those(job: Incoming): Incoming[] {
    const all = job.followers === undefined ? [job] : [job, ...job.followers]
    job.followers = undefined
    return all.filter((each) => !each.isOver && !each.isPush)
  }

  #sendValue(job: Incoming, kind: Kind, bytes: Uint8Array, form: Form, sent: () => void): void {
    const { partner, serial } = job
    if (bytes.length <= pieceBytesMax) {
      const message = replyMessage(kind, serial, this.load(), form << replyFormShift, bytes.length)
      message.set(bytes, messageHeadBytes + replyHeadBytes)
      partner.post(message)
      sent()
    } else {
      partner.post(replyMessage(kind, serial, this.load(), replyPieces | (form << replyFormShift), 0))
      partner.outflows.add(Kind.outputPiece, serial, bytes, sent)
    }
  }

  // ---- ending

  /** Its time is over. The caller knows that by itself. */
  #expired(job: Incoming): void {
    if (job.state === 'waiting') this.#refuse(job.partner, job.serial, Refusal.expired)
    this.#drop(job, new TelepathineError('ERR_TIMEOUT', 'the time for the call is over'))
  }

  /** The caller does not wait for it any more. Aborts it, unless others have joined it. */
  #drop(job: Incoming, reason: TelepathineError): void {
    const { state } = job
    this.#leave(job)
    if (state === 'joined') {
      const leader = job.leader
      leader?.followers?.delete(job)
      if (leader?.isOver === true && leader.followers?.size === 0) leader.abort(reason)
      return
    }
    if (state === 'coming') {
      this.heldBytes -= job.inflow?.bytes ?? 0
    } else if (job.followers !== undefined && job.followers.size > 0) {
      return
    } else if (state === 'waiting') {
      job.service.slots.leave(job)
      this.inflight--
      this.heldBytes -= job.input?.length ?? 0
      if (job.key !== undefined) job.service.replays.failed(job.key, job)
      job.state = 'done'
      this.#close(job)
    }
    job.abort(reason)
  }

  /** Nobody waits for its outcome: it came, or will not be told. */
  #leave(job: Incoming): void {
    if (job.partner.incoming.get(job.serial) === job) {
      job.partner.incoming.delete(job)
      job.partner.outflows.drop(Kind.outputPiece, job.serial)
    }
    if (job.isPush && job.state !== 'done') return
    if (!job.isOver) {
      job.isOver = true
      this.#deadlines.remove(job)
    }
    this.#close(job)
  }
}

/** Sends what an iterator gives; resolves to what it returns. Ends it when the call is over. */
export async function emitAll(
  job: Pick<Call, 'emit'>, iterator: Iterator<unknown> | AsyncIterator<unknown>,
): Promise<unknown> {
  try {
    for (;;) {
      const { done, value } = await iterator.next()
      if (done === true) return value
      await job.emit(value)
    }
  } catch (error) {
    await iterator.return?.()
    throw error
  }
}

/** The iterator of a generator's result, or of anything that is iterated asynchronously. */
export function iteratorOf(value: unknown): Iterator<unknown> | AsyncIterator<unknown> | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  if (Symbol.asyncIterator in value) return (value as AsyncIterable<unknown>)[Symbol.asyncIterator]()
  return Object.prototype.toString.call(value) === '[object Generator]' ? (value as Iterator<unknown>) : undefined
}

/**
 * What a handler can say of a call instead of failing: not for this caller; not begun, and another may; lost while it
 * was at it, as if this worker were gone. Errors of calls that it made itself mean something else.
 */
export function refusalBy(thrown: unknown): Refusal | undefined {
  try {
    if (!(thrown instanceof TelepathineError) || thrown instanceof CallError) return undefined
    const { code } = thrown
    if (code === 'ERR_DENIED') return Refusal.denied
    if (code === 'ERR_DRAINING') return Refusal.draining
    return code === 'ERR_PEER_LOST' ? Refusal.lost : undefined
  } catch {
    // what throws when it is looked at, as a proxy or a getter may, is none of these
    return undefined
  }
}

/** Whether something is to be waited for. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

function hashOf(input: Uint8Array): string {
  return createHash('sha256').update(input).digest('base64')
}

function lost(peer: string): TelepathineError {
  return new TelepathineError('ERR_PEER_LOST', `${peer}, which called, is gone`)
}

