import { VirtualClock } from './clock.js'
import type { Happening } from './queue.js'
import type { VirtualTime } from './time.js'
import { noTraffic, type Count, type TrafficClass } from './traffic.js'
import type { VirtualTransport } from './transport.js'

/** The order in which an event loop that was stalled catches up. */
const phases = ['timer', 'input', 'soon'] as const

/** When in a turn of the event loop something has its place. */
export type Phase = (typeof phases)[number]

/** The port that every peer listens on; each machine has but one. */
const port = 9_000

/** The name of the peer on a machine. */
export function nameOf(index: number): string {
  return `${hostOf(index)}:${port}`
}

function hostOf(index: number): string {
  return `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`
}

function nothing(): void {}

/** What the kernel keeps of datagrams that nobody reads (Linux, `rmem_default`); the rest is lost. */
const receiveBufferBytes = 212_992

/** What the kernel counts for a datagram beside its bytes. */
const datagramOverheadBytes = 768

/**
 * A computer that runs one peer, or did, or will. It has a name that it keeps through restarts, a clock that may be
 * wrong, and an event loop that may stall: what is due for it then waits, and comes as a stalled loop would see it.
 */
export class Machine {
  readonly time: VirtualTime
  readonly index: number
  readonly host: string
  readonly port: number
  /** `host:port`, the name of the peer on it. */
  readonly name: string
  /** Which part of a partition it is in; machines of different parts do not reach each other. */
  part = 0
  /** How far its clock is off, milliseconds. */
  clockSkewMs = 0
  /** How often it was switched on or off. What was begun in another life has no effect in this one. */
  life = 0
  /** What listens on its port; undefined when nothing does. */
  socket: VirtualTransport | undefined
  /** Whether the whole host is gone, so that nobody is even refused. */
  isSilent = false
  /** Bytes per second that it can send; Infinity when that is no concern. */
  uplinkBytesPerSecond = Infinity
  /** When what it has sent so far will be on its way. */
  uplinkFreeAtUs = 0
  /** What it sent, by class of traffic. */
  readonly sent: Readonly<Record<TrafficClass, Count>> = noTraffic()
  /** Called before anything runs on it: the simulation lets promises settle after that. */
  wakes: () => void = nothing
  #pausedUntilUs = 0
  #pausedAtUs = 0
  #stoodStillUs = 0
  #held: Record<Phase, Happening[]> = { timer: [], input: [], soon: [] }
  #heldBytes = 0

  constructor(time: VirtualTime, index: number) {
    this.time = time
    this.index = index
    this.host = hostOf(index)
    this.port = port
    this.name = nameOf(index)
  }

  /** Whether its event loop stands still. */
  get isPaused(): boolean {
    return this.#pausedUntilUs > this.time.nowUs
  }

  /** For how long its event loop has stood still in all, milliseconds. */
  get stoodStillMs(): number {
    const nowUs = this.isPaused ? this.time.nowUs - this.#pausedAtUs : 0
    return (this.#stoodStillUs + nowUs) / 1_000
  }

  /** Begins a life and gives the clock that is good for it. */
  boot(): VirtualClock {
    this.#endLife()
    this.isSilent = false
    return new VirtualClock(this)
  }

  /** Ends the life at once, with no chance to say a word. `silently`: the host goes too, and nobody is refused. */
  crash(silently: boolean): void {
    const socket = this.socket
    this.socket = undefined
    this.#endLife()
    this.isSilent = silently
    socket?.sever()
  }

  /** Stalls the event loop for `ms`, or longer when it is stalled for longer already. */
  pause(ms: number): void {
    if (!this.isPaused) this.#pausedAtUs = this.time.nowUs
    this.#pausedUntilUs = Math.max(this.#pausedUntilUs, this.time.nowUs + Math.ceil(ms * 1_000))
    this.time.at(this.#pausedUntilUs, { happen: () => this.#resume() })
  }

  /** Keeps what is due for later when the event loop stands still; false when it may happen now. */
  holds(phase: Phase, what: Happening): boolean {
    if (!this.isPaused) return false
    this.#held[phase].push(what)
    return true
  }

  /** The same for a datagram, which is lost (and true is returned) when the kernel has no room for it. */
  holdsDatagram(bytes: number, what: Happening): boolean {
    if (!this.isPaused) return false
    if (this.#heldBytes < receiveBufferBytes) {
      this.#heldBytes += bytes + datagramOverheadBytes
      this.#held.input.push(what)
    }
    return true
  }

  #resume(): void {
    if (this.isPaused || this.#pausedUntilUs === 0) return
    this.#pausedUntilUs = 0
    this.#stoodStillUs += this.time.nowUs - this.#pausedAtUs
    this.#release(this.#forget())
  }

  #release(held: Record<Phase, Happening[]>): void {
    for (const phase of phases) for (const what of held[phase]) this.time.after(0, what)
  }

  #endLife(): void {
    this.life++
    this.#pausedUntilUs = 0
    this.#forget()
  }

  #forget(): Record<Phase, Happening[]> {
    const held = this.#held
    this.#held = { timer: [], input: [], soon: [] }
    this.#heldBytes = 0
    return held
  }
}
