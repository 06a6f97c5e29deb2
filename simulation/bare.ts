import { defaultConfig, type GossipConfig } from '../lib/gossip/config.js'
import { Gossip, type PeerView } from '../lib/gossip/gossip.js'
import type { LinkDown, TransportHandlers } from '../lib/net/transport.js'
import type { VirtualClock } from './clock.js'
import type { Machine } from './machine.js'
import { VirtualNotary } from './notary.js'
import type { Happening } from './queue.js'
import { classOf } from './traffic.js'
import { VirtualTransport } from './transport.js'
import type { Resident, World } from './world.js'

/**
 * A peer that is nothing but the protocol and its host: no emitter, no promises, no decoded values. Thousands of them
 * fit in one process, and they speak the same bytes over the same network as whole peers do.
 */
export class BarePeer implements Resident, TransportHandlers {
  readonly machine: Machine
  readonly index: number
  readonly name: string
  readonly #world: World
  readonly #config: GossipConfig
  readonly #seeds: readonly string[]
  #gossip: Gossip | undefined
  #transport: VirtualTransport | undefined
  #clock: VirtualClock | undefined
  #incarnation = 0
  /** The timer of this life. */
  #wake: Wake | undefined
  /** When wakes are on their way, the latest first, microseconds. */
  readonly #wakesAtUs: number[] = []

  constructor(world: World, seeds: readonly string[], config = defaultConfig) {
    this.#world = world
    this.machine = world.addMachine()
    this.index = this.machine.index
    this.name = this.machine.name
    this.#seeds = seeds
    this.#config = config
    world.residents.push(this)
  }

  get isUp(): boolean {
    return this.#gossip !== undefined
  }

  get life(): number {
    return this.machine.life
  }

