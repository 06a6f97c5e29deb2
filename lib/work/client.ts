import type { Channel } from '../channel.js'
import type { ErrorCode, TelepathineError } from '../gossip/errors.js'
import { ownBytes } from '../values.js'
import { RetryBudget } from './budget.js'
import { Deadlines } from './deadlines.js'
import { CallError, noWorker, readRecord, refusalError, RemoteError } from './errors.js'
import {
  address, callMessage, countMessage, Flag, Kind, newMessage, pieceBytesMax, readU32, Refusal, refusalBytes,
  replyFormShift, replyHeadBytes, replyPieces,
} from './frame.js'
import { healthy, mayEject } from './health.js'
import { chunkCost } from './incoming.js'
import type { Outcomes } from './outcomes.js'
import { Outgoing, type Order, type Sink } from './outgoing.js'
import type { Partner } from './partner.js'
import { decodePayload } from './payload.js'
import { Inflow } from './pieces.js'
import { backoffMs, nextStep, type Failure } from './retry.js'
import type { Place, Roster } from './roster.js'
import { choose, leastBusy, matches, sample } from './selection.js'
import { Probes } from './probes.js'
import { Timer } from './timer.js'
import { tellAttempt } from './tracing.js'
import type { Selector, WorkerInfo } from './types.js'

/** What a client counts. */
export interface ClientCounts {
  /** Calls made. */
  called: number
  /** Tries elsewhere because a worker was busy. */
  bounced: number
  /** Tries elsewhere, or again, because a worker was lost or about to go. */
  retried: number
  /** Replies to calls that were settled already. */
  late: number
}

/** What a client needs of the switchboard. */
export interface ClientParts {
  readonly channel: Channel
  readonly roster: Roster
  readonly maxPayloadBytes: number
  partner(name: string): Partner
}

/**
 * Makes calls: chooses a worker, sends, and settles each call exactly once, whatever comes in, in which order, or not
 * at all.
 */
export class Client {
  readonly counts: ClientCounts = { called: 0, bounced: 0, retried: 0, late: 0 }
  /** How many are not settled. */
  pending = 0
  /** What becomes of calls, if somebody wants to know. */
  outcomes: Outcomes | undefined
  readonly #parts: ClientParts
  readonly #deadlines = new Deadlines<Outgoing>()
  readonly #timer: Timer
  readonly #budget = new RetryBudget()
  readonly #probes: Probes
  /** Those that wait for their next attempt, or for what workers say of their load; all others are with a partner. */
  readonly #pausing = new Set<Outgoing>()
  /** Choices by turns so far, by service. */
  readonly #turns = new Map<string, number>()
  /** When the last of those that are left alone will be asked again. */
  #ejectedUntil = -Infinity
  #serial = 0

