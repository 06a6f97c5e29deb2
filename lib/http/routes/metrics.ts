import type { Families } from '../../metrics/families.js'
import type { Route } from '../routes.js'

/** What can be measured, for Prometheus. */
export function metricRoutes(families: Families, withProcess: boolean): Route[] {
  return [
    {
      method: 'GET',
      path: '/metrics',
      writes: false,
      summary: 'What can be measured of this peer, in the text format of Prometheus.',
      answer: async (exchange) => {
        // loaded when it is first asked for
        const { expose } = await import('../../metrics/exposition.js')
        const { mediaType, text } = await expose(families, withProcess)
        exchange.send(200, mediaType, text)
      },
    },
  ]
}
