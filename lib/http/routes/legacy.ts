import { formatAddress, parseAddress } from '../../net/address.js'
import type { Telepathine } from '../../telepathine.js'
import type { Census } from '../census.js'
import type { Route } from '../routes.js'

/** As the original's peers met: each tells the other whom it knows. Only under option `http.legacy`. */
export function legacyRoutes(peer: Telepathine, census: Census): Route[] {
  return [
    {
      method: 'POST',
      path: '/hello/:host/:port',
      writes: true,
      summary: "The original's hello: takes host:port for one to join through, answers with all that are known.",
      answer: async (exchange) => {
        const { host, port } = parseAddress(`${exchange.name('host')}:${exchange.name('port')}`, 1)
        await exchange.body()
        peer.addPeer(formatAddress(host, port))
        exchange.json(200, universe(census))
      },
    },
  ]
}

/** What the original calls so: times in milliseconds, -1 for never. */
function universe(census: Census): Readonly<Record<string, object>> {
  const unmet = census.unmet().map((seed) => [seed, { firstSeen: -1, lastSeen: -1, down: true }])
  const met = census.members().map(({ name, state, since }) => {
    const down = state === 'dead' || state === 'left'
    return [name, { firstSeen: census.firstSeen(name), lastSeen: down ? since : Date.now(), down }]
  })
  return Object.fromEntries([...unmet, ...met]) as Record<string, object>
}
