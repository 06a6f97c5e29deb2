import { isLoopback } from './address.js'
import type { SocketLimits } from './limits.js'

/** Counts incoming connections, in all and by remote host, and turns away what is too much. */
export class Admission {
  readonly #limits: SocketLimits
  readonly #hosts = new Map<string, number>()
  #total = 0

  constructor(limits: SocketLimits) {
    this.#limits = limits
  }

  /** Lets a connection from a host in, or says why not. */
  enter(host: string): string | undefined {
    const { inboundMax, inboundPerHostMax } = this.#limits
    const here = this.#hosts.get(host) ?? 0
    if (this.#total >= inboundMax) return `more than ${inboundMax} connections`
    if (here >= inboundPerHostMax && !isLoopback(host)) return `more than ${inboundPerHostMax} connections from ${host}`
    this.#total++
    this.#hosts.set(host, here + 1)
    return undefined
  }

  /** One that was let in is gone. */
  leave(host: string): void {
    const here = this.#hosts.get(host) ?? 1
    this.#total--
    if (here > 1) this.#hosts.set(host, here - 1)
    else this.#hosts.delete(host)
  }
}
