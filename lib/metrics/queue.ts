import type { QueueInfo } from '../work/index.js'
import { otherService } from '../work/outcomes.js'
import { type Family, gauge, type Labels, only } from './families.js'

/** Services that are shown apart at the most. */
const servicesMax = 64

const states = ['waiting', 'delayed', 'running', 'dead'] as const

/**
 * What is measured of a queue.
 *
 * @param look resolves to undefined when the engine does not answer; undefined without a queue
 */
export function queueFamilies(look: () => Promise<readonly QueueInfo[] | undefined> | undefined): Family[] {
  return [
    gauge('queue_up', 'Whether the engine of this peer\'s queue answers within a second.', [], async () => {
      const found = look()
      return found === undefined ? [] : only((await found) === undefined ? 0 : 1)
    }),
    gauge('queue_jobs', 'Jobs in the queue of this peer, as far as its engine tells.', ['service', 'state'], async () =>
      depths((await look()) ?? [])),
  ]
}

/** A number for each service and each state that the engine tells; of services beyond the bound, their sum. */
function depths(queues: readonly QueueInfo[]): (readonly [Labels, number])[] {
  const sums = new Map<string, (readonly [Labels, number])>()
  queues.forEach((queue, at) => {
    const service = at < servicesMax ? queue.name : otherService
    for (const state of states) {
      const key = `${state} ${service}`
      const count = queue[state]
      if (count !== undefined) sums.set(key, [{ service, state }, count + (sums.get(key)?.[1] ?? 0)])
    }
  })
  return [...sums.values()]
}
