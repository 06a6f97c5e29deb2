import { channelOf, type Channel, type ChannelListener } from '../channel.js'
import { TelepathineError } from '../gossip/errors.js'
import type { LinkDown } from '../net/transport.js'
import { Client } from './client.js'
import type { Durable } from './durable.js'
import {
  isFromWorker, Kind, lifeOf, readFrameHead, readMessages, readU32, serialsMax, serialsMessage,
} from './frame.js'
import { loadAverage } from './loadaverage.js'
import { nameBytes, type waitSettings } from './options.js'
import { Outcomes } from './outcomes.js'
import type { Owner } from './outgoing.js'
import { Partner } from './partner.js'
import { encodeLoad, encodeOffer, loadName, offerName, Roster } from './roster.js'
import { Server, type ServerLimits } from './server.js'
import type { Service } from './service.js'
import type { Figures } from './tally.js'
import { Waiters } from './waiters.js'

/** How often the load is advertised at most, milliseconds. */
const advertMs = 1_000
/** A change of less than this share of what was advertised is not worth telling all. */
const worthTelling = 0.1

/** How often how the services fare is told all, milliseconds, if nothing else is worth it. */
const figuresMs = 5_000

/** Names of services whose bytes are remembered. */
const namesMax = 1_024

/** A dispatcher, as far as it matters here. */
interface User {
  /** The peer stops, and takes no more calls. */
  stop(why: string): void
}

/** The dispatchers of one peer share one, which is made by the first of them. */
const switchboards = new WeakMap<object, Switchboard>()

/** The switchboard of a peer; undefined when it has no dispatcher. */
export function boardOf(peer: object): Switchboard | undefined {
  return switchboards.get(peer)
}

/**
 * All that is said about work between one peer and the others: takes frames apart, hands what is in them to those
 * whom it concerns, and notices who is gone.
 */
export class Switchboard implements ChannelListener {
  readonly channel: Channel
  readonly roster = new Roster()
  readonly client: Client
  readonly server: Server
  /** Work that outlives the peer, if it has a queue. */
  durable: Durable | undefined
  readonly #users = new Set<User>()
  /** Bounded by the peers known: idle ones go with their peer. */
  readonly #partners = new Map<string, Partner>()
  readonly #names = new Map<string, Uint8Array>()
  readonly #waiters: Waiters
  /** Those that have something to send at the end of this turn of the event loop. */
  #dirty: Partner[] = []
  #cancelFlush: (() => void) | undefined
  /** Whether the peer runs and there is somebody to work for. */
  #isOpen = false
  #life = 0
  /** What was advertised last. */
  #toldInflight = 0
  #toldStatus: unknown
  #toldStatusBytes: Uint8Array = new Uint8Array(0)
  #isTold = false
  #toldAt = -Infinity
  #countedFrom = 0
  /** Whether some service was said to be busy, so that it has to be said when it no longer is. */
  #toldBusy = false
  #cancelAdvert: (() => void) | undefined
  /** Adverts for which there was no room. */
  readonly #untold = new Map<string, Uint8Array | undefined>()
  #status: (() => unknown) | undefined

  /**
   * The switchboard of a peer.
   *
   * @throws TelepathineError `ERR_OPTION` for what is no peer
   */
  static of(peer: object, limits: ServerLimits): Switchboard {
    const channel = typeof peer === 'object' && peer !== null ? channelOf(peer) : undefined
    if (channel === undefined) throw new TelepathineError('ERR_OPTION', 'peer: allowed is a Telepathine')
    let board = switchboards.get(peer)
    if (board === undefined || board.#users.size === 0) {
      if (board !== undefined) channel.detach()
      board = new Switchboard(channel, limits)
      switchboards.set(peer, board)
      channel.attach(board)
    }
    return board
  }

  /** A dispatcher begins. */
  join(user: User): void {
    this.#users.add(user)
  }

