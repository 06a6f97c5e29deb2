import { Limits } from '../checks/limits.js'
import { Cluster } from './cluster.js'
import { rounded } from './figures.js'
import type { Scenario } from './scenario.js'
import { total } from '../traffic.js'

/** Before measuring, so that joining is over and done with, milliseconds. */
const settleMs = 15_000

/** What a peer may send when nothing happens, bytes per second and class, however many others there are. */
const bytesPerSecond = { news: 500, repair: 2_000, liveness: 3_500 }

/** What a cluster costs in which nothing happens. */
export const idle: Scenario = {
  name: 'idle',
  about: 'what a peer sends when nothing happens',
  options: ['seconds'],
  run(settings, progress) {
    const peers = settings.peers ?? 100
    const loss = settings.loss ?? 0
    const seconds = settings.seconds ?? 30
    const latencyMs = settings.latencyMs ?? ([0.5, 1.5] as const)
    const cluster = new Cluster({ peers, seed: settings.seed, conditions: { loss, latencyMs } })
    const isAssembled = cluster.assemble(progress)
    const assembledMs = cluster.nowMs
    cluster.world.run(settleMs)
    cluster.world.referee.add((bench) => new Limits(bench, { bytesPerSecond }))
    cluster.sent()
    const steps = cluster.world.time.steps
    const beganAt = process.hrtime.bigint()
    const cpuBefore = process.cpuUsage()
    for (let second = 0; second < seconds; second++) {
      cluster.world.run(1_000)
      progress(`${second + 1} of ${seconds} s`)
    }
    const wallSeconds = Number(process.hrtime.bigint() - beganAt) / 1e9
    const cpu = process.cpuUsage(cpuBefore)
    const sent = cluster.sent()
    const each = (count: number): number => rounded(count / peers / seconds)
    const { news, repair, liveness } = sent
    return cluster.outcome(
      {
        peers,
        loss,
        assembledMs: rounded(assembledMs),
        bytesPerPeerPerSecond: each(total(sent).bytes),
        messagesPerPeerPerSecond: each(total(sent).messages),
        newsBytes: each(news.bytes),
        repairBytes: each(repair.bytes),
        livenessBytes: each(liveness.bytes),
        stepsPerVirtualSecond: rounded((cluster.world.time.steps - steps) / seconds),
        wallVirtualSecondsPerSecond: rounded(seconds / wallSeconds),
        wallVirtualSecondsPerCpuSecond: rounded((seconds * 1e6) / (cpu.user + cpu.system)),
      },
      isAssembled && cluster.isComplete(),
    )
  },
}