  /** The machine of the protocol, for those who want to look. Throws when the peer is down. */
  get gossip(): Gossip {
    if (this.#gossip === undefined) throw new Error(`${this.name} is not running`)
    return this.#gossip
  }

  /** Sent and received so far in this life. */
  get transport(): VirtualTransport | undefined {
    return this.#transport
  }

  /**
   * Begins a life with nothing left of the one before, as a process does that keeps no snapshot: when the clock fell
   * meanwhile, its incarnation is below the last, and it has to find out.
   */
  start(): void {
    this.#clock = this.machine.boot()
    this.#transport = new VirtualTransport(this.machine, this.#world.network)
    const notary = this.#config.identified ? new VirtualNotary(this.name) : undefined
    this.#gossip = new Gossip(this.#config, this.#world.random.fork(`peer ${this.index}`), notary)
    this.#wake = new Wake(this, this.machine.life)
    this.#wakesAtUs.length = 0
    this.#incarnation = Math.floor(this.#clock.wall())
    this.#transport.openNow(this.#config, this)
    this.#gossip.start(this.name, this.#incarnation, this.#nowMs())
    this.#world.referee.began(this, this.#incarnation)
    for (const seed of this.#seeds) this.#gossip.join(seed)
    this.#act()
  }

  /** Dies on the spot. `silently`: the host goes with it, so that nobody is even refused. */
  crash(silently = true): void {
    if (!this.isUp) return
    this.#world.referee.ended(this, 'crashed')
    this.machine.crash(silently)
    this.#gossip = undefined
  }

  /** Says goodbye and ends. */
  leave(): void {
    this.gossip.tick(this.#nowMs())
    this.gossip.leave(this.#nowMs())
    this.#act()
    this.#world.referee.ended(this, 'left')
    const wakeMs = this.gossip.nextWake()
    if (wakeMs < Infinity) {
      this.#world.referee.report('nothing left after stop', [this.name], 'no wake', `one at ${wakeMs} ms`)
    }
    this.#gossip = undefined
    void this.#transport?.close()
    this.machine.crash(false)
  }

  /** Sets an own key; see {@link Gossip.set}. */
  set(key: string, value: Uint8Array, ttlMs?: number): boolean {
    const isBelow = this.gossip.set(key, value, ttlMs, this.#nowMs())
    this.#world.referee.chronicle.wrote(this.name, key, value, this.#nowMs() + (ttlMs ?? Infinity))
    this.#wakeLater(this.gossip)
    return isBelow
  }

  /** Deletes an own key; see {@link Gossip.delete}. */
  delete(key: string): boolean {
    const wasThere = this.gossip.delete(key, this.#nowMs())
    if (wasThere) this.#world.referee.chronicle.wrote(this.name, key, undefined, Infinity)
    this.#wakeLater(this.gossip)
    return wasThere
  }

  /** Says something; see {@link Gossip.say}. */
  say(event: string, value: Uint8Array, lifetimeMs = 20_000): boolean {
    const isBelow = this.gossip.say(event, value, lifetimeMs, false, this.#nowMs())
    this.#world.referee.chronicle.said(this.name, event, value, this.#nowMs() + lifetimeMs)
    this.#wakeLater(this.gossip)
    return isBelow
  }

  view(peer: string): PeerView | undefined {
    return this.#gossip?.peer(peer)
  }

  read(peer: string, key: string): { value: Uint8Array; version: number } | undefined {
    return this.#gossip?.get(peer, key, this.#nowMs())
  }

  keys(peer: string): string[] {
    return this.#gossip?.keys(peer, this.#nowMs()) ?? []
  }

  live(): string[] {
    return this.#gossip?.peers('live') ?? []
  }

  #nowMs(): number {
    return this.#world.time.nowMs
  }

  datagram(bytes: Uint8Array, from: string): void {
    this.#receive(bytes, 'datagram', from)
  }

  frame(bytes: Uint8Array, from: string): void {
    this.#receive(bytes, 'stream', from)
  }

  linkUp(peer: string): void {
    this.#gossip?.linkUp(peer, this.#nowMs())
    this.#act()
  }

  linkDown(peer: string, how: LinkDown): void {
    this.#gossip?.linkDown(peer, how, this.#nowMs())
    this.#act()
  }

  drained(peer: string): void {
    this.#gossip?.backlog(peer, this.#transport?.backlog(peer) ?? 0, this.#nowMs())
    this.#act()
  }

  rejected(): void {}

  error(error: Error): void {
    throw error
  }

  #receive(bytes: Uint8Array, via: 'datagram' | 'stream', from: string): void {
    const gossip = this.#gossip
    if (gossip === undefined) return
    try {
      if (!gossip.receive(bytes, via, from, this.#nowMs())) return this.#world.stepped(this)
    } catch (error) {
      return this.#threw(error)
    }
    // only what is told of others can tell a peer that it was outbid
    if (classOf(bytes) !== 'liveness') this.#noteIncarnation(gossip)
    this.#act()
  }

  /** Whatever came in, nothing may be thrown. A process would have died of it, and so does this one. */
  #threw(error: unknown): void {
    const found = error instanceof Error ? (error.stack ?? error.message) : String(error)
    this.#world.referee.report('nothing throws', [this.name], 'input to be dropped or taken', found)
    this.crash(false)
  }

  #noteIncarnation({ incarnation }: Gossip): void {
    if (incarnation <= this.#incarnation) return
    this.#incarnation = incarnation
    this.#world.referee.chronicle.known(this.name, incarnation)
  }

  /** Performs what the protocol wants done, and sees to it that it is woken when it wants to be. */
  #act(): void {
    const gossip = this.#gossip
    const transport = this.#transport
    if (gossip === undefined || transport === undefined) return
    const { links, sends, drops, notices } = gossip.drain()
    if (links !== undefined) transport.keep(links)
    for (const peer of drops) transport.drop(peer)
    for (const { to, via, parts } of sends) {
      if (via === 'datagram') transport.sendDatagram(to, parts)
      else gossip.backlog(to, transport.sendFrame(to, parts), this.#nowMs())
    }
    if (notices.length > 0) this.#world.noticed(this, notices)
    this.#world.stepped(this)
    this.#wakeLater(gossip)
  }

  #wakeLater(gossip: Gossip): void {
    const wakeMs = gossip.nextWake() - this.#nowMs()
    // like any host's: timers count whole milliseconds, and even "at once" takes its microsecond
    const atUs = this.#world.time.nowUs + (wakeMs <= 0 ? 1 : Math.ceil(wakeMs) * 1_000)
    // an earlier wake that is on its way will do: it looks again; and so will one that differs by the rounding alone
    const roundedUs = wakeMs <= 0 ? 0 : 999
    if (atUs === Infinity || (this.#wakesAtUs.at(-1) ?? Infinity) <= atUs + roundedUs || !this.#wake) return
    this.#wakesAtUs.push(atUs)
    this.#world.time.at(atUs, this.#wake)
  }

  /** Time to look at the protocol: the soonest of the wakes is here. */
  wake(): void {
    const gossip = this.#gossip
    this.#wakesAtUs.pop()
    if (gossip === undefined) return
    if (gossip.nextWake() > this.#nowMs()) return this.#wakeLater(gossip)
    try {
      gossip.tick(this.#nowMs())
    } catch (error) {
      return this.#threw(error)
    }
    this.#act()
  }
}

/** A bare peer's timer. After a stall it comes last: nobody is to be judged before it was read what they sent. */
class Wake implements Happening {
  readonly #peer: BarePeer
  readonly #life: number

  constructor(peer: BarePeer, life: number) {
    this.#peer = peer
    this.#life = life
  }

  happen(): void {
    const { machine } = this.#peer
    if (machine.life !== this.#life || machine.holds('soon', this)) return
    this.#peer.wake()
  }
}
