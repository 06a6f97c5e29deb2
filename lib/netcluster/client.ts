import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import createDebug from 'debug'
import { FrameSplitter } from '../net/frame.js'
import { type Delivery, encodeFrames, type Sink } from './delivery.js'
import {
  channelOf, decodeNote, encodeCount, encodeNote, frameBytesMax, kinds, messageParts,
} from './packet.js'

const log = createDebug('telepathine:netcluster')

/** Version of what is spoken on the sockets. */
export const protocol = 1
/** How long one may take to say who one is. */
const helloMs = 5_000
/** From so many unsettled bytes on, nothing more is read from an agent until some are settled. */
const windowBytes = 1024 * 1024
/** An agent that takes nothing for so long holds nobody up any more. */
const stallMs = 1_000
/** What may wait for an agent that holds nobody up. The rest is left out, and it is told how much. */
const waitingBytesMax = 16 * 1024 * 1024

/** What a client needs of its server. */
export interface ClientOwner {
  /** The agent may speak. */
  joined(client: Client): void
  /** Messages came in, in the order in which they were emitted. */
  received(client: Client, messages: readonly Uint8Array[]): void
  /** The connection is gone. */
  left(client: Client): void
}

/** What `showclient` tells. */
export interface ClientInfo {
  /** The server's name for the connection. */
  readonly uuid: string
  /** The channel that it is on. */
  readonly channel: string
  /** Process id that the agent gave. */
  readonly pid: number
  /** When it connected, ISO 8601. */
  readonly since: string
  /** Messages taken from it. */
  readonly received: number
  /** Messages passed on to it. */
  readonly sent: number
  /** Messages left out because it did not keep up. */
  readonly missed: number
  /** Bytes that wait for it. */
  readonly waitingBytes: number
  /** Whether it took nothing for a while; it holds nobody up then. */
  readonly stalled: boolean
}

/** The server's end of the connection to one agent. */
export class Client implements Sink {
  readonly uuid = randomUUID()
  readonly channel: string
  readonly #socket: Socket
  readonly #owner: ClientOwner
  readonly #splitter = new FrameSplitter(frameBytesMax, frame => this.#take(frame))
  readonly #since = new Date()
  #pid = 0
  #joined = false
  #fault: string | undefined
  #timer: NodeJS.Timeout
  /** Messages of the bytes being read. */
  #batch: Uint8Array[] = []
  #received = 0
  #sent = 0
  #missed = 0
  /** What was handed to the system and is not written. */
  #writing: { release: (() => void) | undefined; readonly bytes: number }[] = []
  #waitingBytes = 0
  #stalled = false
  /** Messages left out that it was not told about. */
  #untold = 0
  /** Bytes taken from it that somebody holds, and messages that nobody holds any more and it was not told about. */
  #unsettledBytes = 0
  #settled = 0
  #settling = false

