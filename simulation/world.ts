import type { Notice } from '../lib/gossip/effects.js'
import { seededRandom, type Random } from '../lib/gossip/random.js'
import type { Conditions } from './conditions.js'
import { Machine } from './machine.js'
import { Network, type Tap } from './network.js'
import type { Happening } from './queue.js'
import { Referee, type Bench, type Check, type Observed } from './referee.js'
import { VirtualTime } from './time.js'
import { Trace } from './trace.js'
import { classOf, count, noTraffic, type Count, type TrafficClass } from './traffic.js'

/** What a world begins with. */
export interface WorldOptions {
  readonly seed: number
  /** What is not as on a good local network. */
  readonly conditions?: Partial<Conditions>
  readonly checks?: readonly ((bench: Bench) => Check)[]
  /** Between two rounds of the costly checks, milliseconds. */
  readonly sweepMs?: number
  /** The checks look through the eyes of every so-manieth peer only; 1 for all. What they remember grows with pairs. */
  readonly watchEvery?: number
}

/** A peer of either kind, bare or whole, as the world holds it. */
export interface Resident extends Observed {
  readonly machine: Machine
  readonly isUp: boolean
}

/**
 * Time, a network, machines, and someone who keeps the books: all that a run needs beside the peers themselves.
 * Everything random comes from one seed, and every message and notice goes into the trace.
 */
export class World implements Tap {
  readonly time = new VirtualTime()
  readonly trace = new Trace()
  readonly random: Random
  readonly network: Network
  readonly referee: Referee
  readonly residents: Resident[] = []
  /** What was sent, by class of traffic. */
  readonly sentAs: Readonly<Record<TrafficClass, Count>> = noTraffic()
  /** Called with all that a peer hears. */
  heard: (observer: Resident, notices: readonly Notice[]) => void = () => {}
  /** Called with every message that is handed to a peer, and the machine that sent it. */
  overheard: ((via: 'datagram' | 'stream', bytes: Uint8Array, from: Machine) => void) | undefined
  readonly #sweepMs: number
  readonly #watchEvery: number

  constructor(options: WorldOptions) {
    this.random = seededRandom(options.seed)
    this.network = new Network(this.time, this.random.fork('network'), this, options.conditions)
    this.referee = new Referee(() => this.time.nowMs, options.checks ?? [])
    this.#sweepMs = options.sweepMs ?? 1_000
    this.#watchEvery = options.watchEvery ?? 1
    this.#sweepLater()
  }

  /** A new machine, plugged in and switched off. */
  addMachine(): Machine {
    const machine = new Machine(this.time, this.network.size)
    this.network.attach(machine)
    return machine
  }

  /** Those that are running. */
  up(): Resident[] {
    return this.residents.filter((resident) => resident.isUp)
  }

  /** Lets time go on by `ms`. For peers without promises; with them the steps must be taken one by one. */
  run(ms: number): void {
    const untilUs = this.time.nowUs + Math.round(ms * 1_000)
    while (this.time.step(untilUs));
  }

  /** Lets time go on until something holds, asked every `everyMs`; false when it does not within `maxMs`. */
  runUntil(holds: () => boolean, maxMs: number, everyMs = 10): boolean {
    for (let leftMs = maxMs; leftMs > 0; leftMs -= everyMs) {
      if (holds()) return true
      this.run(Math.min(everyMs, leftMs))
    }
    return holds()
  }

  /** A peer hears something. */
  noticed(observer: Resident, notices: readonly Notice[]): void {
    this.trace.number(this.time.nowUs)
    this.trace.number(observer.index)
    for (const notice of notices) this.#traceNotice(notice)
    if (observer.index % this.#watchEvery === 0) this.referee.noticed(observer, notices)
    this.heard(observer, notices)
  }

  sent(from: Machine, _to: string, via: 'datagram' | 'stream', bytes: Uint8Array): void {
    const kind = classOf(bytes)
    count(this.sentAs, kind, bytes.length)
    count(from.sent, kind, bytes.length)
    this.referee.sent(from.index, via, kind, bytes.length)
  }

  /** A peer did something, and what it wanted done is done. */
  stepped(observer: Resident): void {
    if (observer.index % this.#watchEvery === 0) this.referee.stepped(observer)
  }

  delivered(from: Machine, to: Machine, via: 'datagram' | 'stream', bytes: Uint8Array): void {
    this.trace.number(this.time.nowUs)
    this.trace.number(from.index * 0x100_0000 + to.index * 2 + (via === 'stream' ? 1 : 0))
    this.trace.bytes(bytes)
    this.overheard?.(via, bytes, from)
  }

  #traceNotice(notice: Notice): void {
    this.trace.text(notice.kind)
    if ('peer' in notice) this.trace.text(notice.peer)
    if ('key' in notice) this.trace.text(notice.key)
    if ('value' in notice) this.trace.bytes(notice.value)
  }

  #sweepLater(): void {
    const sweep: Happening = {
      happen: () => {
        const up = this.up()
        this.referee.sweep(up, up.filter(({ index }) => index % this.#watchEvery === 0))
        this.#sweepLater()
      },
    }
    this.time.after(this.#sweepMs * 1_000, sweep)
  }
}
