import type { Clock } from '../host/clock.js'
import { Kind, pieceBytesMax } from './frame.js'

/** Bytes of pieces on their way to one peer that it has not confirmed: what may be ahead of a small message. */
const windowBytes = 1 << 20
/** So many bytes are confirmed at a time, so that the window never runs dry. */
const confirmEveryBytes = 4 * pieceBytesMax

/** So many bytes are copied in one turn of the event loop. */
const turnBytes = 4 << 20

/** Sends one piece of a large value; `isLast` is the last of it. */
export type SendPiece = (kind: Kind, serial: number, offset: number, isLast: boolean, bytes: Uint8Array) => void

/** A large value on its way out. */
interface Outflow {
  readonly kind: Kind
  readonly serial: number
  readonly value: Uint8Array
  readonly sent: () => void
  at: number
  confirmed: number
}

/**
 * Large values on their way to one peer, in pieces, a piece of each in turn; only so many bytes at a time, so that
 * small messages in between wait for no more than that. Bounded by the values that others hold.
 */
export class Outflows {
  readonly #send: SendPiece
  #flows: Outflow[] = []
  #unconfirmed = 0
  #turn = 0

  constructor(send: SendPiece) {
    this.#send = send
  }

  /** Begins to send a value; `sent` is called when all of it has arrived. */
  add(kind: Kind, serial: number, value: Uint8Array, sent: () => void): void {
    this.#flows.push({ kind, serial, value, sent, at: 0, confirmed: 0 })
    this.#pump()
  }

  /** The other side has so many more bytes of it. */
  confirm(kind: Kind, serial: number, bytes: number): void {
    const flow = this.#flows.find((each) => each.serial === serial && each.kind === kind)
    if (flow === undefined) return
    const count = Math.min(bytes, flow.at - flow.confirmed)
    flow.confirmed += count
    this.#unconfirmed -= count
    if (flow.confirmed === flow.value.length) {
      this.#remove(flow)
      flow.sent()
    }
    this.#pump()
  }

  /** Whether a value is on its way; and whether all of it has been sent. */
  progress(kind: Kind, serial: number): 'none' | 'some' | 'all' {
    const flow = this.#flows.find((each) => each.serial === serial && each.kind === kind)
    return flow === undefined ? 'none' : flow.at < flow.value.length ? 'some' : 'all'
  }

  /** Stops to send a value. */
  drop(kind: Kind, serial: number): void {
    const flow = this.#flows.find((each) => each.serial === serial && each.kind === kind)
    if (flow === undefined) return
    this.#remove(flow)
    this.#pump()
  }

  /** What is under way may have been lost. Gives the serials concerned, and sends no more of them. */
  lost(kind: Kind): number[] {
    const serials = this.#flows.filter((flow) => flow.kind === kind).map(({ serial }) => serial)
    for (const flow of this.#flows.filter((each) => each.kind === kind)) this.#remove(flow)
    return serials
  }

  #remove(flow: Outflow): void {
    this.#unconfirmed -= flow.at - flow.confirmed
    this.#flows = this.#flows.filter((each) => each !== flow)
  }

  #pump(): void {
    while (this.#unconfirmed < windowBytes) {
      const open = this.#flows.filter(({ at, value }) => at < value.length)
      const flow = open[this.#turn++ % Math.max(1, open.length)]
      if (flow === undefined) return
      const piece = flow.value.subarray(flow.at, flow.at + pieceBytesMax)
      const offset = flow.at
      flow.at += piece.length
      this.#unconfirmed += piece.length
      this.#send(flow.kind, flow.serial, offset, flow.at === flow.value.length, piece)
    }
  }
}

/** A large value on its way in. */
export class Inflow {
  /** Bytes that have come. */
  bytes = 0
  #pieces: Uint8Array[] = []
  #unconfirmed = 0

  /** Whether all has come. */
  isComplete = false

  /** Takes a piece; false when one before it is missing. */
  take(offset: number, isLast: boolean, piece: Uint8Array): boolean {
    if (offset !== this.bytes || this.isComplete) return false
    this.isComplete = isLast
    this.#pieces.push(piece)
    this.bytes += piece.length
    this.#unconfirmed += piece.length
    return true
  }

  /** Bytes to be confirmed now; 0: not yet. The last are once all is put together. */
  confirm(isDone = false): number {
    if (this.isComplete ? !isDone : this.#unconfirmed < confirmEveryBytes) return 0
    const count = this.#unconfirmed
    this.#unconfirmed = 0
    return count
  }

  /** Puts all of it together, a part in each turn of the event loop, so that nothing else waits for long. */
  assemble(clock: Clock, done: (value: Uint8Array) => void): void {
    const value = Buffer.allocUnsafeSlow(this.bytes)
    let at = 0
    let next = 0
    const go = (): void => {
      for (const end = at + turnBytes; at < end && next < this.#pieces.length; next++) {
        const piece = this.#pieces[next] as Uint8Array
        value.set(piece, at)
        at += piece.length
      }
      if (next < this.#pieces.length) clock.soon(go)
      else done(value)
    }
    go()
  }
}
