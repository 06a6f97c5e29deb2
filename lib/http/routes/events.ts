import type { Telepathine } from '../../telepathine.js'
import { Refusal } from '../errors.js'
import type { Exchange } from '../exchange.js'
import { Lines } from '../lines.js'
import type { Route } from '../routes.js'
import type { OwnHandler, FaceView } from '../view.js'

/** Streams of events at a time; each may hold as much unsent as `Lines` allows. */
const streamsMax = 128
const patternsMax = 16
const patternLengthMax = 1_024
/** Each more multiplies what it may cost to compare a name with the pattern. */
const doubleStarsMax = 2

/** What is said and set, as it happens until `closing`, and a way to say something. */
export function eventRoutes(peer: Telepathine, view: FaceView, closing: AbortSignal): Route[] {
  let streams = 0
  return [
    {
      method: 'POST',
      path: '/events/:name*',
      writes: true,
      summary: 'Says an event, with the JSON value in the body, to all other peers.',
      answer: async (exchange) => {
        const data = await exchange.body()
        peer.say(exchange.name('name'), data)
        exchange.empty(202)
      },
    },
    {
      method: 'GET',
      path: '/events',
      writes: false,
      summary:
        'What peers say (say: event, data, from) and set (set: peer, key, value, expiresAt), as it happens. ' +
        '?hear= and ?know= name events and keys, * for one segment and ** for any number; without either, ?hear=**. ' +
        'Server-sent events, or NDJSON.',
      answer: (exchange) => {
        const hear = patterns(exchange, 'hear')
        const know = patterns(exchange, 'know')
        if (hear.length + know.length === 0) hear.push('**')
        if (streams >= streamsMax) {
          throw new Refusal(503, 'ERR_OVERLOAD', `${streamsMax} streams are open already`, { 'retry-after': '5' })
        }
        const lines = new Lines(exchange)
        streams++
        const said: OwnHandler = (event, data) => lines.write('say', { event, data, from: peer.name })
        const set: OwnHandler = (key, value, expiresAt) => {
          lines.write('set', { peer: peer.name, key, value, expiresAt: expiresAt ?? null })
        }
        const offs = [
          ...hear.map((pattern) => view.ownSays.add(pattern, said)),
          ...know.map((pattern) => view.ownSets.add(pattern, set)),
          ...hear.map((pattern) =>
            peer.hear(pattern, function (data, from) {
              lines.write('say', { event: this.event, data, from })
            }),
          ),
          ...know.map((pattern) =>
            peer.know(pattern, (from, value, key, expiresAt) => {
              lines.write('set', { peer: from, key, value, expiresAt: expiresAt ?? null })
            }),
          ),
        ]
        const end = (): void => {
          closing.removeEventListener('abort', end)
          exchange.signal.removeEventListener('abort', end)
          streams--
          for (const off of offs) off()
          lines.end({})
        }
        closing.addEventListener('abort', end)
        exchange.signal.addEventListener('abort', end)
      },
    },
  ]
}

function patterns(exchange: Exchange, name: string): string[] {
  const given = exchange.queries(name)
  if (given.length > patternsMax) {
    throw new Refusal(400, 'ERR_OPTION', `${name}: ${given.length} patterns given, allowed: ${patternsMax}`)
  }
  for (const pattern of given) {
    const doubleStars = pattern.split(':').filter((segment) => segment === '**').length
    if (pattern !== '' && pattern.length <= patternLengthMax && doubleStars <= doubleStarsMax) continue
    const allowed = `1 to ${patternLengthMax} characters, ** at most ${doubleStarsMax} times`
    throw new Refusal(400, 'ERR_KEY', `${name}: ${JSON.stringify(pattern.slice(0, 100))} given, allowed: ${allowed}`)
  }
  return given
}
