import { addressLookup, formatAddress, isLoopback, parseAddress } from '../net/address.js'

/**
 * The addresses that a peer joins through, in canonical spelling. Trying them until they answer is the protocol's
 * business, resolving names anew at each try the transport's.
 */
export class Seeds {
  readonly #addresses = new Set<string>()
  readonly #lookup: ReturnType<typeof addressLookup>

  constructor(addressMap: Readonly<Record<string, string>>) {
    this.#lookup = addressLookup(addressMap)
  }

  /**
   * Adds `host:port`, `:port` (this host's loopback) or `[v6]:port`; returns its canonical spelling.
   *
   * @throws TelepathineError `ERR_ADDRESS` names what is none.
   */
  add(seed: unknown): string {
    const { host, port } = parseAddress(seed, 1)
    const address = formatAddress(host, port)
    this.#addresses.add(address)
    return address
  }

  /** All of them but those that are the peer `name` itself. */
  of(name: string): string[] {
    return [...this.#addresses].filter((address) => !this.isOwn(address, name))
  }

  /** Whether an address leads to the peer `name` itself: the same, mapped to it, or loopback by another name. */
  isOwn(address: string, name: string): boolean {
    const own = parseAddress(name)
    const given = parseAddress(address)
    const mapped = this.#lookup(given)
    return [given, mapped].some(
      ({ host, port }) => port === own.port && (host === own.host || (host === 'localhost' && isLoopback(own.host))),
    )
  }
}
