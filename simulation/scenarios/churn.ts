import { pick } from '../../lib/gossip/random.js'
import type { BarePeer } from '../bare.js'
import { Detection } from '../checks/detection.js'
import { Memory } from '../checks/memory.js'
import { Cluster } from './cluster.js'
import { rounded } from './figures.js'
import type { Scenario } from './scenario.js'

const settleMs = 5_000

/** Between two that go or come, milliseconds. */
const churnEveryMs = 250

/** When it is over, all must be of one mind within this, milliseconds. */
const convergeMaxMs = 60_000

/** A crash is noticed by everyone within this, milliseconds. */
const detectMaxMs = 10_000

/** Short memory, so that a run shows whether the dead are forgotten and memory comes back. */
const forgetAfterMs = 20_000

/** Keys that each peer has. */
const keys = 5

/** Peers that crash, leave and come back all the time, while others set keys. */
export const churn: Scenario = {
  name: 'churn',
  about: 'peers that come and go all the time: how soon all is known, and whether the gone leave nothing behind',
  options: ['joins'],
  run(settings, progress) {
    const peers = settings.peers ?? 50
    const loss = settings.loss ?? 0.01
    const changes = settings.times ?? 200
    const latencyMs = settings.latencyMs ?? ([0.5, 1.5] as const)
    const conditions = { loss, latencyMs }
    const cluster = new Cluster({ peers, seed: settings.seed, conditions, config: { forgetAfterMs } })
    const isAssembled = cluster.assemble(progress)
    const memory = new Memory(cluster.world.referee.report)
    const detection = cluster.world.referee.add((bench) => new Detection(bench, detectMaxMs))
    const haveKeys = (peer: BarePeer): void => {
      for (let key = 0; key < keys; key++) peer.set(`key ${key}`, Uint8Array.of(0, key))
    }
    cluster.peers.forEach(haveKeys)
    cluster.world.run(settleMs)
    memory.begin()
    for (let change = 0; change < changes; change++) {
      // one stays, or those who come might find nobody that they know
      const peer = pick(cluster.random, cluster.peers.slice(1))
      if (peer === undefined) break
      if (!peer.isUp) cluster.start(peer)
      else if (cluster.random.below(2) === 0) {
        detection.crashed(peer, cluster.world.up())
        peer.crash(cluster.random.below(2) === 0)
      } else peer.leave()
      const writer = pick(cluster.random, cluster.peers)
      if (writer?.isUp === true) writer.set(`key ${change % keys}`, Uint8Array.of(change & 255, change >> 8))
      cluster.world.run(churnEveryMs * 2 * cluster.random.unit())
      progress(`change ${change + 1} of ${changes}`)
    }
    const endedMs = cluster.nowMs
    const isConverged = cluster.converges(convergeMaxMs)
    const convergedMs = rounded(cluster.nowMs - endedMs)
    cluster.world.run(forgetAfterMs + settleMs)
    const up = cluster.peers.filter((peer) => peer.isUp)
    const remembered = up.reduce((sum, peer) => sum + peer.gossip.peers('dead').length, 0)
    if (remembered > 0) {
      cluster.world.referee.report('the gone are forgotten', [], `nobody after ${forgetAfterMs} ms`, `${remembered}`)
    }
    for (const peer of cluster.peers) {
      if (peer.isUp) continue
      cluster.start(peer)
      haveKeys(peer)
    }
    const isWhole = cluster.converges(convergeMaxMs)
    cluster.world.run(forgetAfterMs + settleMs)
    memory.end()
    const { falseDeaths } = detection
    return cluster.outcome(
      { peers, loss, changes, up: up.length, convergedMs, remembered, falseDeaths },
      isAssembled && isConverged && isWhole,
    )
  },
}
