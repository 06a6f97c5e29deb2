import type { Socket } from 'node:net'
import { formatAddress, parseHost } from './address.js'
import { Admission, type Ticket } from './admission.js'
import type { Door } from './door.js'
import type { SocketLimits } from './limits.js'
import { type Protocol, sniff } from './sniff.js'

/** What becomes of connections that came in. */
export interface ReceptionOwner {
  /** A peer wants in. The socket is paused and will read all that was said; `settle` once it has said who it is. */
  peer(socket: Socket, settle: () => void): void
  /** Someone speaks HTTP; see {@link TransportHandlers.http}. */
  http: ((socket: Socket, head: Uint8Array) => void) | undefined
  /** Turned away, and closed. */
  rejected(from: string, reason: string): void
}

const speech = { peer: 'openly, without a key', tls: 'TLS, and no key is set here', http: 'HTTP' } as const

/** Receives the connections that come in: counts them, sees what they speak, and shows them where to go. */
export class Reception {
  readonly #limits: SocketLimits
  readonly #door: Door | undefined
  readonly #owner: ReceptionOwner
  readonly #admission: Admission
  /** Those that have not shown what they speak, or are at the door. */
  readonly #waiting = new Set<Socket>()
  /** Those that speak HTTP. */
  readonly #guests = new Set<Socket>()

  /** @param door through which everybody but HTTP has to come, if there is one */
  constructor(limits: SocketLimits, door: Door | undefined, owner: ReceptionOwner) {
    this.#limits = limits
    this.#door = door
    this.#owner = owner
    this.#admission = new Admission(limits)
  }

  /** Takes in a connection. */
  accept(socket: Socket): void {
    // Gone before anyone looked.
    if (socket.remoteAddress === undefined) return void socket.destroy()
    const host = parseHost(socket.remoteAddress)
    const from = formatAddress(host, socket.remotePort ?? 0)
    const putOut = (): void => this.#turnAway(socket, from, 'slow to say who it is, and others wait')
    const ticket = this.#admission.enter(host, putOut)
    if (typeof ticket === 'string') return this.#turnAway(socket, from, ticket)
    socket.on('close', ticket.leave)
    this.#listen(socket, from, (protocol, head) => {
      if (protocol === 'http' && this.#owner.http !== undefined) {
        this.#guests.add(socket)
        socket.on('close', () => this.#guests.delete(socket))
        this.#owner.http(socket, head)
      } else if (protocol === 'tls' && this.#door !== undefined) {
        socket.unshift(head)
        this.#admit(this.#door, socket, from, ticket)
      } else if (protocol === 'peer' && this.#door === undefined) {
        socket.unshift(head)
        this.#owner.peer(socket, ticket.settle)
      } else {
        this.#turnAway(socket, from, protocol === 'unknown' ? 'not a peer' : `speaks ${speech[protocol]}`)
      }
    })
  }

  #admit(door: Door, socket: Socket, from: string, ticket: Ticket): void {
    this.#waiting.add(socket)
    door.admit(socket, {
      admitted: (tls) => {
        this.#waiting.delete(socket)
        this.#owner.peer(tls, ticket.settle)
      },
      refused: (reason) => this.#waiting.has(socket) && this.#turnAway(socket, from, reason),
    })
    socket.on('close', () => this.#waiting.delete(socket))
  }

  /** Closes those that are not inside yet; and with `guests`, those that speak HTTP. */
  close(guests = false): void {
    for (const socket of guests ? [...this.#waiting, ...this.#guests] : this.#waiting) socket.destroy()
  }

  /** Reads until it is clear what a connection speaks. */
  #listen(socket: Socket, from: string, heard: (protocol: Protocol, head: Buffer) => void): void {
    let head = Buffer.alloc(0)
    const data = (bytes: Buffer): void => {
      head = Buffer.concat([head, bytes])
      const protocol = sniff(head)
      if (protocol === undefined) return
      leave()
      socket.pause()
      heard(protocol, head)
    }
    const end = (): void => void socket.destroy()
    const timer = setTimeout(() => {
      // What came in while this process was busy or stopped is read first.
      setImmediate(() => {
        if (!this.#waiting.has(socket)) return
        // Who connects and says nothing at all (a port scan, a health check) is not worth a report.
        if (head.length > 0) this.#turnAway(socket, from, `no hello within ${this.#limits.helloMs} ms`)
        else socket.destroy()
      })
    }, this.#limits.helloMs).unref()
    const leave = (): void => {
      this.#waiting.delete(socket)
      clearTimeout(timer)
      socket.off('data', data).off('end', end).off('close', leave)
    }
    this.#waiting.add(socket)
    socket.on('data', data).on('end', end).on('close', leave)
    // Whoever takes over adds its own; an error without one would end the process.
    socket.on('error', () => undefined)
  }

  #turnAway(socket: Socket, from: string, reason: string): void {
    this.#waiting.delete(socket)
    socket.destroy()
    this.#owner.rejected(from, reason)
  }
}
