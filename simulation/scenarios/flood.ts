import { TelepathineError } from '../../lib/gossip/errors.js'
import type { BarePeer } from '../bare.js'
import type { Cluster } from './cluster.js'

/** Keys that a peer goes round in. */
const keys = 20

/** What became of one peer's updates. */
export interface Writer {
  readonly peer: BarePeer
  /** Whether it waits for `drain` when it is told to; who does not goes on until it is refused. */
  readonly isPatient: boolean
  /** When each update was taken, virtual milliseconds. */
  readonly setAtMs: number[]
  /** How many of them each other peer knows, by index: those in order, as a log has no gaps. */
  readonly known: number[]
  /** Updates taken although it was told to wait. */
  slowed: number
  /** Updates refused with `ERR_OVERLOAD`. */
  refused: number
  isWaiting: boolean
}

/** Peers that set as fast as they are let, or faster. */
export class Flood {
  readonly writers: readonly Writer[]
  readonly #cluster: Cluster
  readonly #everyMs: number
  readonly #valueBytes: number
  readonly #untilMs: number
  readonly #updatesEach: number

  constructor(cluster: Cluster, settings: { everyMs: number; valueBytes: number; untilMs: number; updates: number }) {
    this.#cluster = cluster
    this.#everyMs = settings.everyMs
    this.#valueBytes = settings.valueBytes
    this.#untilMs = settings.untilMs
    this.#updatesEach = settings.updates
    this.writers = cluster.peers.map((peer) => ({
      peer,
      isPatient: peer.index % 4 !== 3,
      setAtMs: [],
      known: [],
      slowed: 0,
      refused: 0,
      isWaiting: false,
    }))
    const byName = new Map(this.writers.map((writer) => [writer.peer.name, writer]))
    cluster.heard = (observer, notice) => {
      if (notice.kind === 'drain') (this.writers[observer.index] as Writer).isWaiting = false
      const writer = notice.kind === 'set' ? byName.get(notice.peer) : undefined
      if (notice.kind === 'set' && writer !== undefined) writer.known[observer.index] = numberOf(notice.value)
    }
    for (const writer of this.writers) this.#next(writer)
  }

  /** For how long each peer has lacked an update of each other, milliseconds; 0 when it lacks none. */
  staleness(): number[] {
    const { nowMs, peers } = this.#cluster
    return this.writers.flatMap(({ peer, setAtMs, known }) =>
      peers.flatMap(({ index }) => (index === peer.index ? [] : [nowMs - (setAtMs[known[index] ?? 0] ?? nowMs)])))
  }

  #next(writer: Writer): void {
    this.#cluster.world.time.after(this.#everyMs * 1_000 * this.#cluster.random.unit() * 2, {
      happen: () => {
        if (this.#cluster.nowMs >= this.#untilMs || writer.setAtMs.length >= this.#updatesEach) return
        if (!writer.isWaiting) this.#set(writer)
        this.#next(writer)
      },
    })
  }

  #set(writer: Writer): void {
    const number = writer.setAtMs.length + 1
    const value = new Uint8Array(this.#valueBytes)
    new DataView(value.buffer).setUint32(0, number)
    try {
      if (!writer.peer.set(`key ${number % keys}`, value)) {
        writer.slowed++
        writer.isWaiting = writer.isPatient
      }
    } catch (error) {
      if (!(error instanceof TelepathineError) || error.code !== 'ERR_OVERLOAD') throw error
      writer.refused++
      return
    }
    writer.setAtMs.push(this.#cluster.nowMs)
  }
}

function numberOf(value: Uint8Array): number {
  return new DataView(value.buffer, value.byteOffset).getUint32(0)
}
