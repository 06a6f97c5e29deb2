import type { Census } from '../census.js'
import { Refusal } from '../errors.js'
import type { Route } from '../routes.js'

/** Alone for so long, a peer counts as ready all the same: it may be the first of its cluster. */
const aloneMs = 5_000

/** Who is there, and whether this peer is well. */
export function peerRoutes(census: Census, isDraining: () => boolean): Route[] {
  return [
    {
      method: 'GET',
      path: '/peers',
      writes: false,
      summary: 'This peer and all that it knows: name, state (alive, suspect, dead, left), since when, metadata.',
      answer: (exchange) => exchange.json(200, census.members()),
    },
    {
      method: 'GET',
      path: '/healthz',
      writes: false,
      open: true,
      summary: 'Whether this process answers.',
      answer: (exchange) => exchange.json(200, { status: 'ok' }),
    },
    {
      method: 'GET',
      path: '/readyz',
      writes: false,
      open: true,
      summary: 'Whether this peer has joined its cluster and takes work.',
      answer: (exchange) => {
        const retry = { 'retry-after': '1' }
        if (isDraining()) throw new Refusal(503, 'ERR_DRAINING', 'this peer is about to leave', retry)
        if (census.hasJoined || census.ageMs >= aloneMs) return exchange.json(200, { status: 'ok' })
        throw new Refusal(503, 'ERR_OVERLOAD', 'this peer has not met any other yet', retry)
      },
    },
  ]
}
