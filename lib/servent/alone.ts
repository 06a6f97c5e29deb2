import type { Missing } from '../work/index.js'
import type { Outcome } from './job.js'
import { toError } from './tell.js'
import type { Worker } from './worker.js'

/** The longest that the system's timers can wait. */
const delayMsMax = 2 ** 31 - 1

/** Has work done by the one node there is: a servent that does not listen. As {@link Ask}. */
export async function askAlone(
  worker: Worker, params: readonly unknown[], ttlMs: number, told: (outcome: Outcome) => void,
): Promise<readonly Missing[]> {
  // later, as everywhere else
  await Promise.resolve()
  const peer = 'this node'
  const outcome = worker.perform(params).then(
    (value): Outcome => ({ peer, value }),
    (thrown: unknown): Outcome => ({ peer, error: toError(thrown) }),
  )
  const first = await Promise.race([outcome, timeout(ttlMs, outcome)])
  if (first === undefined) return [{ peer, reason: 'ERR_TIMEOUT' }]
  told(first)
  return []
}

/** Resolves after a time, unless something else has come of it. */
function timeout(ms: number, unless: Promise<unknown>): Promise<undefined> {
  return new Promise((resolve) => {
    if (ms > delayMsMax) return
    const timer = setTimeout(() => resolve(undefined), ms)
    void unless.then(() => clearTimeout(timer))
  })
}
