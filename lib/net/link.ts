import type { Connection } from './connection.js'
import type { SocketLimits } from './limits.js'
import { Outbox } from './outbox.js'
import type { Traffic } from './transport.js'

/** Bulk that one link may write before other links and input get their turn. */
const burstBytesMax = 1 << 20

/** All there is with one peer: the frames that wait, the connection they go over, and the attempts to get one. */
export class Link {
  /** Name of the peer; until it said that, the address that was asked for. */
  name: string
  /** Other addresses that led to this peer. */
  readonly aliases: string[] = []
  /** Whether a connection is wanted even with nothing to send. */
  kept = false
  /** What frames go over; undefined while there is none. */
  connection: Connection | undefined
  /** The connection being made: dialled, and the other side has not said hello. */
  dial: Connection | undefined
  /** Set while waiting to dial again. */
  retry: NodeJS.Timeout | undefined
  /** Whether it is the first dial that waits, as the other side is likely to dial. */
  givesWay = false
  /** Connections lost or not come about since the last one that lasted. */
  strikes = 0
  /** Whether the last dial was let in and shut out. */
  doubted = false
  /** Whether a flush is on its way. */
  scheduled = false
  /** When the connection came about, by `performance.now()`. */
  upAtMs = 0
  readonly outbox = new Outbox()
  readonly #limits: SocketLimits
  readonly #traffic: Traffic
  #high = false
  #burstBytes = 0

  constructor(name: string, limits: SocketLimits, traffic: Traffic) {
    this.name = name
    this.#limits = limits
    this.#traffic = traffic
  }

  /** Bytes that wait, whether here or with the connection. */
  get backlogBytes(): number {
    return this.outbox.bytes + (this.connection?.unsentBytes ?? 0)
  }

  /** Adds a frame; drops it when too much is waiting. */
  add(parts: readonly Uint8Array[]): void {
    let bytes = 0
    for (const part of parts) bytes += part.length
    const backlog = this.backlogBytes
    if (backlog > 0 && backlog + bytes > this.#limits.linkBytesMax) {
      this.#traffic.dropped++
      return
    }
    this.outbox.add(parts)
    if (backlog + bytes >= this.#limits.highWaterBytes) this.#high = true
  }

  /** Begins to send what waits; whoever calls this has let others have their turn. */
  flush(): void {
    this.scheduled = false
    this.#burstBytes = 0
    this.#writeNext()
  }

  /** A write is through: goes on with the next. Returns false when it is time for others to have their turn. */
  proceed(): boolean {
    if (this.#burstBytes >= burstBytesMax && this.outbox.bytes > 0) return false
    this.#writeNext()
    return true
  }

  /** True once each time that the backlog has been high and is low now. */
  hasDrained(): boolean {
    if (!this.#high || this.backlogBytes > this.#limits.lowWaterBytes) return false
    this.#high = false
    return true
  }

  /** Drops the frames that wait. */
  discard(): void {
    this.#traffic.dropped += this.outbox.clear()
  }

  #writeNext(): void {
    const connection = this.connection
    if (connection === undefined || connection.retired || connection.unsentBytes > 0) return
    const batch = this.outbox.take()
    if (batch === undefined) return
    this.#burstBytes += batch.bytes
    this.#traffic.framesOut += batch.frames
    connection.write(batch.buffers, batch.bytes)
  }
}
