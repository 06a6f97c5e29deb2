import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { formatAddress, parseHost } from './address.js'
import { farewellWord, FrameSplitter, wordBytes } from './frame.js'
import { decodeHello, encodeHello, type Hello, helloBytesMax } from './hello.js'
import type { SocketLimits } from './limits.js'
import { preamble, sniff } from './sniff.js'
import type { Traffic } from './transport.js'

/** What a connection tells whoever owns it. */
export interface ConnectionOwner {
  /** The other side said who it is. */
  greeted(connection: Connection, hello: Hello): void
  /** A frame came in, after the hello. */
  frame(connection: Connection, bytes: Uint8Array): void
  /** All that was given to {@link Connection.write} is with the system. */
  written(connection: Connection): void
  /** The other side does not keep to the protocol; the connection is closed. */
  rejected(connection: Connection, reason: string): void
  /** The last that is heard of a connection. */
  closed(connection: Connection, error: NodeJS.ErrnoException | undefined): void
}

/** One TCP connection that speaks the peer protocol: preamble, hello, frames. Who dialled it says hello first. */
export class Connection {
  /** What it goes over; a TLSSocket if the cluster is closed. */
  readonly socket: Socket
  /** Whether this side dialled. */
  readonly outbound: boolean
  /** The remote socket address; for a dialled connection, what was dialled. For reports. */
  readonly remote: string
  /** What the other side said it is; undefined before. */
  hello: Hello | undefined
  /** The serial of the hello sent; undefined before. */
  serial: number | undefined
  /** Bytes given to `write` that the system has not taken yet. */
  unsentBytes = 0
  /** Set once this side has said its last: frames still come in, none go out. */
  retired = false
  readonly #owner: ConnectionOwner
  readonly #limits: SocketLimits
  readonly #traffic: Traffic
  readonly #splitter: FrameSplitter
  /** Bytes up to the end of the preamble; undefined when that is through. */
  #opening: Uint8Array | undefined = new Uint8Array(0)
  #timer: NodeJS.Timeout | undefined
  #error: NodeJS.ErrnoException | undefined
  #frameBytesMax: number
  /** Bytes in and out at the last sweep, and since when they are the same. */
  #seenBytes = 0
  #quietMs = 0
  /** Chunks that had come in whole at the last sweep, and for how long there has been half a one since. */
  #seenChunks = 0
  #stalledMs = 0

