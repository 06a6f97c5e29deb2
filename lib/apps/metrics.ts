import { counter, each, type Family, gauge } from '../metrics/families.js'
import { standingStates, type Standing } from './wants.js'

/** Apps that are shown apart at the most. */
const appsMax = 64
const otherApp = '_other'

/** What is measured of the worker apps here: the state of each, and how often each failed. */
export function appFamilies(
  states: ReadonlyMap<string, Standing['state']>, failures: ReadonlyMap<string, number>,
): Family[] {
  return [
    gauge('apps', 'Worker apps here, by state; waiting: it crashed, and will be started again.', ['state'], () => {
      const counts: Record<string, number> = Object.fromEntries(standingStates.map((state) => [state, 0]))
      for (const state of states.values()) counts[state] = (counts[state] ?? 0) + 1
      return each('state', counts)
    }),
    counter('app_failures_total', 'Times that a worker app here crashed or could not be started.', ['app'], () => {
      const counts: Record<string, number> = {}
      let shown = 0
      for (const [app, count] of failures) {
        const name = shown++ < appsMax ? app : otherApp
        counts[name] = (counts[name] ?? 0) + count
      }
      return each('app', counts)
    }),
  ]
}
