import type { Telepathine } from '../../telepathine.js'
import { Refusal } from '../errors.js'
import type { Exchange } from '../exchange.js'
import type { Route } from '../routes.js'
import type { FaceView } from '../view.js'

/** The keys of all peers to read, and this peer's own to write. */
export function stateRoutes(peer: Telepathine, view: FaceView): Route[] {
  return [
    {
      method: 'GET',
      path: '/state',
      writes: false,
      summary: 'The keys of this peer, or of ?peer=.',
      answer: (exchange) => {
        const owner = ownerOf(exchange, view)
        exchange.json(200, { peer: owner, keys: peer.getRemoteKeys(owner) })
      },
    },
    {
      method: 'GET',
      path: '/state/:key*',
      writes: false,
      summary: 'A key of this peer, or of ?peer=: key, peer, value, version, expiresAt.',
      answer: (exchange) => {
        const owner = ownerOf(exchange, view)
        const key = exchange.name('key')
        const held = view.held(owner, key)
        if (!held) throw new Refusal(404, 'ERR_KEY', `${owner} has no key ${JSON.stringify(key)}`)
        const { value, version, expiresAt = null } = held
        exchange.json(200, { key, peer: owner, value, version, expiresAt })
      },
    },
    {
      method: 'PUT',
      path: '/state/:key*',
      writes: true,
      summary: 'Sets a key of this peer to the JSON value in the body; ?expiresAt= is unix time in milliseconds.',
      answer: async (exchange) => {
        const expiresAt = exchange.query('expiresAt')
        const value = await exchange.body()
        peer.set(exchange.name('key'), value, expiresAt === undefined ? undefined : numberOf(expiresAt))
        exchange.empty(204)
      },
    },
    {
      method: 'DELETE',
      path: '/state/:key*',
      writes: true,
      summary: 'Deletes a key of this peer.',
      answer: (exchange) => {
        const key = exchange.name('key')
        if (!peer.delete(key)) throw new Refusal(404, 'ERR_KEY', `${peer.name} has no key ${JSON.stringify(key)}`)
        exchange.empty(204)
      },
    },
  ]
}

function ownerOf(exchange: Exchange, view: FaceView): string {
  const asked = exchange.query('peer') ?? view.name
  if (asked === view.name || view.standing(asked)) return asked
  throw new Refusal(404, 'ERR_ADDRESS', `${view.name} knows no peer ${JSON.stringify(asked)}`)
}

function numberOf(text: string): number {
  const number = text === '' ? NaN : Number(text)
  if (Number.isFinite(number)) return number
  const given = JSON.stringify(text)
  throw new Refusal(400, 'ERR_VALUE', `expiresAt: ${given} given, allowed: unix time in milliseconds`)
}
