import type { LinkDown } from '../lib/net/transport.js'
import type { Machine } from './machine.js'
import type { Network } from './network.js'
import type { Happening } from './queue.js'
import type { VirtualTransport } from './transport.js'

/** What a dial that gets no answer waits before it tries again (doubled each time), and when it gives up. */
const dialRetryMs = 1_000
const dialTimeoutMs = 3_000

/** What a stream waits for an acknowledgement before it sends again, when nothing was sent after what got lost. */
const retransmitMs = 200

/** When a stream on which nothing gets through counts as broken. */
const stallTimeoutMs = 10_000

/** What the kernels on both sides take in before bytes wait in the process. */
const kernelBufferBytes = 1 << 20

/** Most that waits for one peer; a frame beyond that is dropped. */
const linkBytesMax = 32 << 20

/** Backlog above which a link is full, and below which its owner is told to go on. */
const highWaterBytes = 128 << 10
const lowWaterBytes = 32 << 10

/** Largest piece that a stream is cut into on the wire. */
const segmentBytes = 1_400

/**
 * One end of a stream between two peers, as that end sees it: dialled and waiting, or up. Frames arrive in order or
 * not at all. What is lost is sent again, so loss shows as delay; where nothing gets through the bytes wait, and after
 * a while the connection breaks.
 */
export class Link {
  readonly owner: VirtualTransport
  readonly peer: string
  readonly #network: Network
  #state: 'dialling' | 'up' | 'down' = 'dialling'
  #other: Link | undefined
  /** Frames that have not left yet. */
  #waiting: Uint8Array[] = []
  /** Bytes given to this end and not yet taken in on the other. */
  #bytes = 0
  #wasHigh = false
  #arrivesUs = 0
  #stalledAtUs: number | undefined
  #dialledAtUs = 0

  constructor(owner: VirtualTransport, peer: string, network: Network) {
    this.owner = owner
    this.peer = peer
    this.#network = network
  }

  get isUp(): boolean {
    return this.#state === 'up'
  }

  get isDown(): boolean {
    return this.#state === 'down'
  }

