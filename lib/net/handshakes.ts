import type { Socket } from 'node:net'
import { createServer, type SecureContextOptions, type Server, type TLSSocket, type TlsOptions } from 'node:tls'
import { tlsCode, type Visitor } from './door.js'

/** The dialled end of TLS handshakes, for connections that were accepted elsewhere. */
export class Handshakes {
  /** Never listens: connections are handed to it. */
  readonly #server: Server
  /** Who is in a handshake, by the address of the other end. */
  readonly #visitors = new Map<string, Visitor>()

  /** @param explain what a failure means, in words for the operator */
  constructor(options: TlsOptions, explain: (code: string) => string) {
    this.#server = createServer(options)
    this.#server.on('secureConnection', (socket) => this.#take(socket)?.admitted(socket))
    this.#server.on('tlsClientError', (error, socket) => {
      const visitor = this.#take(socket)
      socket.destroy()
      const code = tlsCode(error)
      if (code === 'ERR_TLS_HANDSHAKE_TIMEOUT') visitor?.refused('slow TLS handshake')
      else if (code !== undefined) visitor?.refused(explain(code))
    })
  }

  /** Begins the handshake on a connection; its first bytes lie at the front of what it will read. */
  begin(socket: Socket, visitor: Visitor): void {
    const place = placeOf(socket)
    this.#visitors.set(place, visitor)
    socket.on('close', () => {
      if (this.#visitors.get(place) !== visitor) return
      this.#visitors.delete(place)
      visitor.refused('broke off the TLS handshake')
    })
    this.#server.emit('connection', socket)
  }

  /** Has handshakes from here on use another key, certificate and authority. */
  renew(options: SecureContextOptions): void {
    this.#server.setSecureContext(options)
  }

  #take(socket: TLSSocket): Visitor | undefined {
    const place = placeOf(socket)
    const visitor = this.#visitors.get(place)
    this.#visitors.delete(place)
    return visitor
  }
}

function placeOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`
}
