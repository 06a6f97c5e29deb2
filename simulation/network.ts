import { happens, type Random } from '../lib/gossip/random.js'
import { checkConditions, localNetwork, type Conditions } from './conditions.js'
import type { Machine } from './machine.js'
import type { Happening } from './queue.js'
import type { VirtualTime } from './time.js'

/** Who wants to know what goes over the wires. */
export interface Tap {
  /**
   * A message leaves; it may never arrive.
   *
   * @internal
   */
  sent(from: Machine, to: string, via: 'datagram' | 'stream', bytes: Uint8Array): void
  /**
   * A message is handed to the peer on `to`.
   *
   * @internal
   */
  delivered(from: Machine, to: Machine, via: 'datagram' | 'stream', bytes: Uint8Array): void
}

/** What a machine's own queue in front of a slow uplink holds before datagrams are thrown away. */
const uplinkQueueMs = 100

/**
 * What lies between the machines: every direction of every link has {@link Conditions}, the same for all unless said
 * otherwise; machines can be parted into groups, and links can be clogged. Here is decided what becomes of a message.
 */
export class Network {
  /** @internal */
  readonly time: VirtualTime
  readonly #random: Random
  readonly #tap: Tap
  readonly #machines: Machine[] = []
  readonly #byName = new Map<string, Machine>()
  #usual: Conditions
  /** Links that are not as usual, by {@link linkKey}: what differs, and the conditions that result. */
  readonly #unusual = new Map<number, { differs: Partial<Conditions>; result: Conditions }>()
  readonly #cloggedUntilUs = new Map<number, number>()

  constructor(time: VirtualTime, random: Random, tap: Tap, usual: Partial<Conditions> = {}) {
    this.time = time
    this.#random = random
    this.#tap = tap
    this.#usual = checkConditions({ ...localNetwork, ...usual })
  }

  /** What holds on every link that is not set otherwise. */
  get usual(): Conditions {
    return this.#usual
  }

  /**
   * How many machines there are.
   *
   * @internal
   */
  get size(): number {
    return this.#machines.length
  }

  /**
   * Plugs a machine in.
   *
   * @internal
   */
  attach(machine: Machine): void {
    this.#machines.push(machine)
    this.#byName.set(machine.name, machine)
  }

  /**
   * The machine that answers under an address; undefined when there is none.
   *
   * @internal
   */
  machine(address: string): Machine | undefined {
    return this.#byName.get(address)
  }