  constructor(parts: ClientParts) {
    this.#parts = parts
    this.#probes = new Probes(parts.channel.clock)
    this.#timer = new Timer(parts.channel.clock, (now) => {
      this.#deadlines.due(now, (call) => this.#timedOut(call))
      return this.#deadlines.next()
    })
  }

  /** Makes a call. `input` is the encoded input, which may lie in scratch memory. */
  call(order: Order, input: Uint8Array): Outgoing {
    const { flags, serviceBytes, keyBytes } = order
    const isLarge = input.length > pieceBytesMax
    const trace = order.trace?.bytes
    const allFlags = flags | (isLarge ? Flag.pieces : 0) | (trace === undefined ? 0 : Flag.traced)
    const message = callMessage(allFlags, serviceBytes, keyBytes, isLarge ? undefined : input, trace)
    const call = new Outgoing(order, message, isLarge ? ownBytes(input) : undefined)
    this.counts.called++
    this.#budget.deposit()
    this.pending++
    order.owner.pending++
    if (order.signal !== undefined || order.served !== undefined) this.#tie(call)
    if (call.dueAt !== Infinity) {
      this.#deadlines.add(call)
      this.#timer.at(call.dueAt)
    }
    if (order.plan.probe === 0 || !this.#probe(call)) this.#begin(call)
    return call
  }

  /** Gives a call up, for the reason that a code and a text tell; the worker is told. */
  cancel(call: Outgoing, code: ErrorCode, why: string, cause?: unknown): void {
    if (call.isOver) return
    const maybeExecuted = call.partner !== undefined || call.losses > 0
    const error = new CallError(code, why, { peer: call.place?.peer, maybeExecuted, cause })
    this.#tellCancel(call)
    this.#fail(call, error)
  }

  /** Room was made for chunks of a stream. */
  consumed(call: Outgoing, cost: number): void {
    if (!call.isOver) call.partner?.post(countMessage(Kind.credit, call.serial, cost))
  }

  /** Whoever serves it, those that are left alone for the moment included. */
  candidates(order: Pick<Order, 'service' | 'plan'>): readonly Place[] {
    const { target, tags } = order.plan
    let places = this.#parts.roster.places(order.service)
    if (target !== undefined) places = places.filter(({ peer }) => peer === target)
    if (tags !== undefined) places = places.filter((place) => matches(place.tags, tags))
    return places
  }

  // ---- what workers say

  /** A push was taken in. */
  accepted(partner: Partner, frame: Buffer, serial: number, at: number, end: number): boolean {
    const call = this.#replied(partner, frame, serial, at, end)
    if (call === 'malformed') return false
    if (call !== undefined) this.#done(call, undefined)
    return true
  }

  refused(partner: Partner, frame: Buffer, serial: number, at: number, end: number): boolean {
    if (end - at < refusalBytes) return false
    const call = this.#replied(partner, frame, serial, at, end)
    if (call === 'malformed') return false
    if (call === undefined) return true
    const why = frame[at] as Refusal
    this.#budget.answered(why === Refusal.busy)
    if (why === Refusal.lost) this.#failed(call, { kind: 'lost' })
    else this.#failed(call, { kind: 'refused', why, retryAfterMs: readU32(frame, at + replyHeadBytes) })
    return true
  }

  /** A result, a chunk or an error. */
  told(kind: Kind, partner: Partner, frame: Buffer, serial: number, at: number, end: number): boolean {
    const call = this.#replied(partner, frame, serial, at, end)
    if (call === 'malformed') return false
    if (call === undefined) return true
    const flags = frame[at]!
    if ((flags & replyPieces) !== 0) {
      call.inflow = new Inflow()
      call.told = kind
      call.form = flags >>> replyFormShift
    } else {
      this.#take(call, kind, flags >>> replyFormShift, frame, at + replyHeadBytes, end)
    }
    return true
  }

  /** A piece of an output. */
  piece(partner: Partner, frame: Buffer, serial: number, at: number, end: number): boolean {
    if (end - at < 5) return false
    const call = partner.outgoing.get(serial)
    const inflow = call?.inflow
    if (call === undefined || inflow === undefined) {
      this.counts.late++
      return true
    }
    if (!inflow.take(readU32(frame, at + 1), frame[at] === 1, frame.subarray(at + 5, end))) {
      this.#tellCancel(call)
      this.#failed(call, { kind: 'lost' })
      return true
    }
    const { maxPayloadBytes } = this.#parts
    if (inflow.bytes > maxPayloadBytes) {
      this.cancel(call, 'ERR_TOO_LARGE', `${partner.name} sends more than maxPayloadBytes, which is ${maxPayloadBytes}`)
      return true
    }
    const confirmed = inflow.confirm()
    if (confirmed > 0) partner.post(countMessage(Kind.outputGot, serial, confirmed))
    if (!inflow.isComplete) return true
    inflow.assemble(this.#parts.channel.clock, (value) => {
      if (call.inflow !== inflow) return
      call.inflow = undefined
      partner.post(countMessage(Kind.outputGot, serial, inflow.confirm(true)))
      this.#take(call, call.told, call.form, value, 0, value.length)
    })
    return true
  }

  /** The connection was lost, and the worker asks whether somebody still waits for these. */
  doYouWaitFor(partner: Partner, serials: readonly number[]): void {
    for (const serial of serials) {
      if (partner.outgoing.get(serial) === undefined) partner.post(newMessage(Kind.cancel, serial, 0))
    }
  }

  /** Inputs on their way may have been lost with the connection. */
  inputsLost(partner: Partner): void {
    for (const serial of partner.outflows.lost(Kind.inputPiece)) {
      const call = partner.outgoing.get(serial)
      if (call === undefined) continue
      this.#tellCancel(call)
      this.#failed(call, { kind: 'lost' })
    }
  }

  /** A worker is gone. With `isUnreached` what was sent while there was no connection cannot have got there. */
  workerLost(partner: Partner, isUnreached: boolean): void {
    partner.outflows.lost(Kind.inputPiece)
    for (const call of partner.outgoing.values()) {
      this.#failed(call, { kind: isUnreached && !call.mayHaveLeft ? 'unsent' : 'lost' })
    }
    // last: what is sent because of it is not among what was lost
    this.#probes.told(partner.name)
  }

  /** Settles all calls of one owner, or all there are. */
  stop(owner: Order['owner'] | undefined, partners: Iterable<Partner>, why: string): void {
    const calls = [[...this.#pausing], ...Array.from(partners, ({ outgoing }) => outgoing.values())].flat()
    for (const call of calls) {
      if (owner === undefined || call.order.owner === owner) this.cancel(call, 'ERR_STOPPED', why)
    }
    if (this.pending === 0) this.#timer.stop()
  }

  /** A worker has told how busy it is. */
  probed(partner: Partner, frame: Buffer, at: number, end: number): boolean {
    if (end - at !== replyHeadBytes) return false
    this.#parts.roster.view(partner.name).told(readU32(frame, at + 1), readU32(frame, at + 5))
    this.#probes.told(partner.name)
    return true
  }

  // ---- attempts

  #begin(call: Outgoing): void {
    const place = this.#choose(call)
    if (place !== undefined) this.#send(call, place)
    else this.#fail(call, call.trouble ?? noWorker(call.order.service, call.order.plan))
  }

  /** Asks some for their load, and begins when they have answered; false when there is nothing to choose from. */
  #probe(call: Outgoing): boolean {
    const { order } = call
    const { channel, partner } = this.#parts
    const asked = sample(this.#healthy(this.candidates(order)), order.plan.probe, channel.random)
    if (asked.length < 2) return false
    this.#pausing.add(call)
    call.cancelPause = this.#probes.ask(asked.map(({ peer }) => peer), () => {
      call.cancelPause = undefined
      this.#pausing.delete(call)
      // whoever was lost meanwhile is no candidate any more
      const left = this.candidates(order).filter((place) => asked.includes(place))
      const place = leastBusy(left)
      if (place === undefined) this.#begin(call)
      else this.#send(call, place)
    })
    for (const { peer } of asked) partner(peer).post(newMessage(Kind.probe, 0, 0))
    return true
  }

  /** Has a call end with its signal, and with the call that it is made for. */
  #tie(call: Outgoing): void {
    const { signal, served } = call.order
    const aborted = (reason: unknown): void => this.cancel(call, 'ERR_ABORTED', 'the call was aborted', reason)
    call.abort = signal === undefined ? aborted : () => aborted(signal.reason)
    signal?.addEventListener('abort', call.abort)
    if (served !== undefined) (served.nested ??= new Set()).add(call)
  }

  #send(call: Outgoing, place: Place): void {
    const partner = this.#parts.partner(place.peer)
    const serial = partner.outgoing.next(this.#serial)
    this.#serial = serial
    call.serial = serial
    call.partner = partner
    call.place = place
    call.attempt++
    call.mayHaveLeft = partner.isUp
    partner.outgoing.add(call)
    place.view.sent()
    call.order.trace?.attempted(place.peer)
    tellAttempt(this.#parts.channel.name, call.order.service, place.peer, call.attempt)
    const budgetMs = call.dueAt === Infinity ? Infinity : call.dueAt - this.#parts.channel.clock.now()
    // the message of the attempt before may still wait to be sent
    if (call.attempt > 1) call.message = Buffer.from(call.message)
    address(call.message, serial, call.attempt, budgetMs)
    partner.post(call.message)
    if (call.input !== undefined) partner.outflows.add(Kind.inputPiece, serial, call.input, () => undefined)
  }

  /** An attempt brought no answer. */
  #failed(call: Outgoing, failure: Failure): void {
    const { place, order } = call
    const peer = place?.peer ?? ''
    this.#detach(call)
    if (failure.kind === 'lost' && place !== undefined) this.#unwell(call, place)
    const step = nextStep(failure, call, this.#budget)
    const error = (): TelepathineError => {
      if (failure.kind === 'refused') return refusalError(failure.why, order.service, peer, failure.retryAfterMs)
      const maybeExecuted = failure.kind === 'lost'
      const what = maybeExecuted ? 'it may have been done' : 'it was not begun'
      return new CallError('ERR_PEER_LOST', `${peer} was lost; ${what}`, { peer, maybeExecuted })
    }
    if (step === 'settle') return this.#fail(call, error())
    ;(call.tried ??= new Set()).add(peer)
    if (step === 'later') return this.#pause(call, error)
    const next = this.#choose(call)
    if (next === undefined) return this.#fail(call, call.trouble ?? error())
    if (failure.kind === 'refused' && failure.why === Refusal.busy) this.counts.bounced++
    else this.counts.retried++
    this.#send(call, next)
  }

  /** Tries again a little later: with another worker if there is one, with the same if not. */
  #pause(call: Outgoing, error: () => TelepathineError): void {
    const { channel } = this.#parts
    this.#pausing.add(call)
    call.cancelPause = channel.clock.after(backoffMs(call.losses, channel.random), () => {
      call.cancelPause = undefined
      this.#pausing.delete(call)
      let place = this.#choose(call)
      if (place === undefined) {
        call.tried = undefined
        place = this.#choose(call)
      }
      if (place === undefined) return this.#fail(call, call.trouble ?? error())
      this.counts.retried++
      this.#send(call, place)
    })
  }

  #choose(call: Outgoing): Place | undefined {
    const { order, tried } = call
    const { policy } = order.plan
    let places = this.candidates(order)
    if (tried !== undefined) places = places.filter(({ peer }) => !tried.has(peer))
    if (places.length > 1) places = this.#healthy(places)
    if (typeof policy === 'function') return this.#ask(call, policy, places)
    return choose(policy, places, this.#parts.channel.random, () => this.#turn(order.service))
  }

  #ask(call: Outgoing, selector: Selector, places: readonly Place[]): Place | undefined {
    try {
      return preferred(places, selector(places.map(infoOf)))
    } catch (cause) {
      call.trouble = new CallError('ERR_OPTION', `select: the function threw ${String(cause)}`, { cause })
      return undefined
    }
  }

  #healthy(places: readonly Place[]): readonly Place[] {
    if (this.#ejectedUntil === -Infinity) return places
    const now = this.#parts.channel.clock.now()
    if (now < this.#ejectedUntil) return healthy(places, now)
    this.#ejectedUntil = -Infinity
    return places
  }

  #turn(service: string): number {
    const turn = this.#turns.get(service) ?? 0
    if (this.#turns.size >= turnsMax) this.#turns.clear()
    this.#turns.set(service, turn + 1)
    return turn
  }

  #unwell(call: Outgoing, place: Place): void {
    if (!place.health.failed()) return
    const now = this.#parts.channel.clock.now()
    if (!mayEject(this.#parts.roster.places(call.order.service), now)) return
    this.#ejectedUntil = Math.max(this.#ejectedUntil, place.health.eject(now))
  }

  // ---- outcomes

  /** The call that a reply is for, after note was taken of the load that it tells. */
  #replied(
    partner: Partner, frame: Buffer, serial: number, at: number, end: number,
  ): Outgoing | undefined | 'malformed' {
    if (end - at < replyHeadBytes) return 'malformed'
    const call = partner.outgoing.get(serial)
    if (call === undefined) this.counts.late++
    const view = call?.place?.view ?? this.#parts.roster.view(partner.name)
    view.told(readU32(frame, at + 1), readU32(frame, at + 5))
    return call
  }

  #take(call: Outgoing, kind: Kind, form: number, bytes: Uint8Array, at: number, end: number): void {
    const peer = call.place?.peer ?? ''
    let value: unknown
    try {
      value = decodePayload(bytes, form, at, end)
    } catch (cause) {
      this.cancel(call, 'ERR_VALUE', `${peer} sends what is no value`, cause)
      return
    }
    if (kind === Kind.chunk) {
      call.isTold = true
      call.order.sink.chunk?.(value, chunkCost(end - at))
      return
    }
    this.#budget.answered(false)
    if (kind === Kind.result) {
      call.place?.health.succeeded()
      this.#done(call, value)
      return
    }
    if (call.place !== undefined) this.#unwell(call, call.place)
    const cause = new RemoteError(readRecord(value), peer)
    this.#fail(call, new CallError('ERR_HANDLER', cause.message, { peer, maybeExecuted: true, cause }))
  }

  #timedOut(call: Outgoing): void {
    const { place, order } = call
    if (place !== undefined) this.#unwell(call, place)
    const where = place === undefined ? '' : ` at ${place.peer}`
    this.cancel(call, 'ERR_TIMEOUT', `${JSON.stringify(order.service)} took too long${where}`)
  }

  #tellCancel(call: Outgoing): void {
    call.partner?.post(newMessage(Kind.cancel, call.serial, 0))
  }

  /** The attempt under way is over. */
  #detach(call: Outgoing): void {
    const { partner, place, serial } = call
    if (partner === undefined) return
    partner.outgoing.delete(call)
    if (call.input !== undefined) partner.outflows.drop(Kind.inputPiece, serial)
    place?.view.ended()
    call.partner = undefined
    call.inflow = undefined
  }

  #done(call: Outgoing, value: unknown): void {
    const { trace } = call.order
    const sink = this.#settle(call, undefined)
    if (trace === undefined) sink.done(value)
    else trace.settled({ result: value }, () => sink.done(value))
  }

  #fail(call: Outgoing, error: TelepathineError): void {
    const { trace } = call.order
    const sink = this.#settle(call, error.code)
    if (trace === undefined) sink.failed(error)
    else trace.settled({ error }, () => sink.failed(error))
  }

  /** The end of a call, a good one unless a code says otherwise. Gives whoever is to be told. */
  #settle(call: Outgoing, code: ErrorCode | undefined): Sink {
    call.isOver = true
    const { service, beganAt } = call.order
    this.outcomes?.add(service, code, this.#parts.channel.clock.now() - beganAt)
    this.#detach(call)
    if (call.cancelPause !== undefined) {
      call.cancelPause()
      this.#pausing.delete(call)
    }
    this.pending--
    const { owner, signal, served, sink } = call.order
    owner.pending--
    owner.freed()
    signal?.removeEventListener('abort', call.abort)
    served?.nested?.delete(call)
    this.#deadlines.remove(call)
    call.spend()
    return sink
  }
}

/** Services whose turns are remembered. */
const turnsMax = 1_024

/** What users get to see of a place. */
export function infoOf(place: Place): WorkerInfo {
  const { peer, status, offer } = place
  return { peer, load: status, tags: offer.tags, version: offer.version }
}

/** The first of those that a selector gave which is among the places. */
function preferred(places: readonly Place[], given: unknown): Place | undefined {
  for (const each of Array.isArray(given) ? given : [given]) {
    const name = typeof each === 'object' && each !== null ? (each as Partial<WorkerInfo>).peer : each
    const place = places.find(({ peer }) => peer === name)
    if (place !== undefined) return place
  }
  return undefined
}
