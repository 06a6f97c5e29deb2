import {
  noTraffic, type LinkDown, type OpenOptions, type Traffic, type Transport, type TransportHandlers,
} from '../lib/net/transport.js'
import { Link } from './link.js'
import type { Machine } from './machine.js'
import type { Network } from './network.js'

/** What a kept link that could not be dialled waits before the next try: at first, and at most (doubled each time). */
const redialMs = 100
const redialMaxMs = 5_000

/** The transport of one life of one peer: its sockets on the virtual network. */
export class VirtualTransport implements Transport {
  readonly machine: Machine
  readonly #network: Network
  readonly #life: number
  readonly #links = new Map<string, Link>()
  #kept = new Set<string>()
  readonly #redialMs = new Map<string, number>()
  #handlers: TransportHandlers | undefined
  #maxDatagramBytes = 0
  #maxFrameBytes = 0
  readonly traffic: Traffic = noTraffic()

  constructor(machine: Machine, network: Network) {
    this.machine = machine
    this.#network = network
    this.#life = machine.life
  }

  /** Whether it is not open: not yet, no more, or because the machine is off. */
  get isClosed(): boolean {
    return this.#handlers === undefined
  }

  /** Connections that are open or being opened. */
  get links(): number {
    return this.#links.size
  }

  async open(options: OpenOptions, handlers: TransportHandlers): Promise<{ host: string; port: number }> {
    return this.openNow(options, handlers)
  }

  /** The same without a promise, for peers that live without them. Throws what `open` rejects with. */
  openNow(
    options: Pick<OpenOptions, 'maxDatagramBytes' | 'maxFrameBytes'>,
    handlers: TransportHandlers,
  ): { host: string; port: number } {
    const { machine } = this
    if (machine.life !== this.#life) throw systemError('ENETDOWN', 'network is down')
    if (machine.socket !== undefined) throw systemError('EADDRINUSE', `address already in use ${machine.name}`)
    machine.socket = this
    this.#handlers = handlers
    this.#maxDatagramBytes = options.maxDatagramBytes
    this.#maxFrameBytes = options.maxFrameBytes
    return { host: machine.host, port: machine.port }
  }

  sendDatagram(to: string, parts: readonly Uint8Array[]): void {
    if (this.isClosed) return
    const bytes = join(parts)
    this.traffic.datagramsOut++
    this.traffic.datagramBytesOut += bytes.length
    this.#network.sendDatagram(this.machine, to, bytes, this.#maxDatagramBytes)
  }

  sendFrame(to: string, parts: readonly Uint8Array[]): number {
    if (this.isClosed) return 0
    const bytes = join(parts)
    const link = this.#links.get(to) ?? this.#dial(to)
    if (bytes.length > this.#maxFrameBytes || !link.send(bytes)) {
      this.traffic.dropped++
    } else {
      this.traffic.framesOut++
      this.traffic.frameBytesOut += bytes.length
    }
    return link.backlogBytes
  }

  keep(names: readonly string[]): void {
    if (this.isClosed) return
    this.#kept = new Set(names)
    for (const name of names) if (!this.#links.has(name) && !this.#redialMs.has(name)) this.#dial(name)
  }

  drop(name: string): void {
    this.#kept.delete(name)
    const link = this.#links.get(name)
    this.#links.delete(name)
    link?.close()
  }

  backlog(to: string): number {
    return this.#links.get(to)?.backlogBytes ?? 0
  }

  async close(): Promise<void> {
    if (this.isClosed) return
    if (this.machine.socket === this) this.machine.socket = undefined
    this.#shut(false)
  }

  /** The process died, and the kernel tells the other ends; or the machine did, and nobody tells anyone. */
  sever(): void {
    this.#shut(this.machine.isSilent)
  }

  /** A datagram is here. */
  arrives(bytes: Uint8Array, from: Machine): void {
    this.traffic.datagramsIn++
    this.traffic.datagramBytesIn += bytes.length
    this.#network.delivered(from, this.machine, 'datagram', bytes)
    this.#handlers?.datagram(bytes, from.name)
  }

  /** A frame is here. */
  frameArrives(bytes: Uint8Array, from: string): void {
    this.traffic.framesIn++
    this.traffic.frameBytesIn += bytes.length
    this.#handlers?.frame(bytes, from)
  }

  /** Someone dials in; gives the end of the connection on this side. */
  accept(dialler: Link): Link {
    const from = dialler.owner.machine.name
    const known = this.#links.get(from)
    // both dialled at once: the connection that is there first serves both
    const link = known !== undefined && !known.isUp && !known.isDown ? known : new Link(this, from, this.#network)
    this.#links.set(from, link)
    link.accepted(dialler)
    return link
  }

  /** A link can be used now. */
  opened(link: Link): void {
    this.#redialMs.delete(link.peer)
    this.#handlers?.linkUp(link.peer)
  }

  /** A link ended and not by our will. */
  failed(link: Link, how: LinkDown, wasDialling: boolean, framesLost: number): void {
    this.traffic.dropped += framesLost
    if (this.#links.get(link.peer) !== link) return
    this.#links.delete(link.peer)
    const isKept = this.#kept.has(link.peer)
    if (isKept && !wasDialling) return void this.#dial(link.peer)
    if (isKept) this.#redialLater(link.peer)
    this.#handlers?.linkDown(link.peer, how)
  }

  /** What waited on a link is out. */
  drained(link: Link): void {
    this.#handlers?.drained(link.peer)
  }

  /** Cut links may be mended. */
  networkChanged(): void {
    for (const link of this.#links.values()) link.networkChanged()
  }

  #dial(name: string): Link {
    const link = new Link(this, name, this.#network)
    this.#links.set(name, link)
    link.dial()
    return link
  }

  #redialLater(name: string): void {
    const waitMs = this.#redialMs.get(name) ?? redialMs
    this.#redialMs.set(name, Math.min(waitMs * 2, redialMaxMs))
    this.#network.time.after(waitMs * 1_000, {
      happen: () => {
        if (this.isClosed || !this.#kept.has(name)) this.#redialMs.delete(name)
        else if (!this.#links.has(name)) this.#dial(name)
      },
    })
  }

  #shut(silently: boolean): void {
    this.#handlers = undefined
    const links = [...this.#links.values()]
    this.#links.clear()
    this.#kept.clear()
    for (const link of links) link.close(silently)
  }
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0] as Uint8Array
  let length = 0
  for (const part of parts) length += part.length
  const bytes = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    // a call into the engine costs more than a few bytes do
    if (part.length > 64) bytes.set(part, at)
    else for (let i = 0; i < part.length; i++) bytes[at + i] = part[i] as number
    at += part.length
  }
  return bytes
}

function systemError(code: string, message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${message}`), { code })
}
