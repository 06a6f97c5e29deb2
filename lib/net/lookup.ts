import { lookup } from 'node:dns'
import type { LookupAddress } from 'node:dns'
import type { LookupFunction } from 'node:net'

/** Finds all addresses of a host name, as `dns.lookup` does with `all`. */
export type FindAll = (
  host: string,
  options: { readonly all: true; readonly family?: number },
  found: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void

/**
 * Looks up host names for connections, and gives their addresses in another order each time. A name may stand for
 * several peers (a headless service of Kubernetes, a round robin of DNS); resolvers sort, and the address nearest to
 * us, which comes first, is our own: whoever always dialled that one would meet nobody but itself.
 *
 * @param unit a number in [0, 1)
 */
export function anyAddress(unit: () => number = Math.random, findAll: FindAll = lookup): LookupFunction {
  return (host, { all, family }, found) => {
    const only = family === 4 || family === 6 ? { family } : {}
    findAll(host, { all: true, ...only }, (error, addresses) => {
      const [first, ...rest] = error ? [] : shuffled(addresses, unit)
      if (first === undefined) found(error ?? notFound(host), '')
      else if (all) found(null, [first, ...rest])
      else found(null, first.address, first.family)
    })
  }
}

function shuffled(addresses: readonly LookupAddress[], unit: () => number): LookupAddress[] {
  const drawn = addresses.map((address) => ({ address, lot: unit() }))
  return drawn.sort((a, b) => a.lot - b.lot).map(({ address }) => address)
}

function notFound(host: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${host} has no address`), { code: 'ENOTFOUND' })
}