  constructor(socket: Socket, channel: string, owner: ClientOwner) {
    this.#socket = socket
    this.channel = channel
    this.#owner = owner
    this.#timer = setTimeout(() => this.destroy(), helloMs)
    socket.on('data', (bytes: Buffer) => this.#read(bytes))
    socket.on('error', error => log('%s of %s: %s', this.uuid, channel, error.message))
    socket.on('close', () => this.#closed())
  }

  get info(): ClientInfo {
    return {
      uuid: this.uuid,
      channel: this.channel,
      pid: this.#pid,
      since: this.#since.toISOString(),
      received: this.#received,
      sent: this.#sent,
      missed: this.#missed,
      waitingBytes: this.#waitingBytes,
      stalled: this.#stalled,
    }
  }

  deliver(delivery: Delivery): void {
    if (this.#socket.destroyed) return
    if (this.#untold > 0 || this.#waitingBytes > waitingBytesMax) {
      this.#untold += delivery.messages
      this.#missed += delivery.messages
      return
    }
    this.#sent += delivery.messages
    if (this.#stalled) return this.#write(delivery.buffers, delivery.bytes)
    delivery.hold()
    this.#write(delivery.buffers, delivery.bytes, () => delivery.release())
  }

  /** Says to this agent alone. One that asks on and on and does not listen is cut off. */
  reply(frame: Uint8Array, taken?: () => void): void {
    if (this.#waitingBytes > 2 * waitingBytesMax) return this.destroy()
    this.#write(encodeFrames([frame]), frame.length, taken)
  }

  /** Lets the agent speak: nothing is read from it before. */
  resume(): void {
    this.#socket.resume()
  }

  /** Closes when what waits is written. */
  end(): void {
    this.#socket.end()
    this.#socket.resume()
  }

  /** Closes at once. */
  destroy(): void {
    this.#socket.destroy()
  }

  #read(bytes: Buffer): void {
    const refusal = this.#splitter.push(bytes) ?? this.#fault
    if (refusal !== undefined) {
      log('%s of %s is cut off: %s', this.uuid, this.channel, refusal)
      return this.destroy()
    }
    const batch = this.#batch
    if (batch.length === 0) return
    this.#batch = []
    this.#received += batch.length
    this.#owner.received(this, batch)
  }

  /** Messages of this agent are on their way; what is returned is to be called once they are settled. */
  unsettled(messages: readonly Uint8Array[]): () => void {
    const bytes = messages.reduce((sum, message) => sum + message.length, 0)
    this.#unsettledBytes += bytes
    if (this.#unsettledBytes > windowBytes) this.#socket.pause()
    return () => {
      this.#unsettledBytes -= bytes
      if (this.#unsettledBytes <= windowBytes / 2) this.#socket.resume()
      this.#settled += messages.length
      if (this.#settling) return
      this.#settling = true
      setImmediate(() => this.#tellSettled())
    }
  }

  /** Tells what is settled, in one word for all that was so until the last word was taken. */
  #tellSettled(): void {
    const settled = this.#settled
    this.#settling = settled > 0 && !this.#socket.destroyed
    if (!this.#settling) return
    this.#settled = 0
    this.reply(encodeCount(kinds.settled, settled), () => this.#tellSettled())
  }

  #take(frame: Uint8Array): void {
    if (!this.#joined) return this.#join(frame)
    const parts = messageParts(frame)
    if (parts === undefined) this.#fault = 'not a message'
    else if (channelOf(frame, parts.channelEnd) !== this.channel) this.#fault = 'a message of another channel'
    else this.#batch.push(frame)
  }

  #join(frame: Uint8Array): void {
    const hello = decodeNote(kinds.hello, frame)
    if (hello === undefined || hello['protocol'] !== protocol || hello['channel'] !== this.channel) {
      this.#fault = 'no hello of this protocol and channel'
      return
    }
    this.#joined = true
    this.#pid = Number(hello['pid'])
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#stall(), stallMs)
    this.reply(encodeNote(kinds.welcome, { protocol, uuid: this.uuid }))
    this.#owner.joined(this)
  }

  #write(buffers: readonly Uint8Array[], bytes: number, release?: () => void): void {
    this.#writing.push({ release, bytes })
    this.#waitingBytes += bytes
    if (this.#writing.length === 1) this.#timer.refresh()
    this.#socket.cork()
    for (const buffer of buffers.slice(0, -1)) this.#socket.write(buffer)
    this.#socket.write(buffers.at(-1) ?? '', () => this.#written())
    this.#socket.uncork()
  }

  #written(): void {
    const written = this.#writing.shift()
    if (written === undefined) return
    this.#waitingBytes -= written.bytes
    written.release?.()
    if (this.#writing.length > 0) return void this.#timer.refresh()
    this.#stalled = false
    if (this.#untold === 0) return
    const untold = this.#untold
    this.#untold = 0
    this.reply(encodeCount(kinds.missed, untold))
  }

  /** It took nothing for a while: whoever waits for it waits no longer. */
  #stall(): void {
    if (this.#writing.length === 0 || this.#socket.destroyed) return
    this.#stalled = true
    log('%s of %s takes nothing', this.uuid, this.channel)
    this.#releaseAll()
  }

  #releaseAll(): void {
    for (const writing of this.#writing) {
      const { release } = writing
      writing.release = undefined
      release?.()
    }
  }

  #closed(): void {
    clearTimeout(this.#timer)
    this.#releaseAll()
    this.#owner.left(this)
  }
}
