import { Cluster } from './cluster.js'
import { growth, quantile, rounded } from './figures.js'
import type { Scenario } from './scenario.js'

const settleMs = 5_000

/** Between two newcomers, milliseconds. */
const joinEveryMs = 2_000

/** When a join that is not complete counts as failed, milliseconds. */
const joinMaxMs = 30_000

/** Keys that each peer of the cluster has, and their size. */
const keys = 10
const valueBytes = 100

/** How long until a newcomer has everything, and all others know it. */
export const join: Scenario = {
  name: 'join',
  about: 'how long until a newcomer has everything, and everyone knows it',
  options: ['joins'],
  run(settings, progress) {
    const peers = settings.peers ?? 100
    const loss = settings.loss ?? 0.01
    const joins = settings.times ?? 10
    const latencyMs = settings.latencyMs ?? ([0.5, 1.5] as const)
    const cluster = new Cluster({ peers, seed: settings.seed, conditions: { loss, latencyMs } })
    let isConverged = cluster.assemble(progress)
    for (const peer of cluster.peers) {
      for (let key = 0; key < keys; key++) peer.set(`key ${key}`, new Uint8Array(valueBytes).fill(key))
    }
    cluster.world.run(settleMs)
    const knownByAllMs: number[] = []
    const knowsAllMs: number[] = []
    const heardOfMs: number[] = []
    for (let i = 0; i < joins; i++) {
      const others = cluster.peers.length
      const newcomer = cluster.add()
      const beganMs = cluster.nowMs
      let introduced = 0
      let values = 0
      let knownMs = 0
      let knowsMs = 0
      cluster.heard = (observer, notice) => {
        const tookMs = cluster.nowMs - beganMs
        if (notice.kind === 'peer:start' && notice.peer === newcomer.name) {
          heardOfMs.push(tookMs)
          if (++introduced === others) knownMs = tookMs
        }
        // those who joined before it came without keys
        if (notice.kind === 'set' && observer === newcomer && ++values === peers * keys) knowsMs = tookMs
      }
      cluster.start(newcomer)
      const isComplete = cluster.world.runUntil(() => knownMs > 0 && knowsMs > 0 && cluster.isComplete(), joinMaxMs, 1)
      isConverged &&= isComplete
      knownByAllMs.push(knownMs)
      knowsAllMs.push(knowsMs)
      cluster.world.run(joinEveryMs)
      progress(`join ${i + 1} of ${joins}`)
    }
    heardOfMs.sort((a, b) => a - b)
    return cluster.outcome(
      {
        peers,
        loss,
        joins,
        knowsAllP50Ms: rounded(quantile(knowsAllMs, 0.5)),
        knowsAllMaxMs: rounded(quantile(knowsAllMs, 1)),
        knownByAllP50Ms: rounded(quantile(knownByAllMs, 0.5)),
        knownByAllMaxMs: rounded(quantile(knownByAllMs, 1)),
      },
      isConverged,
      growth(heardOfMs, heardOfMs.length),
    )
  },
}
