import { isLoopback } from './address.js'
import type { SocketLimits } from './limits.js'

/** An incoming connection's place among all of them. */
export interface Ticket {
  /** It has said who it is. From here on it is not put out for others. */
  settle(): void
  /** It is gone. */
  leave(): void
}

/**
 * Counts incoming connections, in all and by remote host, and turns away what is too much. Of those that have not said
 * who they are there may be only so many: one more puts out the one that has taken longest, so that whoever holds
 * connections open and says nothing keeps nobody else out.
 */
export class Admission {
  readonly #limits: SocketLimits
  readonly #hosts = new Map<string, number>()
  /** Those that have not said who they are, the oldest first, and how to put them out. */
  readonly #strangers = new Map<Ticket, () => void>()
  #total = 0

  constructor(limits: SocketLimits) {
    this.#limits = limits
  }

  /** Lets a connection from a host in, or says why not. `putOut` is called if it has to go for another. */
  enter(host: string, putOut: () => void): Ticket | string {
    const { inboundMax, inboundPerHostMax, strangersMax } = this.#limits
    const here = this.#hosts.get(host) ?? 0
    if (here >= inboundPerHostMax && !isLoopback(host)) return `more than ${inboundPerHostMax} connections from ${host}`
    if (this.#strangers.size >= strangersMax) this.#putOutOldest()
    if (this.#total >= inboundMax) return `more than ${inboundMax} connections`
    this.#total++
    this.#hosts.set(host, here + 1)
    let inside = true
    const ticket: Ticket = {
      settle: () => this.#strangers.delete(ticket),
      leave: () => {
        if (!inside) return
        inside = false
        this.#strangers.delete(ticket)
        this.#leave(host)
      },
    }
    this.#strangers.set(ticket, putOut)
    return ticket
  }

  #putOutOldest(): void {
    for (const [ticket, putOut] of this.#strangers) {
      ticket.leave()
      return putOut()
    }
  }

  #leave(host: string): void {
    const here = this.#hosts.get(host) ?? 1
    this.#total--
    if (here > 1) this.#hosts.set(host, here - 1)
    else this.#hosts.delete(host)
  }
}
