import type { BarePeer } from '../bare.js'
import { Detection } from '../checks/detection.js'
import type { Observed } from '../referee.js'
import { Cluster } from './cluster.js'
import { growth, quantile, rounded } from './figures.js'
import type { Scenario } from './scenario.js'

const settleMs = 10_000

/** A crash is noticed by everyone within this, or that is a violation; and the next comes no earlier, milliseconds. */
const detectMaxMs = 30_000

/** From the last that noticed to the restart, and from there to the next crash, milliseconds. */
const restMs = 3_000

/** Between two stalls of a peer that stalls now and then (twice that at most), and how long they are, milliseconds. */
const stallEveryMs = 10_000
const stallMaxMs = 1_000

/**
 * How soon all survivors know that a host fell silent, and how often they err about one that did not. For a survivor
 * that stood still meanwhile, that time does not count (`detectWithStallsMaxMs` has it).
 */
export const crash: Scenario = {
  name: 'crash',
  about: 'how soon all survivors know that a host fell silent, and how often they err',
  options: ['crashes', 'seconds', 'pausing'],
  run(settings, progress) {
    const peers = settings.peers ?? 100
    const loss = settings.loss ?? 0.05
    const crashes = settings.times ?? 10
    const pausing = settings.pausing ?? 0.05
    const latencyMs = settings.latencyMs ?? ([0.5, 1.5] as const)
    const cluster = new Cluster({ peers, seed: settings.seed, conditions: { loss, latencyMs }, watchesAll: true })
    const stoodStillMs = ({ index }: Observed): number => cluster.peers[index]?.machine.stoodStillMs ?? 0
    const detection = cluster.world.referee.add((bench) => new Detection(bench, detectMaxMs, stoodStillMs))
    const isAssembled = cluster.assemble(progress)
    cluster.world.run(settleMs)
    const falseBefore = { verdicts: detection.falseVerdicts, deaths: detection.falseDeaths }
    const beganMs = cluster.nowMs
    for (const peer of cluster.peers.slice(0, Math.round(peers * pausing))) stallNowAndThen(cluster, peer)
    const detectMs: number[] = []
    let isConverged = isAssembled
    for (let i = 0; i < crashes; i++) {
      const victim = cluster.peers[cluster.random.below(peers)] as BarePeer
      detection.crashed(victim, cluster.world.up())
      victim.crash()
      const death = detection.deaths.at(-1)
      const isNoticed = cluster.world.runUntil(() => death?.waiting.size === 0, detectMaxMs + 2_000)
      isConverged &&= isNoticed
      detectMs.push(Math.max(0, ...(death?.tookMs ?? [])))
      cluster.world.run(restMs * (0.5 + cluster.random.unit()))
      cluster.start(victim)
      cluster.world.run(restMs)
      progress(`crash ${i + 1} of ${crashes}: all knew after ${Math.round(detectMs.at(-1) ?? 0)} ms`)
    }
    const untilMs = beganMs + (settings.seconds ?? 0) * 1_000
    while (cluster.nowMs < untilMs) {
      cluster.world.run(Math.min(10_000, untilMs - cluster.nowMs))
      progress(`${Math.round((cluster.nowMs - beganMs) / 1_000)} of ${settings.seconds} s`)
    }
    const all = detection.deaths.flatMap((death) => death.tookMs).sort((a, b) => a - b)
    const detectP50Ms = rounded(quantile(detectMs, 0.5))
    return cluster.outcome(
      {
        peers,
        loss,
        crashes,
        detectP50Ms,
        detectMaxMs: rounded(detectMs.at(-1) ?? 0),
        detectWithStallsMaxMs: rounded(Math.max(0, ...detection.deaths.map((death) => death.tookWithStallsMs))),
        falseDeaths: detection.falseDeaths - falseBefore.deaths,
        falseVerdicts: detection.falseVerdicts - falseBefore.verdicts,
        peerHours: rounded(((cluster.nowMs - beganMs) / 3_600_000) * peers),
      },
      isConverged,
      growth(all, crashes * (peers - 1)),
    )
  },
}

function stallNowAndThen(cluster: Cluster, peer: BarePeer): void {
  cluster.world.time.after(cluster.random.unit() * 2 * stallEveryMs * 1_000, {
    happen: () => {
      peer.machine.pause(cluster.random.unit() * stallMaxMs)
      stallNowAndThen(cluster, peer)
    },
  })
}