  private constructor(channel: Channel, limits: ServerLimits) {
    this.channel = channel
    this.server = new Server(channel, limits)
    this.#waiters = new Waiters(channel.clock)
    this.roster.onChange(() => this.#waiters.look())
    const { maxPayloadBytes } = limits
    this.client = new Client({
      channel, roster: this.roster, maxPayloadBytes, partner: (name) => this.partner(name),
    })
  }

  /** From here on it is counted what becomes of calls, and how long they take. */
  measure(): void {
    this.client.outcomes ??= new Outcomes()
    this.server.outcomes ??= new Outcomes()
  }

  /**
   * A dispatcher has stopped; with the last of them all ends but this: calls are refused, as their callers may not have
   * heard yet that nothing is served here any more.
   */
  leave(user: User, why: string): void {
    this.#users.delete(user)
    this.#waiters.stop(user, why)
    if (this.#users.size > 0) return
    this.stopping()
    this.#isOpen = this.channel.isRunning
  }

  /** Settles all calls of one owner, or all there are. */
  stop(owner: Owner | undefined, why: string): void {
    this.client.stop(owner, this.#partners.values(), why)
  }

  /** The bytes of a service's name. @throws TelepathineError `ERR_KEY` */
  nameBytes(name: string): Uint8Array {
    let bytes = this.#names.get(name)
    if (bytes === undefined) {
      bytes = nameBytes('name', name, 'ERR_KEY')
      if (this.#names.size >= namesMax) this.#names.clear()
      this.#names.set(name, bytes)
    }
    return bytes
  }

  /** Resolves once so many serve it. */
  waitFor(user: User, name: string, { count, timeoutMs, signal }: ReturnType<typeof waitSettings>): Promise<void> {
    const isMet = (): boolean => this.roster.places(name).length >= count
    const what = `waiting for ${count} to serve ${JSON.stringify(name)}`
    return this.#waiters.wait(user, what, isMet, timeoutMs, signal)
  }

  /** What is between us and a peer. */
  partner(name: string): Partner {
    let partner = this.#partners.get(name)
    if (partner === undefined) {
      partner = new Partner(name, name === this.channel.name, {
        channel: this.channel,
        life: () => this.#life,
        schedule: (dirty) => this.#schedule(dirty),
        loop: (frame) => this.frame(frame, name),
      })
      this.#partners.set(name, partner)
    }
    return partner
  }

  // ---- offers

  /** Offers a service to all. */
  offer(service: Service): void {
    this.server.services.set(service.name, service)
    if (this.channel.isRunning) this.roster.offer(this.channel.name, service.name, service.offer)
    this.#advertise(offerName(service.name), encodeOffer(service.offer))
    this.#tellLoad()
    if (service.settings.durable && this.channel.isRunning) this.durable?.serve(service)
  }

  /** Offers it no more. */
  withdraw(service: Service): void {
    this.roster.offer(this.channel.name, service.name, undefined)
    this.#advertise(offerName(service.name), undefined)
  }

  /** What the load is taken from; undefined for the machine's load average. */
  get status(): (() => unknown) | undefined {
    return this.#status
  }

  set status(status: (() => unknown) | undefined) {
    this.#status = status
    this.#isTold = false
    this.#tellLoad()
  }

  // ---- what the channel tells

  started(): void {
    this.#isOpen = true
    this.#life = lifeOf(this.channel.incarnation)
    const own = this.channel.name
    this.roster.alive(own, true)
    for (const service of this.server.services.values()) this.offer(service)
  }

  stopping(): void {
    this.#isOpen = false
    this.durable?.stopping()
    this.server.stop()
    const why = `${this.channel.name} was stopped`
    this.stop(undefined, why)
    this.#waiters.stop(undefined, why)
    for (const user of this.#users) user.stop(why)
    this.#cancelAdvert?.()
    this.#cancelAdvert = undefined
    this.#isTold = false
    this.#flush()
    this.roster.forget(this.channel.name)
    this.#partners.clear()
  }

  frame(bytes: Uint8Array, from: string): void {
    if (!this.#isOpen) return
    const head = readFrameHead(bytes)
    if (head === undefined) return this.channel.rejected(from, 'not a frame of work')
    const partner = this.partner(from)
    if (!this.#lives(partner, head.sender)) return
    if (head.receiver !== 0 && head.receiver !== this.#life) return partner.touch()
    const frame = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    const isWell = readMessages(frame, (kind, serial, at, end) => this.#message(partner, frame, kind, serial, at, end))
    if (!isWell) this.channel.rejected(from, 'malformed frame of work')
  }

  linkUp(peer: string): void {
    const partner = this.#partners.get(peer)
    if (partner === undefined) return
    for (const call of partner.outgoing.values()) call.mayHaveLeft = true
    if (partner.isUp) this.#doubt(partner)
    partner.isUp = true
    partner.drained()
  }

  linkDown(peer: string, how: LinkDown): void {
    const partner = this.#partners.get(peer)
    if (partner === undefined) return
    partner.isUp = false
    if (how === 'closed') this.#doubt(partner)
    else this.#lost(partner, true)
    this.#forgetIdle(partner)
  }

  drained(peer: string): void {
    this.#partners.get(peer)?.drained()
  }

  peerUp(peer: string, incarnation: number): void {
    this.roster.alive(peer, true)
    const partner = this.#partners.get(peer)
    if (partner !== undefined) this.#lives(partner, lifeOf(incarnation))
  }

  peerDown(peer: string): void {
    this.roster.alive(peer, false)
    this.durable?.lost(peer)
    const partner = this.#partners.get(peer)
    if (partner === undefined) return
    this.#lost(partner, false)
    this.#forgetIdle(partner)
  }

  peerForgotten(peer: string): void {
    this.roster.forget(peer)
  }

  advert(peer: string, name: string, value: Uint8Array | undefined): void {
    this.roster.advert(peer, name, value)
  }

  // ---- messages

  #message(partner: Partner, frame: Buffer, kind: number, serial: number, at: number, end: number): boolean {
    return isFromWorker(kind)
      ? this.#fromWorker(partner, frame, kind, serial, at, end)
      : this.#fromCaller(partner, frame, kind, serial, at, end)
  }

  #fromCaller(partner: Partner, frame: Buffer, kind: number, serial: number, at: number, end: number): boolean {
    switch (kind) {
      case Kind.call:
        return this.server.call(partner, frame, serial, at, end)
      case Kind.cancel:
        this.server.cancel(partner, serial)
        return at === end
      case Kind.inputPiece:
        return this.server.piece(partner, frame, serial, at, end)
      case Kind.credit:
        if (end - at === 4) this.server.credit(partner, serial, readU32(frame, at))
        return end - at === 4
      case Kind.outputGot:
        if (end - at === 4) partner.outflows.confirm(Kind.outputPiece, serial, readU32(frame, at))
        return end - at === 4
      case Kind.areYouAt:
        this.server.areYouAt(partner, readSerials(frame, at, end))
        return true
      case Kind.probe:
        this.server.probe(partner)
        return at === end
      default:
        return false
    }
  }

  #fromWorker(partner: Partner, frame: Buffer, kind: number, serial: number, at: number, end: number): boolean {
    switch (kind) {
      case Kind.accept:
        return this.client.accepted(partner, frame, serial, at, end)
      case Kind.refuse:
        return this.client.refused(partner, frame, serial, at, end)
      case Kind.result:
      case Kind.failure:
      case Kind.chunk:
        return this.client.told(kind, partner, frame, serial, at, end)
      case Kind.outputPiece:
        return this.client.piece(partner, frame, serial, at, end)
      case Kind.inputGot:
        if (end - at === 4) partner.outflows.confirm(Kind.inputPiece, serial, readU32(frame, at))
        return end - at === 4
      case Kind.doYouWaitFor:
        this.client.doYouWaitFor(partner, readSerials(frame, at, end))
        return true
      case Kind.load:
        return this.client.probed(partner, frame, at, end)
      default:
        return false
    }
  }

  // ---- partners that go

  /** The connection is another one: what was on its way may be lost, and both sides ask. */
  #doubt(partner: Partner): void {
    this.client.inputsLost(partner)
    this.server.outputsLost(partner)
    ask(partner, Kind.areYouAt, partner.outgoing.values())
    ask(partner, Kind.doYouWaitFor, partner.incoming.values())
  }

  /** It cannot be reached, or is held for dead. */
  #lost(partner: Partner, isUnreached: boolean): void {
    partner.discard()
    this.server.callerLost(partner)
    this.client.workerLost(partner, isUnreached)
  }

  #forgetIdle(partner: Partner): void {
    if (partner.isIdle && this.#partners.get(partner.name) === partner) this.#partners.delete(partner.name)
  }

  /** It lives that life; false when that is over. In a later one than we knew it knows nothing of before. */
  #lives(partner: Partner, life: number): boolean {
    const known = partner.life
    if (life === known) return true
    if (known !== 0 && !isLater(life, known)) return false
    partner.life = life
    if (known === 0) return true
    this.server.callerLost(partner)
    this.client.workerLost(partner, false)
    this.roster.view(partner.name).reset()
    return true
  }

  #schedule(partner: Partner): void {
    this.#cancelFlush ??= this.channel.clock.soon(() => this.#flush())
    this.#dirty.push(partner)
  }

  #flush(): void {
    this.#cancelFlush?.()
    this.#cancelFlush = undefined
    const dirty = this.#dirty
    this.#dirty = []
    for (const partner of dirty) partner.endTurn()
  }

  // ---- adverts

  #advertise(name: string, value: Uint8Array | undefined): void {
    if (this.channel.advertise(name, value)) return
    // too much waits to be sent: the next time that the load is told, all is
    this.#untold.set(name, value)
    this.#tellLoad()
  }

