import type { BarePeer } from '../bare.js'
import { Cluster } from './cluster.js'
import { growth, quantile, rounded } from './figures.js'
import type { Scenario } from './scenario.js'
import { total } from '../traffic.js'

/** Between two updates, milliseconds: each has spread before the next comes. */
const updateEveryMs = 500

/** Before the first update, so that joining is over and done with, milliseconds. */
const settleMs = 10_000

/** When an update that did not reach everyone counts as lost, milliseconds. */
const updateMaxMs = 60_000

const valueBytes = 100

/** How long a `set` takes to each peer, and what it costs. */
export const converge: Scenario = {
  name: 'converge',
  about: 'how long a set takes until each peer knows',
  options: ['updates'],
  run(settings, progress) {
    const peers = settings.peers ?? 100
    const loss = settings.loss ?? 0.01
    const updates = settings.times ?? 20
    const cluster = new Cluster({
      peers,
      seed: settings.seed,
      conditions: { loss, latencyMs: settings.latencyMs ?? [0.5, 1.5] },
    })
    const isAssembled = cluster.assemble(progress)
    cluster.world.run(settleMs)
    cluster.sent()
    const beganMs = cluster.nowMs
    const setAtMs: number[] = []
    const tookMs = new Float64Array(updates * (peers - 1))
    let reached = 0
    cluster.heard = (_, notice) => {
      if (notice.kind !== 'set') return
      const update = Number(notice.key.slice(1))
      tookMs[reached++] = cluster.nowMs - (setAtMs[update] ?? 0)
    }
    for (let update = 0; update < updates; update++) {
      const value = new Uint8Array(valueBytes).map(() => cluster.random.below(256))
      setAtMs.push(cluster.nowMs)
      const origin = cluster.peers[cluster.random.below(peers)] as BarePeer
      origin.set(`u${update}`, value)
      cluster.world.run(updateEveryMs)
      progress(`update ${update + 1} of ${updates}: ${reached} of ${(update + 1) * (peers - 1)} reached`)
    }
    const isConverged = cluster.world.runUntil(() => reached === updates * (peers - 1), updateMaxMs)
    const sent = cluster.sent()
    const seconds = (cluster.nowMs - beganMs) / 1_000
    const reachedMs = tookMs.subarray(0, reached)
    const p50Ms = rounded(quantile(reachedMs, 0.5))
    return cluster.outcome(
      {
        peers,
        loss,
        updates,
        p50Ms,
        p99Ms: rounded(quantile(reachedMs, 0.99)),
        maxMs: rounded(reachedMs.at(-1) ?? 0),
        messagesPerPeerPerUpdate: rounded(sent.news.messages / peers / updates),
        bytesPerPeerPerSecond: rounded(total(sent).bytes / peers / seconds),
      },
      isAssembled && isConverged,
      growth(reachedMs, tookMs.length),
    )
  },
}