  constructor(
    socket: Socket,
    dialled: string | undefined,
    frameBytesMax: number,
    limits: SocketLimits,
    traffic: Traffic,
    owner: ConnectionOwner,
  ) {
    this.socket = socket
    this.#owner = owner
    this.#limits = limits
    this.#traffic = traffic
    this.#frameBytesMax = frameBytesMax
    this.outbound = dialled !== undefined
    this.remote = dialled ?? nameOf(socket)
    this.#splitter = new FrameSplitter(helloBytesMax, (bytes) => this.#frame(bytes), () => this.#left())
    socket.on('data', (bytes: Buffer) => this.#data(bytes))
    socket.on('end', () => this.#left())
    socket.on('error', (error) => (this.#error = error))
    socket.on('close', () => this.#closed())
    if (this.outbound) {
      this.#expect(limits.dialMs, () => this.socket.destroy(fault('ETIMEDOUT', `no answer from ${this.remote}`)))
      for (const step of ['connect', 'secureConnect']) socket.on(step, () => this.#expectHello())
    } else {
      this.#expectHello()
    }
  }

  /** True when the connection leads to its own end: TCP allows that when a dialled port is the one dialled from. */
  get circular(): boolean {
    const { localPort, remotePort, localAddress, remoteAddress } = this.socket
    return localPort === remotePort && localAddress === remoteAddress
  }

  /** Says hello. */
  greet(hello: Hello): void {
    this.serial = hello.serial
    const bytes = encodeHello(hello)
    this.#traffic.frameBytesOut += bytes.length
    this.socket.write(bytes)
  }

  /** Writes buffers in one go; `unsentBytes` must be 0. The owner hears when they are with the system. */
  write(buffers: readonly Uint8Array[], bytes: number): void {
    this.unsentBytes = bytes
    this.#traffic.frameBytesOut += bytes
    const last = buffers.length - 1
    if (last > 0) this.socket.cork()
    for (let i = 0; i < last; i++) this.socket.write(buffers[i]!)
    this.socket.write(buffers[last]!, this.#written)
    if (last > 0) this.socket.uncork()
  }

  /** Says its last: what was written still goes out, what comes in is still read, until the other side closes too. */
  retire(): void {
    if (this.retired) return
    this.retired = true
    if (this.socket instanceof TLSSocket) this.socket.write(farewell)
    else this.socket.end()
    this.#expect(this.#limits.helloMs, () => this.socket.destroy())
  }

  /** Closes on the spot. */
  destroy(): void {
    this.socket.destroy()
  }

  /** Closes because the other side does not keep to the protocol. */
  reject(reason: string): void {
    this.#error = fault('EPROTO', reason)
    this.#owner.rejected(this, reason)
    // What was said before, such as a hello that tells the other side why, still goes out.
    if (this.socket.writableLength > 0) this.socket.destroySoon()
    else this.socket.destroy()
  }

  /**
   * To be called every `sweepMs`: rejects a frame that stands still, or comes in drop by drop. Returns for how long
   * nothing has moved, in ms.
   */
  sweep(): number {
    const bytes = this.socket.bytesRead + this.socket.bytesWritten
    this.#quietMs = bytes === this.#seenBytes ? this.#quietMs + this.#limits.sweepMs : 0
    this.#seenBytes = bytes
    const { pending, chunks } = this.#splitter
    this.#stalledMs = pending && chunks === this.#seenChunks ? this.#stalledMs + this.#limits.sweepMs : 0
    this.#seenChunks = chunks
    if (this.hello !== undefined && this.#stalledMs >= this.#limits.stallMs) {
      this.reject(`half a frame for ${this.#stalledMs} ms`)
    }
    return this.#quietMs
  }

  #data(bytes: Buffer): void {
    if (this.#error !== undefined) return
    this.#traffic.frameBytesIn += bytes.length
    const rest = this.#opening === undefined ? bytes : this.#open(bytes)
    const reason = rest === undefined ? undefined : this.#splitter.push(rest)
    if (reason !== undefined && this.#error === undefined && !this.socket.destroyed) this.reject(reason)
  }

  /** Looks for the preamble; returns what comes after it, or undefined when it is not through. */
  #open(bytes: Buffer): Uint8Array | undefined {
    const opening = Buffer.concat([this.#opening ?? bytes, bytes])
    const protocol = sniff(opening)
    this.#opening = opening
    if (protocol === undefined) return undefined
    if (protocol === 'peer') {
      this.#opening = undefined
      return opening.subarray(preamble.length)
    }
    this.reject(protocol === 'unknown' ? 'not a peer' : `not a peer: speaks ${protocol.toUpperCase()}`)
    return undefined
  }

  #frame(bytes: Uint8Array): void {
    if (this.socket.destroyed || this.#error !== undefined) return
    if (this.hello !== undefined) return this.#owner.frame(this, bytes)
    const hello = decodeHello(bytes)
    if (typeof hello === 'string') return this.reject(hello)
    this.hello = hello
    this.#splitter.limitBytes = this.#frameBytesMax
    this.#unexpect()
    this.#owner.greeted(this, hello)
  }

  /** The other side says no more. It may still read what is on its way; if it is gone, the system tells soon. */
  #left(): void {
    if (this.unsentBytes === 0) return void this.socket.destroy()
    this.retire()
    this.socket.destroySoon()
  }

  readonly #written = (error?: Error | null): void => {
    if (error) return
    this.unsentBytes = 0
    this.#owner.written(this)
  }

  #closed(): void {
    this.#unexpect()
    this.#owner.closed(this, this.#error)
  }

  #expectHello(): void {
    this.#expect(this.#limits.helloMs, () => {
      // Who connects and says nothing at all (a port scan, a health check) is not worth a report.
      if (this.socket.bytesRead > 0) this.reject(`no hello within ${this.#limits.helloMs} ms`)
      this.socket.destroy(fault('ETIMEDOUT', `no answer from ${this.remote}`))
    })
  }

  #expect(ms: number, expired: () => void): void {
    clearTimeout(this.#timer)
    const timer = setTimeout(() => {
      // What came in while this process was busy or stopped is read first, and may take the timer back.
      setImmediate(() => {
        if (this.#timer === timer) expired()
      })
    }, ms)
    this.#timer = timer.unref()
  }

  #unexpect(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}

const farewell = Buffer.alloc(wordBytes)
farewell.writeUInt32BE(farewellWord)

function nameOf(socket: Socket): string {
  return formatAddress(parseHost(socket.remoteAddress ?? '0.0.0.0'), socket.remotePort ?? 0)
}

function fault(code: string, reason: string): NodeJS.ErrnoException {
  return Object.assign(new Error(reason), { code })
}