  /** Tells all how busy we are, if that has changed, and looks again in a while. */
  #tellLoad(): void {
    if (this.#cancelAdvert !== undefined || !this.channel.isRunning) return
    const isIdle = this.server.services.size === 0 && this.#untold.size === 0
    if (isIdle) return
    this.#cancelAdvert = this.channel.clock.after(this.#isTold ? advertMs : 0, () => {
      this.#cancelAdvert = undefined
      const untold = [...this.#untold]
      this.#untold.clear()
      for (const [name, value] of untold) this.#advertise(name, value)
      this.#tellLoadNow()
      this.#tellLoad()
    })
  }

  #tellLoadNow(): void {
    const { inflight } = this.server
    const status = this.#currentStatus()
    const now = this.channel.clock.now()
    const isBusy = [...this.server.services.values()].some(({ tally, slots }) => !tally.isEmpty || !slots.isEmpty)
    const isDue = isBusy && !this.#toldBusy || (isBusy || this.#toldBusy) && now - this.#toldAt >= figuresMs
    if (!isBusy) this.#countedFrom = now
    const statusBytes = encodeLoad(0, 0, status)
    const isLoadNews = isWorth(inflight, this.#toldInflight, 1) || this.#isStatusNews(status, statusBytes)
    const isNews = !this.#isTold || isDue || isLoadNews
    if (!isNews) return
    const figures = isBusy ? this.#figures(now) : nothing
    const load = encodeLoad(this.server.load().stamp, inflight, status, figures)
    if (!this.channel.advertise(loadName, load)) return
    this.#isTold = true
    this.#toldAt = now
    this.#toldBusy = isBusy
    this.roster.view(this.channel.name).figures = figures
    this.#toldInflight = inflight
    this.#toldStatus = status
    this.#toldStatusBytes = statusBytes
    this.roster.view(this.channel.name).status = status
  }

  /** How the services that were called have fared since they were told of last, or were idle. */
  #figures(now: number): Map<string, Figures> {
    const ms = now - this.#countedFrom
    this.#countedFrom = now
    const busy = [...this.server.services].filter(([, { tally, slots }]) => !tally.isEmpty || !slots.isEmpty)
    return new Map(busy.map(([name, { tally, slots }]) => [name, tally.take(ms, slots)]))
  }

  #isStatusNews(status: unknown, bytes: Uint8Array): boolean {
    const told = this.#toldStatus
    if (this.#status !== undefined) return Buffer.compare(bytes, this.#toldStatusBytes) !== 0
    return typeof status !== 'number' || typeof told !== 'number' || isWorth(status, told, 0.1)
  }

  /** What the user says our load is; nothing when that fails. */
  #currentStatus(): unknown {
    if (this.#status === undefined) return this.channel.isReal ? loadAverage() : 0
    try {
      const status = this.#status()
      encodeLoad(0, 0, status)
      return status
    } catch {
      return undefined
    }
  }
}

const nothing: ReadonlyMap<string, Figures> = new Map()

function ask(partner: Partner, kind: Kind, calls: readonly { readonly serial: number }[]): void {
  const all = calls.map(({ serial }) => serial)
  for (let i = 0; i < all.length; i += serialsMax) partner.post(serialsMessage(kind, all.slice(i, i + serialsMax)))
}

function readSerials(frame: Buffer, at: number, end: number): number[] {
  const serials: number[] = []
  for (; at + 4 <= end; at += 4) serials.push(readU32(frame, at))
  return serials
}

/** Whether one life began after another; they count round and round, once in 49 days. */
function isLater(life: number, other: number): boolean {
  return (life - other) >>> 0 < 2 ** 31
}

function isWorth(value: number, told: number, least: number): boolean {
  const difference = Math.abs(value - told)
  return difference >= least && difference > worthTelling * Math.max(Math.abs(value), Math.abs(told))
}
