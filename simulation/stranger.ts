import { sumBytes, sumStart } from '../lib/gossip/hash.js'
import { pick, type Random } from '../lib/gossip/random.js'
import { VirtualTransport } from './transport.js'
import type { World } from './world.js'

/** Messages that are kept of what was overheard. */
const overheardMax = 64

/** Where a message names its cluster, and where that ends. */
const tagAt = 3
const tagEnds = 11

/** Checksum at the end of a datagram. */
const checksumBytes = 4

const tricks = ['noise', 'cut', 'flip', 'replay', 'foreign'] as const

interface Overheard {
  readonly via: 'datagram' | 'stream'
  readonly bytes: Uint8Array
}

/**
 * Somebody on the network who is no peer: overhears what peers send, and sends them noise, parts of messages, damaged
 * ones, old ones, and ones of another cluster. None of it may do any harm.
 */
export class Stranger {
  readonly #random: Random
  readonly #transport: VirtualTransport
  readonly #overheard: Overheard[] = []

  constructor(world: World, random: Random) {
    this.#random = random
    const machine = world.addMachine()
    machine.boot()
    this.#transport = new VirtualTransport(machine, world.network)
    const nothing = (): void => {}
    this.#transport.openNow(
      { maxDatagramBytes: 1_400, maxFrameBytes: 16 << 20 },
      {
        datagram: nothing,
        frame: nothing,
        linkUp: nothing,
        linkDown: nothing,
        drained: nothing,
        rejected: nothing,
        error: nothing,
      },
    )
    // what it has changed itself it must not change again: two changes of cluster are none, with a right checksum
    world.overheard = (via, bytes, from) => from === machine || this.#overhears(via, bytes)
  }

  /** Sends something that it should not. */
  bother(peer: string): void {
    const trick = pick(this.#random, tricks) ?? 'noise'
    const heard = pick(this.#random, this.#overheard)
    if (trick === 'noise' || heard === undefined) return this.#send(peer, this.#noise())
    const { via, bytes } = heard
    if (trick === 'replay') return this.#send(peer, heard)
    if (trick === 'cut') return this.#send(peer, { via, bytes: bytes.subarray(0, this.#random.below(bytes.length)) })
    // what comes over a connection has no checksum: whoever reaches the port could forge it
    if (via === 'datagram') this.#send(peer, { via, bytes: trick === 'flip' ? this.#flipped(bytes) : foreign(bytes) })
  }

  #overhears(via: 'datagram' | 'stream', bytes: Uint8Array): void {
    const at = this.#overheard.length < overheardMax ? this.#overheard.length : this.#random.below(overheardMax * 8)
    if (at < overheardMax) this.#overheard[at] = { via, bytes: bytes.slice() }
  }

  #send(peer: string, { via, bytes }: Overheard): void {
    if (via === 'datagram') this.#transport.sendDatagram(peer, [bytes])
    else this.#transport.sendFrame(peer, [bytes])
  }

  #noise(): Overheard {
    const bytes = new Uint8Array(this.#random.below(1_401)).map(() => this.#random.below(256))
    return { via: this.#random.below(2) === 0 ? 'datagram' : 'stream', bytes }
  }

  #flipped(bytes: Uint8Array): Uint8Array {
    const copy = bytes.slice()
    const at = this.#random.below(Math.max(1, copy.length))
    copy[at] = (copy[at] ?? 0) ^ (1 + this.#random.below(255))
    return copy
  }
}

/** The same message from a peer of another cluster, with a checksum that is right. */
function foreign(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice()
  for (let at = tagAt; at < tagEnds && at < copy.length; at++) copy[at] = (copy[at] ?? 0) ^ 0x55
  const ends = copy.length - checksumBytes
  if (ends >= tagEnds) new DataView(copy.buffer).setUint32(ends, sumBytes(sumStart, copy, 0, ends))
  return copy
}
