import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { TelepathineError } from '../gossip/errors.js'
import { familyOf, formatAddress, parseHost } from './address.js'
import { CertificateDoor } from './certificatedoor.js'
import type { Door } from './door.js'
import { KeyDoor } from './keydoor.js'
import { Keyring } from './keyring.js'
import { defaultLimits, type SocketLimits } from './limits.js'
import { Router } from './router.js'
import { Seal } from './seal.js'
import { ConnectionPool } from './tcp.js'
import {
  noTraffic, type OpenOptions, type Security, type Traffic, type Transport, type TransportHandlers,
} from './transport.js'
import { DatagramSocket } from './udp.js'

/** How many ports are tried until one is free for both TCP and UDP. */
const portTries = 32

/**
 * Real sockets: UDP and TCP on one port number. While open they keep the process alive; the timers do not. After
 * `close` they may be opened again.
 */
export class SocketTransport implements Transport {
  readonly #limits: SocketLimits
  readonly #wall: () => number
  #traffic: Traffic = noTraffic()
  #router: Router | undefined
  #pool: ConnectionPool | undefined
  #datagrams: DatagramSocket | undefined
  #server: Server | undefined
  #opening: Promise<{ host: string; port: number }> | undefined
  #closing: Promise<void> | undefined

  /** @param wall unix time in ms, by which sealed datagrams are told from replayed ones */
  constructor(limits: Partial<SocketLimits> = {}, wall: () => number = Date.now) {
    this.#limits = { ...defaultLimits, ...limits }
    this.#wall = wall
  }

  get traffic(): Readonly<Traffic> {
    return this.#traffic
  }

  /** TCP connections now, whether ready or on their way. */
  get connections(): number {
    return this.#pool?.connections ?? 0
  }

  async open(options: OpenOptions, handlers: TransportHandlers): Promise<{ host: string; port: number }> {
    if (this.#opening !== undefined) throw new TelepathineError('ERR_BUSY', 'the sockets are open: close them first')
    this.#opening = this.#open(options, handlers)
    try {
      return await this.#opening
    } catch (error) {
      this.#opening = undefined
      throw error
    }
  }

  sendDatagram(to: string, parts: readonly Uint8Array[]): void {
    const route = this.#router?.route(to)
    if (route !== undefined) this.#datagrams?.send(route, parts)
  }

  sendFrame(to: string, parts: readonly Uint8Array[]): number {
    return this.#pool?.send(to, parts) ?? 0
  }

  keep(names: readonly string[]): void {
    this.#pool?.keep(names)
  }

  drop(name: string): void {
    this.#pool?.drop(name)
  }

  backlog(to: string): number {
    return this.#pool?.backlog(to) ?? 0
  }

  renew(): void {
    this.#pool?.renew()
  }

  close(lingerMs = 200): Promise<void> {
    this.#closing ??= this.#close(lingerMs).finally(() => {
      this.#closing = undefined
      this.#opening = undefined
    })
    return this.#closing
  }

  async #open(options: OpenOptions, handlers: TransportHandlers): Promise<{ host: string; port: number }> {
    const { cluster, maxDatagramBytes, maxFrameBytes, security } = options
    const door = doorFor(security, this.#limits.helloMs)
    const address = parseHost(options.address)
    const router = new Router(options.addressMap)
    const traffic = noTraffic()
    const asked = parseHost(options.bind)
    const host = familyOf(asked) === 0 ? (await lookup(asked)).address : asked
    for (let tries = 1; ; tries++) {
      const seal = security instanceof Keyring ? new Seal(security, this.#wall) : undefined
      const datagrams = options.udp
        ? new DatagramSocket(familyOf(host) === 6 ? 6 : 4, { maxDatagramBytes, seal, router, traffic })
        : undefined
      try {
        // UDP first: a connection is never accepted before there is someone to serve it.
        const udpPort = await datagrams?.bind(options.port, host)
        const server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: this.#limits.idleMs })
        const port = await listen(server, udpPort ?? options.port, host)
        if (this.#closing !== undefined) {
          server.close()
          throw new TelepathineError('ERR_STOPPED', 'closed while opening')
        }
        const name = formatAddress(address, port)
        const limits = this.#limits
        const pool = new ConnectionPool({ name, cluster, maxFrameBytes, door, router, limits, traffic, handlers })
        server.on('connection', (socket) => pool.accept(socket))
        server.on('error', (error) => handlers.error(error))
        datagrams?.serve(handlers)
        this.#traffic = traffic
        this.#router = router
        this.#pool = pool
        this.#datagrams = datagrams
        this.#server = server
        return { host: address, port }
      } catch (error) {
        await datagrams?.close()
        const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
        if (!taken || options.port !== 0 || tries === portTries) throw error
      }
    }
  }

  async #close(lingerMs: number): Promise<void> {
    // What has begun to open is opened first: then all there is to close is known.
    await this.#opening?.catch(() => undefined)
    const [server, pool, datagrams] = [this.#server, this.#pool, this.#datagrams]
    this.#server = this.#pool = this.#datagrams = this.#router = undefined
    if (server === undefined) return
    const closed = once(server, 'close')
    // Who dials from here on is refused, and so knows.
    server.close()
    await Promise.all([pool?.close(lingerMs), datagrams?.close(), closed])
  }
}

function doorFor(security: Security | undefined, handshakeMs: number): Door | undefined {
  if (security === undefined) return undefined
  return security instanceof Keyring ? new KeyDoor(security, handshakeMs) : new CertificateDoor(security, handshakeMs)
}

async function listen(server: Server, port: number, host: string): Promise<number> {
  const listening = once(server, 'listening')
  server.listen({ port, host, exclusive: true, backlog: 1_024 })
  await listening
  const bound = server.address()
  return typeof bound === 'object' && bound !== null ? bound.port : port
}
