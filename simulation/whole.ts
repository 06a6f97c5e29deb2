import { channelOf } from '../lib/channel.js'
import type { Notice } from '../lib/gossip/effects.js'
import type { PeerView } from '../lib/gossip/gossip.js'
import type { TelepathineOptions } from '../lib/options.js'
import { Telepathine } from '../lib/telepathine.js'
import type { KnowHandler, PeerInfo } from '../lib/types.js'
import { encodeValue } from '../lib/values.js'
import { checkLeftovers } from './checks/leftovers.js'
import type { VirtualClock } from './clock.js'
import type { Machine } from './machine.js'
import { VirtualTransport } from './transport.js'
import type { Resident, World } from './world.js'

/** A whole peer on a machine: the real class on virtual time and network, with all it says and hears on record. */
export class WholePeer implements Resident {
  readonly machine: Machine
  readonly index: number
  readonly name: string
  readonly #world: World
  readonly #seeds: readonly string[]
  readonly #options: TelepathineOptions
  #peer: Watched
  #transport: VirtualTransport
  #clock: VirtualClock
  /** Said before the start: virtual time until which it may be heard. */
  #unsaid: { readonly event: string; readonly value: Uint8Array; readonly untilMs: number }[] = []
  #isRunning = false
  life = 0

  constructor(world: World, seeds: readonly string[], options: TelepathineOptions) {
    this.#world = world
    this.machine = world.addMachine()
    this.index = this.machine.index
    this.name = this.machine.name
    this.#seeds = seeds
    this.#options = options
    ;[this.#peer, this.#transport, this.#clock] = this.#make()
    world.residents.push(this)
  }

  /** What the user holds; another one after each restart. */
  get peer(): Telepathine {
    return this.#peer
  }

  get isUp(): boolean {
    return this.#isRunning
  }

  /** Dies on the spot; see {@link Machine.crash}. */
  crash(silently: boolean): void {
    if (this.#isRunning) this.#world.referee.ended(this, 'crashed')
    this.#isRunning = false
    this.machine.crash(silently)
  }

  /** Puts a new peer in the place of the old one, with nothing left of it. Does not start it. */
  renew(): Telepathine {
    this.crash(false)
    this.#unsaid = []
    ;[this.#peer, this.#transport, this.#clock] = this.#make()
    return this.peer
  }

  view(peer: string): PeerView | undefined {
    return this.#peer.viewOf(peer)
  }

  read(peer: string, key: string): { value: Uint8Array; version: undefined } | undefined {
    const value = peer === this.name ? this.#peer.get(key) : this.#peer.getRemote(peer, key)
    const isThere = value !== undefined || this.keys(peer).includes(key)
    return isThere ? { value: encoded(value), version: undefined } : undefined
  }

  keys(peer: string): string[] {
    return peer === this.name ? this.#peer.keys() : this.#peer.getRemoteKeys(peer)
  }

  live(): string[] {
    return this.#peer.livePeers()
  }

  #make(): [Watched, VirtualTransport, VirtualClock] {
    const clock = this.machine.boot()
    const transport = new VirtualTransport(this.machine, this.#world.network)
    const { host: address, port } = this.machine
    const random = this.#world.random.fork(`peer ${this.index}`)
    const peer = new Watched(port, this.#seeds, { ...this.#options, address, clock, random, transport })
    // an old instance that its user still holds has nothing to say any more
    const isCurrent = (): boolean => this.#peer === peer
    peer.watchedBy({
      noticed: (notice) => void (isCurrent() && this.#noticed(notice)),
      wrote: (key, value, expiresAt) => void (isCurrent() && this.#wrote(key, value, expiresAt)),
      said: (event, value, durationMs) => void (isCurrent() && this.#said(event, value, durationMs)),
      believes: () => void (isCurrent() && this.#believes()),
      began: () => void (isCurrent() && this.#began()),
      leaves: () => void (isCurrent() && this.#leaves()),
      stopped: () => void (isCurrent() && this.#stopped()),
    })
    return [peer, transport, clock]
  }

  #noticed(notice: Notice): void {
    if (notice.kind === 'peer:new') {
      const { chronicle } = this.#world.referee
      const known = chronicle.current(notice.peer)?.incarnations ?? []
      const isNew = known.every((incarnation) => incarnation < notice.incarnation)
      if (isNew) chronicle.known(notice.peer, notice.incarnation)
    }
    this.#world.noticed(this, [notice])
  }

  #wrote(key: string, value: Uint8Array | undefined, expiresAt: number | undefined): void {
    if (!this.#isRunning) return
    const ttlMs = expiresAt === undefined ? Infinity : expiresAt - this.#clock.wall()
    this.#world.referee.chronicle.wrote(this.name, key, value, this.#world.time.nowMs + ttlMs)
  }

  #said(event: string, value: Uint8Array, durationMs: number): void {
    const untilMs = this.#world.time.nowMs + durationMs
    if (this.#isRunning) this.#world.referee.chronicle.said(this.name, event, value, untilMs)
    else this.#unsaid.push({ event, value, untilMs })
  }

  #believes(): void {
    const life = this.#isRunning ? this.#world.referee.chronicle.current(this.name) : undefined
    if (life !== undefined) life.isBeliever = true
  }

  #began(): void {
    this.#isRunning = true
    this.life++
    // by its own word: others may hear of this life only when it is over
    this.#world.referee.began(this, channelOf(this.#peer)?.incarnation)
    const { chronicle } = this.#world.referee
    for (const [key, value] of this.#peer.entries()) chronicle.wrote(this.name, key, encoded(value), Infinity)
    for (const { event, value, untilMs } of this.#unsaid.splice(0)) chronicle.said(this.name, event, value, untilMs)
    if (this.#peer.isBeliever) this.#believes()
  }

  #leaves(): void {
    if (this.#isRunning) this.#world.referee.ended(this, 'left')
    this.#isRunning = false
  }

  #stopped(): void {
    checkLeftovers(this.name, this.#clock, this.#transport, this.#world.referee.report)
  }
}

/** What is told of a watched peer. */
interface Watcher {
  noticed(notice: Notice): void
  /** Set, or without a value deleted. */
  wrote(key: string, value: Uint8Array | undefined, expiresAt: number | undefined): void
  said(event: string, value: Uint8Array, durationMs: number): void
  believes(): void
  began(): void
  leaves(): void
  stopped(): void
}

/**
 * The peer itself, with someone looking over its shoulder. It tells what it announces where it announces it, so there
 * are no listeners that a user could see or take off.
 */
class Watched extends Telepathine {
  isBeliever = false
  #watcher: Watcher | undefined

  watchedBy(watcher: Watcher): void {
    this.#watcher = watcher
  }

  override set(key: string, value: unknown, expiresAt?: number): boolean {
    const isBelow = super.set(key, value, expiresAt)
    this.#watcher?.wrote(key, encoded(value), expiresAt)
    return isBelow
  }

  override delete(key: string): boolean {
    const wasThere = super.delete(key)
    if (wasThere) this.#watcher?.wrote(key, undefined, undefined)
    return wasThere
  }

  override say(event: string, data?: unknown, durationMS = 20_000, buffer = false): boolean {
    const isBelow = super.say(event, data, durationMS, buffer)
    this.#watcher?.said(event, encoded(data), durationMS)
    return isBelow
  }

  override believe<T = unknown>(key: string, believed?: KnowHandler<T>): () => void {
    this.isBeliever = true
    this.#watcher?.believes()
    return super.believe(key, believed)
  }

  override viewOf(peer: string): PeerView | undefined {
    return super.viewOf(peer)
  }

  override stop(): Promise<void> {
    this.#watcher?.leaves()
    return super.stop()
  }

  protected override isHeard(name: string): boolean {
    return name === 'set' || super.isHeard(name)
  }

  protected override isWanted(family: string): boolean {
    return family === 'say' || family === 'key' || super.isWanted(family)
  }

  protected override announce(name: string, ...values: readonly unknown[]): boolean {
    if (name === 'start') this.#watcher?.began()
    const notice = noticeOf(name, values)
    if (notice !== undefined) this.#watcher?.noticed(notice)
    const wasHeard = super.announce(name, ...values)
    if (name === 'stop') this.#watcher?.stopped()
    return wasHeard
  }

  protected override announceIn(family: string, name: string, ...values: readonly unknown[]): boolean {
    const notice = family === 'say' ? eventOf(name, values) : noticeOf(`${family}:${name}`, values)
    if (notice !== undefined && family !== 'set') this.#watcher?.noticed(notice)
    return super.announceIn(family, name, ...values)
  }
}

/** The notice that an announcement came from; undefined for what is none. */
function noticeOf(name: string, values: readonly unknown[]): Notice | undefined {
  const [first, second, third] = values
  const peer = String(first)
  switch (name) {
    case 'set':
      if (second === '__heartbeat__') return undefined
      return { kind: 'set', peer, key: String(second), value: encoded(third), deadline: undefined }
    case 'delete':
      return { kind: 'delete', peer, key: String(second) }
    case 'key:expired':
      return { kind: 'expired', peer, key: String(second), value: encoded(third), deadline: 0 }
    case 'events:missed':
      return { kind: 'missed', peer, count: Number(second) }
    case 'peer:new': {
      const { name: known, incarnation } = first as PeerInfo
      return { kind: 'peer:new', peer: known, incarnation, metadata: nothing }
    }
    case 'peer:start':
      return { kind: 'peer:start', peer }
    case 'peer:stop':
      return { kind: 'peer:stop', peer, reason: second === 'left' ? 'left' : 'failed' }
    case 'peer:forgotten':
      return { kind: 'peer:forgotten', peer }
    default:
      return undefined
  }
}

function eventOf(event: string, [data, from]: readonly unknown[]): Notice {
  return { kind: 'event', peer: String(from), event, value: encoded(data) }
}

const nothing = new Uint8Array(0)

/** A copy: the encoder's own bytes are good until it is used again. */
function encoded(value: unknown): Uint8Array {
  return encodeValue(value, Infinity).slice()
}
