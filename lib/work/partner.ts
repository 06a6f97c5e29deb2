import { highWaterBytes, type Channel } from '../channel.js'
import { frameBytesMax, frameHead, frameHeadBytes, pieceHead } from './frame.js'
import type { Incoming } from './incoming.js'
import type { Outgoing } from './outgoing.js'
import { Outflows } from './pieces.js'
import { Serials } from './serials.js'

/** What a partner needs of the switchboard. */
export interface PartnerParts {
  readonly channel: Channel
  /** Own life; see `frame.ts`. */
  life(): number
  /** Calls {@link Partner.endTurn} at the end of this turn of the event loop. */
  schedule(partner: Partner): void
  /** A frame for ourselves. */
  loop(frame: Uint8Array): void
}

/**
 * Another peer that we call or that calls us, or we ourselves. Messages for it are gathered until the end of a turn of
 * the event loop and go out in one frame; while its connection is clogged they wait here, in their order.
 */
export class Partner {
  readonly name: string
  /** Its life, as it last told; 0 before. */
  life = 0
  /** Whether there is a connection, as far as we were told. */
  isUp = false
  /** Our calls there, by serial. Bounded by `maxPending`. */
  readonly outgoing = new Serials<Outgoing>()
  /** Its calls here, by serial. Bounded by what the services take in. */
  readonly incoming = new Serials<Incoming>()
  readonly outflows: Outflows
  readonly #parts: PartnerParts
  readonly #isSelf: boolean
  #frame: Uint8Array[] = []
  #frameBytes = frameHeadBytes
  #isScheduled = false
  /** Frames that wait because too much waits for the connection. */
  #held: Uint8Array[][] = []
  #isClogged = false

  constructor(name: string, isSelf: boolean, parts: PartnerParts) {
    this.name = name
    this.#isSelf = isSelf
    this.#parts = parts
    if (isSelf) this.isUp = true
    this.outflows = new Outflows((kind, serial, offset, isLast, bytes) => {
      this.post(pieceHead(kind, serial, offset, isLast, bytes.length), bytes)
    })
  }

  /** Whether there is nothing between us. */
  get isIdle(): boolean {
    return this.outgoing.size === 0 && this.incoming.size === 0 && this.#frame.length === 0 && this.#held.length === 0
  }

  /** Says something: a message, and what follows it, which must not be changed any more. */
  post(message: Uint8Array, rest?: Uint8Array): void {
    const bytes = message.length + (rest?.length ?? 0)
    if (this.#frameBytes + bytes > frameBytesMax) this.flush()
    if (this.#frame.length === 0) this.touch()
    this.#frame.push(message)
    if (rest !== undefined) this.#frame.push(rest)
    this.#frameBytes += bytes
  }

  /** Sends a frame at the end of the turn, even if it says nothing but who we are. */
  touch(): void {
    if (this.#frame.length === 0) this.#frame.push(noBytes)
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#parts.schedule(this)
  }

  /** The turn of the event loop is over. */
  endTurn(): void {
    this.#isScheduled = false
    this.flush()
  }

  /** Sends what has been gathered. */
  flush(): void {
    const frame = this.#frame
    if (frame.length === 0) return
    frame[0] = frameHead(this.#parts.life(), this.life)
    this.#frame = []
    this.#frameBytes = frameHeadBytes
    if (this.#isSelf) this.#parts.loop(Buffer.concat(frame))
    else if (this.#isClogged) this.#held.push(frame)
    else this.#send(frame)
  }

  /** The connection has room again, or is another one. */
  drained(): void {
    this.#isClogged = false
    const held = this.#held
    this.#held = []
    for (const frame of held) {
      if (this.#isClogged) this.#held.push(frame)
      else this.#send(frame)
    }
  }

  /** Whoever it was is gone: what was to be said is not said any more. */
  discard(): void {
    this.#frame = []
    this.#frameBytes = frameHeadBytes
    this.#held = []
    this.#isClogged = false
  }

  #send(frame: Uint8Array[]): void {
    if (this.#parts.channel.send(this.name, frame) > highWaterBytes) this.#isClogged = true
  }
}

const noBytes = new Uint8Array(0)

