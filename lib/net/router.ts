import { lookup } from 'node:dns'
import { type Address, addressLookup, familyOf, formatAddress, parseAddress } from './address.js'

/** Most names and addresses remembered; when there are more, all are forgotten and looked up anew. */
const remembered = 4_096

/** How long the answer for a host name is used for datagrams, and how long a failure, in ms. */
const freshMs = 10_000
const failedMs = 1_000

/** Where to send what is for a peer or a seed. */
export interface Route extends Address {
  /** The address before the address map: the name of the peer, if it is one. */
  readonly name: string
  readonly family: 0 | 4 | 6
}

interface HostEntry {
  host: string | undefined
  untilMs: number
  waiting: ((host: string | undefined) => void)[]
}

/** Turns what frames and datagrams are addressed to into where they go. */
export class Router {
  readonly #map: (address: Address) => Address
  readonly #routes = new Map<string, Route | undefined>()
  readonly #hosts = new Map<string, HostEntry>()

  /** @throws TelepathineError `ERR_ADDRESS` for a malformed address map */
  constructor(addressMap: Readonly<Record<string, string>>) {
    this.#map = addressLookup(addressMap)
  }

  /** Where `to` is dialled; undefined when it is no address: names come from other peers, too. */
  route(to: string): Route | undefined {
    if (this.#routes.has(to)) return this.#routes.get(to)
    if (this.#routes.size >= remembered) this.#routes.clear()
    const route = this.#read(to)
    this.#routes.set(to, route)
    return route
  }

  /**
   * Calls back with an address literal of a host name, of the family asked for if there is one; undefined if none.
   * At once when it was looked up lately. At most 64 wait for one name; more are told undefined.
   */
  resolve(host: string, family: 4 | 6, found: (host: string | undefined) => void): void {
    const key = `${family} ${host}`
    const known = this.#hosts.get(key)
    if (known !== undefined && performance.now() < known.untilMs) {
      if (known.waiting.length === 0) found(known.host)
      else if (known.waiting.length < 64) known.waiting.push(found)
      else found(undefined)
      return
    }
    if (this.#hosts.size >= remembered) this.#hosts.clear()
    const entry: HostEntry = { host: undefined, untilMs: Infinity, waiting: [found] }
    this.#hosts.set(key, entry)
    lookup(host, { all: true }, (error, addresses) => {
      const best = error ? undefined : (addresses.find((each) => each.family === family) ?? addresses[0])
      const waiting = entry.waiting
      entry.host = best?.address
      entry.untilMs = performance.now() + (best === undefined ? failedMs : freshMs)
      entry.waiting = []
      for (const each of waiting) each(entry.host)
    })
  }

  #read(to: string): Route | undefined {
    try {
      const address = parseAddress(to, 1)
      const { host, port } = this.#map(address)
      return { host, port, family: familyOf(host), name: formatAddress(address.host, address.port) }
    } catch {
      return undefined
    }
  }
}