  /** Bytes that wait in the process, beyond what the kernels hold. */
  get backlogBytes(): number {
    return Math.max(0, this.#bytes - (this.#state === 'up' ? kernelBufferBytes : 0))
  }

  /** Takes a frame to send; false when too much is waiting and it was dropped. */
  send(frame: Uint8Array): boolean {
    if (this.#bytes > 0 && this.#bytes + frame.length > linkBytesMax) return false
    this.#bytes += frame.length
    this.#wasHigh ||= this.backlogBytes > highWaterBytes
    if (this.#state === 'up' && this.#stalledAtUs === undefined && this.#passes()) this.#transmit(frame)
    else this.#wait(frame)
    return true
  }

  /** Begins to dial. */
  dial(): void {
    this.#dialledAtUs = this.#network.time.nowUs
    this.#attempt(dialRetryMs)
  }

  /** Closes this end; the other hears of it, after whatever is on its way, unless the host fell `silent`. */
  close(silent = false): void {
    if (this.#state === 'down') return
    this.#state = 'down'
    const other = this.#other
    if (other === undefined || silent) return
    const travelUs = this.#network.travelUs(this.owner.machine, other.owner.machine, 0)
    this.#network.time.at(
      Math.max(this.#arrivesUs, this.#network.time.nowUs + Math.ceil(travelUs)),
      this.#input(other.owner, () => {
        if (this.#passes()) other.#fail('closed')
      }),
    )
  }

  /** What was cut may be mended: a stream goes on when it next tries, which is the later the longer it stood still. */
  networkChanged(): void {
    const stalledAtUs = this.#stalledAtUs
    if (stalledAtUs === undefined || !this.#passes()) return
    const stoodUs = Math.min(this.#network.time.nowUs - stalledAtUs, 2_000_000)
    this.#network.time.after((retransmitMs * 1_000 + stoodUs) * this.#network.unit(), {
      happen: () => {
        if (this.#stalledAtUs === stalledAtUs && this.#passes()) this.#flush()
      },
    })
  }

  #attempt(retryMs: number): void {
    const { time } = this.#network
    const from = this.owner.machine
    const to = this.#network.machine(this.peer)
    const leftUs = this.#dialledAtUs + dialTimeoutMs * 1_000 - time.nowUs
    const again = (): void => {
      if (this.#state !== 'dialling') return
      if (time.nowUs >= this.#dialledAtUs + dialTimeoutMs * 1_000) this.#fail('unreachable')
      else this.#attempt(retryMs * 2)
    }
    time.after(Math.min(retryMs * 1_000, leftUs), this.#input(this.owner, again))
    if (to === undefined || !this.#passes() || this.#network.chance(this.#network.conditions(from, to).loss)) return
    // there, back, and there again with the hello
    const travelUs = this.#travelUs(from, to, 0) + this.#travelUs(to, from, 0) + this.#travelUs(from, to, 100)
    const knock: Happening = {
      happen: () => {
        if (this.#state !== 'dialling' || this.#other !== undefined || to.isSilent || to.holds('input', knock)) return
        if (to.socket === undefined) return this.#answer(to, () => this.#fail('refused'))
        to.wakes()
        this.#other = to.socket.accept(this)
        this.#answer(to, () => this.#open())
      },
    }
    time.after(travelUs, knock)
  }

  #answer(from: Machine, then: () => void): void {
    this.#network.time.after(this.#travelUs(from, this.owner.machine, 100), this.#input(this.owner, then))
  }

  /** This end was made, or was dialling itself, when the other side's dial came in. */
  accepted(other: Link): void {
    this.#other = other
    this.#open()
  }

  #open(): void {
    if (this.#state !== 'dialling') return
    this.#state = 'up'
    this.owner.opened(this)
    this.#flush()
  }

  #fail(how: LinkDown): void {
    if (this.#state === 'down') return
    const wasDialling = this.#state === 'dialling'
    this.#state = 'down'
    this.owner.failed(this, how, wasDialling, this.#waiting.length)
    this.#waiting = []
  }

  #flush(): void {
    const frames = this.#waiting
    this.#waiting = []
    this.#stalledAtUs = undefined
    for (const frame of frames) this.#transmit(frame)
  }

  #wait(frame: Uint8Array): void {
    this.#waiting.push(frame)
    if (this.#state !== 'up' || this.#stalledAtUs !== undefined) return
    const stalledAtUs = this.#network.time.nowUs
    this.#stalledAtUs = stalledAtUs
    const broken = (): void => {
      if (this.#stalledAtUs !== stalledAtUs || this.#state !== 'up') return
      const other = this.#other
      this.#fail('closed')
      if (other !== undefined) this.#network.time.after(0, this.#input(other.owner, () => other.#fail('closed')))
    }
    this.#network.time.after(stallTimeoutMs * 1_000, this.#input(this.owner, broken))
  }

  #transmit(frame: Uint8Array): void {
    const other = this.#other
    if (other === undefined) return
    const from = this.owner.machine
    const to = other.owner.machine
    this.#network.frameSent(from, this.peer, frame)
    const { time } = this.#network
    const travelUs = this.#travelUs(from, to, frame.length) + this.#againUs(from, to, frame.length)
    this.#arrivesUs = Math.max(this.#arrivesUs, time.nowUs + Math.ceil(travelUs))
    const arrival: Happening = {
      happen: () => {
        if (to.isSilent || !this.#passes()) return this.#wait(frame)
        if (other.#state === 'down') return this.#answer(to, () => this.#fail('closed'))
        if (to.holds('input', arrival)) return
        to.wakes()
        other.#open()
        this.#took(frame.length)
        this.#network.delivered(from, to, 'stream', frame)
        other.owner.frameArrives(frame, this.owner.machine.name)
      },
    }
    time.at(this.#arrivesUs, arrival)
  }

  #took(bytes: number): void {
    this.#bytes -= bytes
    if (!this.#wasHigh || this.backlogBytes >= lowWaterBytes || this.#state === 'down') return
    this.#wasHigh = false
    this.#network.time.after(0, this.#input(this.owner, () => this.owner.drained(this)))
  }

  /** Delay that comes from having to send again what got lost. */
  #againUs(from: Machine, to: Machine, bytes: number): number {
    const { loss, latencyMs } = this.#network.conditions(from, to)
    if (loss === 0) return 0
    const segments = Math.ceil(bytes / segmentBytes)
    if (!this.#network.chance(1 - (1 - loss) ** segments)) return 0
    // with enough behind it the receiver's duplicate acknowledgements tell at once; a tail waits for the timer
    let againUs = segments > 4 ? 4_000 * latencyMs[1] : retransmitMs * 1_000
    let waitUs = retransmitMs * 1_000
    for (; waitUs < 5_000_000 && this.#network.chance(loss); waitUs *= 2) againUs += waitUs
    return againUs
  }

  #travelUs(from: Machine, to: Machine, bytes: number): number {
    return this.#network.travelUs(from, to, bytes)
  }

  /** Whether both directions are there; a stream needs them both. */
  #passes(): boolean {
    const from = this.owner.machine
    const to = this.#other?.owner.machine ?? this.#network.machine(this.peer)
    if (to === undefined) return false
    return this.#network.passes(from, to, 'stream') && this.#network.passes(to, from, 'stream')
  }

  /** Something that happens to a living owner, when its event loop gets to it. */
  #input(owner: VirtualTransport, run: () => void): Happening {
    const what: Happening = {
      happen: () => {
        if (owner.isClosed || owner.machine.holds('input', what)) return
        owner.machine.wakes()
        run()
      },
    }
    return what
  }
}
