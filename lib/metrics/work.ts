import { isSystems } from '../names.js'
import { otherService, type Outcomes } from '../work/outcomes.js'
import type { Switchboard } from '../work/switchboard.js'
import { counter, type Family, gauge, histogram, type Labels, only } from './families.js'

/** Services that are shown apart at the most; see {@link Outcomes}. */
const servicesMax = 64

/** What is measured of calls, both those that are made here and those that are served. */
export function workFamilies(board: () => Switchboard | undefined): Family[] {
  const called = (): Outcomes['services'] => board()?.client.outcomes?.services ?? new Map()
  const served = (): Outcomes['services'] => board()?.server.outcomes?.services ?? new Map()
  return [
    counter('calls_total', 'Calls made here that are settled, by outcome: ok, or the code of the error.', [
      'service', 'outcome',
    ], () => outcomes(called())),
    histogram('call_duration_seconds', 'How long calls made here took until they were settled.', ['service'], () =>
      durations(called())),
    gauge('calls_pending', 'Calls made here that are under way.', [], () => only(board()?.client.pending ?? 0)),
    counter('call_retries_total', 'Further attempts of calls made here, because a worker was busy or lost.', [
      'cause',
    ], () => {
      const { bounced = 0, retried = 0 } = board()?.client.counts ?? {}
      return [[{ cause: 'busy' }, bounced], [{ cause: 'lost' }, retried]]
    }),
    counter('serves_total', 'Calls that came in and are done or were turned away, by outcome.', [
      'service', 'outcome',
    ], () => outcomes(served())),
    histogram('serve_duration_seconds', 'How long handlers here ran.', ['service'], () => durations(served())),
    gauge('serve_running', 'Calls that handlers here are at.', ['service'], () =>
      perService(board(), ({ running }) => running)),
    gauge('serve_queued', 'Calls that wait for a handler here.', ['service'], () =>
      perService(board(), ({ waiting }) => waiting)),
    gauge('serve_concurrency', 'How many calls may run at a time here.', ['service'], () =>
      perService(board(), ({ concurrency }) => concurrency)),
    counter('enqueues_total', 'Jobs given to a queue from here, by outcome: ok, or the code of the error.', [
      'service', 'outcome',
    ], () => outcomes(board()?.durable?.enqueued.services ?? new Map())),
    gauge('serve_held_bytes', 'Bytes of inputs that wait or are coming in here.', [], () =>
      only(board()?.server.heldBytes ?? 0)),
    counter('late_replies_total', 'What came in for calls that were settled already, or unknown.', [], () => {
      const { client, server } = board() ?? {}
      return only((client?.counts.late ?? 0) + (server?.counts.late ?? 0))
    }),
  ]
}

function* outcomes(services: Outcomes['services']): Iterable<readonly [Labels, number]> {
  for (const [service, { ok, failed }] of services) {
    yield [{ service, outcome: 'ok' }, ok]
    for (const [outcome, count] of failed) yield [{ service, outcome }, count]
  }
}

function durations(services: Outcomes['services']) {
  return Array.from(services, ([service, { seconds }]) => [{ service }, seconds] as const)
}

/** A number for each service that is served here; of those beyond the bound, their sum. */
function perService(
  board: Switchboard | undefined,
  of: (slots: { readonly running: number; readonly waiting: number; readonly concurrency: number }) => number,
): (readonly [Labels, number])[] {
  const sums = new Map<string, number>()
  for (const [service, served] of board?.server.services ?? []) {
    if (isSystems(service)) continue
    const name = sums.has(service) || sums.size < servicesMax ? service : otherService
    sums.set(name, (sums.get(name) ?? 0) + of(served.slots))
  }
  return Array.from(sums, ([service, sum]) => [{ service }, sum] as const)
}
