import { WebSocket } from 'ws'
import { LiveClose, liveProtocol, liveVersion, type LiveMessage } from '../../http/live/protocol.js'
import type { PeerAddress } from '../shared/arguments.js'

/** Longest message that is taken: a snapshot of some thousand peers has a few MiB. */
const messageBytesMax = 256 << 20
/** For the connection, and for the first snapshot, to come about. */
const patienceMs = 10_000

/** Whom a feed tells. */
export interface FeedOwner {
  /** A message came in. */
  message(message: LiveMessage): void
  /** The connection ended, or none came about: why, in one line. Once, and nothing comes after it. */
  ended(error: Error): void
}

/** One connection to the live feed of a peer. */
export class Feed {
  readonly #socket: WebSocket
  readonly #owner: FeedOwner
  readonly #name: string
  readonly #timer: NodeJS.Timeout
  #isOver = false

  constructor(address: PeerAddress, token: string | undefined, owner: FeedOwner) {
    this.#owner = owner
    this.#name = address.name
    const host = address.host.includes(':') ? `[${address.host}]` : address.host
    this.#socket = new WebSocket(`ws://${host}:${address.port}/live`, liveProtocol, {
      ...(token !== undefined && { headers: { authorization: `Bearer ${token}` } }),
      handshakeTimeout: patienceMs,
      maxPayload: messageBytesMax,
      perMessageDeflate: false,
    })
    this.#timer = setTimeout(() => this.#end(`${this.#name} does not answer`), patienceMs)
    this.#socket.on('open', () => {
      this.#socket.send(JSON.stringify({ type: 'hello', version: liveVersion, want: { stream: {} } }))
    })
    this.#socket.on('message', (data: Buffer) => this.#take(data.toString()))
    this.#socket.on('unexpected-response', (_, { statusCode }) => this.#end(this.#explainStatus(statusCode)))
    this.#socket.on('error', (error: NodeJS.ErrnoException) => this.#end(this.#explain(error)))
    this.#socket.on('close', (code) => this.#end(this.#explainClose(code)))
  }

  /** Ends it; nothing more is told. */
  close(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
    this.#socket.terminate()
  }

  #take(text: string): void {
    if (this.#isOver) return
    let message: LiveMessage
    try {
      message = JSON.parse(text) as LiveMessage
    } catch {
      return this.#end(`${this.#name} sends what is no JSON`)
    }
    clearTimeout(this.#timer)
    this.#owner.message(message)
  }

  #end(why: string): void {
    if (this.#isOver) return
    this.close()
    this.#owner.ended(new Error(why))
  }

  #explain({ code, message }: NodeJS.ErrnoException): string {
    if (code === 'ECONNREFUSED') {
      return `nobody listens at ${this.#name}: is the peer running? (telepathine peer ${this.#name})`
    }
    return `${this.#name}: ${message}`
  }

  #explainStatus(status: number | undefined): string {
    if (status === 401) return `${this.#name} asks for a token: give it with --token or TELEPATHINE_TOKEN`
    return `${this.#name} has no live feed (HTTP status ${status}): is it a peer that serves HTTP?`
  }

  #explainClose(code: number): string {
    if (code === LiveClose.unauthorized) return this.#explainStatus(401)
    if (code === LiveClose.version) return `${this.#name} speaks another version of the live feed`
    if (code === LiveClose.slow) return `${this.#name} closed the connection: this terminal is too slow`
    return `${this.#name} has stopped`
  }
}