  /** Changes all links (those that were set by {@link link} keep what was set). */
  set(changes: Partial<Conditions>): void {
    this.#usual = checkConditions({ ...this.#usual, ...changes })
    for (const link of this.#unusual.values()) link.result = { ...this.#usual, ...link.differs }
    this.#changed()
  }

  /**
   * Changes the link from one machine to another, in that direction only: `{ streams: false }` lets UDP through and not
   * TCP, `{ datagrams: false }` the other way round. Machines go by the index of their peer.
   *
   * @throws RangeError when there is no such peer, or conditions cannot be
   */
  link(from: number, to: number, changes: Partial<Conditions>): void {
    const key = this.#key(from, to)
    const differs = { ...this.#unusual.get(key)?.differs, ...changes }
    this.#unusual.set(key, { differs, result: checkConditions({ ...this.#usual, ...differs }) })
    this.#changed()
  }

  /** Lets nothing through from one machine to another; the other direction stays as it is. */
  cut(from: number, to: number): void {
    this.link(from, to, { datagrams: false, streams: false })
  }

  /** Makes the link from one machine to another as usual again. */
  mend(from: number, to: number): void {
    this.#unusual.delete(this.#key(from, to))
    this.#cloggedUntilUs.delete(this.#key(from, to))
    this.#changed()
  }

  /** Holds up for `ms` what is sent from one machine to another; then it all comes at once. */
  clog(from: number, to: number, ms: number): void {
    this.#cloggedUntilUs.set(this.#key(from, to), this.time.nowUs + Math.ceil(ms * 1_000))
  }

  /** Parts the machines: those of one group reach each other and nobody else. Those in no group are one together. */
  partition(...groups: readonly (readonly number[])[]): void {
    for (const machine of this.#machines) machine.part = 0
    groups.forEach((group, index) => {
      for (const member of group) {
        this.#at(member).part = index + 1
      }
    })
    this.#changed()
  }

  /** Undoes partitions, cuts, clogging and everything else that was set for single links. */
  heal(): void {
    for (const machine of this.#machines) machine.part = 0
    this.#unusual.clear()
    this.#cloggedUntilUs.clear()
    this.#changed()
  }

  /**
   * Whether anything sent now this way could arrive.
   *
   * @internal
   */
  passes(from: Machine, to: Machine, via: 'datagram' | 'stream'): boolean {
    if (from.part !== to.part) return false
    const conditions = this.conditions(from, to)
    return via === 'datagram' ? conditions.datagrams : conditions.streams
  }

  /**
   * How one direction of a link behaves now.
   *
   * @internal
   */
  conditions(from: Machine, to: Machine): Conditions {
    if (this.#unusual.size === 0) return this.#usual
    return this.#unusual.get(linkKey(from.index, to.index))?.result ?? this.#usual
  }

  /**
   * Microseconds until something of `bytes` that is sent now arrives, if nothing goes wrong on the way.
   *
   * @internal
   */
  travelUs(from: Machine, to: Machine, bytes: number): number {
    const [least, most] = this.conditions(from, to).latencyMs
    const leavesUs = this.#leave(from, bytes)
    const arrivesUs = leavesUs + (least + (most - least) * this.#random.unit()) * 1_000
    if (this.#cloggedUntilUs.size === 0) return arrivesUs
    const cloggedUntilUs = this.#cloggedUntilUs.get(linkKey(from.index, to.index)) ?? 0
    return Math.max(arrivesUs, cloggedUntilUs - this.time.nowUs)
  }

  /** True in `chance` of the cases. */
  chance(chance: number): boolean {
    return happens(this.#random, chance)
  }

  /** A number in [0, 1). */
  unit(): number {
    return this.#random.unit()
  }

  /**
   * Sends a datagram on its way, to whatever end. One of more than `maxBytes` goes nowhere.
   *
   * @internal
   */
  sendDatagram(from: Machine, address: string, bytes: Uint8Array, maxBytes: number): void {
    this.#tap.sent(from, address, 'datagram', bytes)
    const to = this.#byName.get(address)
    if (to === undefined || bytes.length > maxBytes || !this.passes(from, to, 'datagram')) return
    const conditions = this.conditions(from, to)
    if (happens(this.#random, conditions.loss)) return
    if (from.uplinkFreeAtUs - this.time.nowUs > uplinkQueueMs * 1_000) return
    const copies = happens(this.#random, conditions.duplication) ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      let travelUs = this.travelUs(from, to, bytes.length)
      if (happens(this.#random, conditions.reordering)) {
        travelUs += conditions.latencyMs[1] * 10_000 * this.#random.unit()
      }
      const arrives = happens(this.#random, conditions.corruption) ? this.#corrupted(bytes) : bytes
      this.time.after(travelUs, new Datagram(from, to, arrives))
    }
  }

  /**
   * Tells the tap that a frame leaves.
   *
   * @internal
   */
  frameSent(from: Machine, to: string, bytes: Uint8Array): void {
    this.#tap.sent(from, to, 'stream', bytes)
  }

  /**
   * Tells the tap that a message is there.
   *
   * @internal
   */
  delivered(from: Machine, to: Machine, via: 'datagram' | 'stream', bytes: Uint8Array): void {
    this.#tap.delivered(from, to, via, bytes)
  }

  #at(index: number): Machine {
    const machine = this.#machines[index]
    if (machine === undefined) throw new RangeError(`there is no peer ${index}`)
    return machine
  }

  #key(from: number, to: number): number {
    return linkKey(this.#at(from).index, this.#at(to).index)
  }

  /** Takes the sender's line for `bytes`, and says how long it takes until they are out. */
  #leave(from: Machine, bytes: number): number {
    if (from.uplinkBytesPerSecond === Infinity) return 0
    const startsUs = Math.max(this.time.nowUs, from.uplinkFreeAtUs)
    from.uplinkFreeAtUs = startsUs + (bytes * 1_000_000) / from.uplinkBytesPerSecond
    return from.uplinkFreeAtUs - this.time.nowUs
  }

  #corrupted(bytes: Uint8Array): Uint8Array {
    const copy = bytes.slice()
    const bit = this.#random.below(Math.max(1, copy.length * 8))
    copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    return copy
  }

  /** Streams that stand still because nothing got through may go on. */
  #changed(): void {
    for (const machine of this.#machines) machine.socket?.networkChanged()
  }
}

/** One datagram under way. */
class Datagram implements Happening {
  readonly #from: Machine
  readonly #to: Machine
  readonly #bytes: Uint8Array

  constructor(from: Machine, to: Machine, bytes: Uint8Array) {
    this.#from = from
    this.#to = to
    this.#bytes = bytes
  }

  happen(): void {
    const to = this.#to
    if (to.socket === undefined || to.holdsDatagram(this.#bytes.length, this)) return
    to.wakes()
    to.socket.arrives(this.#bytes, this.#from)
  }
}

/** A direction of a link as one number. */
function linkKey(from: number, to: number): number {
  return from * 0x100_0000 + to
}
