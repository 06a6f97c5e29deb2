import type { BarePeer } from '../bare.js'
import { Cluster } from './cluster.js'
import { rounded } from './figures.js'
import type { Scenario } from './scenario.js'

const settleMs = 5_000

/** Within this both sides must see the other as gone, and be of one mind again when it is healed, milliseconds. */
const splitMaxMs = 30_000
const convergeMaxMs = 60_000

/** Keys that each peer sets while it is parted from the others. */
const keys = 5

/** A cluster that falls in two and is put together again: how long both take to be noticed. */
export const partition: Scenario = {
  name: 'partition',
  about: 'a cluster that falls in two and is healed: how soon each is noticed, and all are of one mind again',
  options: ['seconds'],
  run(settings, progress) {
    const peers = settings.peers ?? 50
    const loss = settings.loss ?? 0.01
    const seconds = settings.seconds ?? 30
    const latencyMs = settings.latencyMs ?? ([0.5, 1.5] as const)
    const cluster = new Cluster({ peers, seed: settings.seed, conditions: { loss, latencyMs } })
    const isAssembled = cluster.assemble(progress)
    cluster.world.run(settleMs)
    const one = cluster.peers.filter(({ index }) => index % 3 === 0)
    const other = cluster.peers.filter(({ index }) => index % 3 !== 0)
    cluster.world.network.partition(one.map(({ index }) => index))
    const partedMs = cluster.nowMs
    const isAlone = (side: readonly BarePeer[]): boolean => side.every((peer) => peer.live().length === side.length - 1)
    const isSplit = cluster.world.runUntil(() => isAlone(one) && isAlone(other), splitMaxMs)
    const splitMs = rounded(cluster.nowMs - partedMs)
    progress(`parted: all knew after ${splitMs} ms`)
    for (const peer of cluster.peers) {
      for (let key = 0; key < keys; key++) peer.set(`key ${key}`, Uint8Array.of(peer.index & 255, key))
    }
    cluster.world.run(Math.max(0, seconds * 1_000 - splitMs))
    cluster.world.network.heal()
    const healedMs = cluster.nowMs
    const isTogether = cluster.world.runUntil(() => cluster.isComplete(), convergeMaxMs)
    const togetherMs = rounded(cluster.nowMs - healedMs)
    const isConverged = cluster.converges(convergeMaxMs)
    const convergedMs = rounded(cluster.nowMs - healedMs)
    return cluster.outcome(
      { peers, loss, partedSeconds: seconds, splitMs, togetherMs, convergedMs },
      isAssembled && isSplit && isTogether && isConverged,
    )
  },
}
