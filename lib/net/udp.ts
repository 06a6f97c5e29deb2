import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { formatAddress, parseHost } from './address.js'
import type { Route, Router } from './router.js'
import { type Seal, sealBytes } from './seal.js'
import type { Traffic, TransportHandlers } from './transport.js'

/** Kernel buffers asked for; the system gives what it allows. Datagrams wait there while the process is busy. */
const socketBufferBytes = 4 << 20

/** What a datagram may be longer than agreed, for peers that are set up a little differently. */
const slackBytes = 128

/** What a datagram socket needs to know. */
export interface DatagramOptions {
  /** Without what sealing adds. */
  readonly maxDatagramBytes: number
  /** Seals and opens all datagrams, if there is one. */
  readonly seal: Seal | undefined
  readonly router: Router
  readonly traffic: Traffic
}

/** Errors that tell of one peer or of a full queue: a lost datagram, nothing else. */
const harmless = new Set(['ECONNREFUSED', 'ECONNRESET', 'EHOSTUNREACH', 'ENETUNREACH', 'EMSGSIZE', 'ENOBUFS', 'EPERM'])

/** UDP: one unconnected socket for all peers. */
export class DatagramSocket {
  readonly #socket: Socket
  readonly #family: 4 | 6
  readonly #options: DatagramOptions
  #bound = false
  #handlers: TransportHandlers | undefined

  /** @param family 4, or 6 for a socket that reaches IPv4 too where the system maps it */
  constructor(family: 4 | 6, options: DatagramOptions) {
    this.#family = family
    this.#options = options
    this.#socket = createSocket({
      type: family === 4 ? 'udp4' : 'udp6',
      // Only literals come here; the default would go through dns.lookup for each datagram.
      lookup: (host, _options, callback) => callback(null, host, family),
    })
  }

  /** Binds; resolves with the port, or rejects with the system's error and is closed. */
  async bind(port: number, host: string): Promise<number> {
    const listening = once(this.#socket, 'listening')
    this.#socket.bind({ port, address: host, exclusive: true })
    try {
      await listening
    } catch (error) {
      this.#socket.close()
      throw error
    }
    this.#bound = true
    this.#socket.on('error', (error: NodeJS.ErrnoException) => {
      if (!harmless.has(error.code ?? '')) this.#handlers?.error(error)
    })
    for (const set of ['setRecvBufferSize', 'setSendBufferSize'] as const) {
      try {
        this.#socket[set](socketBufferBytes)
      } catch {
        // Some systems refuse what is above their limit instead of giving what they can: then it stays as it is.
      }
    }
    return this.#socket.address().port
  }

  /** Hands on what comes in, from now on. */
  serve(handlers: TransportHandlers): void {
    const { traffic } = this.#options
    this.#handlers = handlers
    this.#socket.on('message', (bytes, { address, port }) => {
      const from = formatAddress(this.#family === 6 ? parseHost(address) : address, port)
      const message = this.#open(bytes)
      if (typeof message === 'string') {
        traffic.rejected++
        handlers.rejected(from, message)
        return
      }
      traffic.datagramsIn++
      traffic.datagramBytesIn += bytes.length
      handlers.datagram(message, from)
    })
  }

  /** What a datagram holds, or why it is not taken. */
  #open(bytes: Uint8Array): Uint8Array | string {
    const { seal, maxDatagramBytes } = this.#options
    const bytesMax = maxDatagramBytes + (seal === undefined ? 0 : sealBytes) + slackBytes
    if (bytes.length > bytesMax) return `datagram of ${bytes.length} bytes, more than ${maxDatagramBytes}`
    return seal === undefined ? bytes : seal.open(bytes)
  }

  /** Sends parts as one datagram. What cannot be sent is lost, and counted where that is known. */
  send(route: Route, parts: readonly Uint8Array[]): void {
    if (route.family !== 0) return this.#transmit(route.host, route.port, parts)
    this.#options.router.resolve(route.host, this.#family, (host) => {
      if (host !== undefined) this.#transmit(host, route.port, parts)
    })
  }

  /** Closes; resolves when the port is free. */
  async close(): Promise<void> {
    if (!this.#bound) return
    this.#bound = false
    const closed = once(this.#socket, 'close')
    this.#socket.close()
    await closed
  }

  #transmit(host: string, port: number, parts: readonly Uint8Array[]): void {
    if (!this.#bound) return
    const { traffic, maxDatagramBytes, seal } = this.#options
    const mapped = this.#family === 6 && !host.includes(':') ? `::ffff:${host}` : host
    const length = parts.reduce((sum, part) => sum + part.length, 0)
    if (length > maxDatagramBytes || (this.#family === 4 && host.includes(':'))) {
      traffic.dropped++
      return
    }
    const bytes = seal !== undefined ? seal.seal(parts) : parts.length === 1 ? parts[0]! : Buffer.concat(parts, length)
    traffic.datagramsOut++
    traffic.datagramBytesOut += bytes.length
    this.#socket.send(bytes, port, mapped, this.#sent)
  }

  readonly #sent = (error: Error | null): void => {
    if (error) this.#options.traffic.dropped++
  }
}
