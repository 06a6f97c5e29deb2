import { Cluster } from './cluster.js'
import { growth, quantile, rounded } from './figures.js'
import { Flood, type Writer } from './flood.js'
import type { Scenario } from './scenario.js'

const settleMs = 5_000

/** Each peer tries to set so often, each time so much. */
const setEveryMs = 10
const valueBytes = 1_000

/** What a machine's line carries, bytes per second: less than the others' updates alone take. */
const uplinkBytesPerSecond = 2_000_000

/** How often to look how stale everyone is, milliseconds. */
const lookEveryMs = 100

/** When the flood has ended all must be of one mind within this, milliseconds. */
const convergeMaxMs = 60_000

/**
 * Everyone sets more than the lines carry. Nothing may break: who is too fast is told (`false`, then `ERR_OVERLOAD`),
 * what is known elsewhere stays fresh within bounds, nobody starves or is taken for dead, and when it is over all is as
 * it should be. Three of four peers wait when they are told to, as they should; the fourth does not.
 */
export const overload: Scenario = {
  name: 'overload',
  about: 'everyone sets more than the lines carry: how stale others get, how fair it is, and whether it recovers',
  options: ['updates', 'seconds'],
  run(settings, progress) {
    const peers = settings.peers ?? 20
    const loss = settings.loss ?? 0.01
    const seconds = settings.seconds ?? 20
    const latencyMs = settings.latencyMs ?? ([0.5, 1.5] as const)
    const cluster = new Cluster({ peers, seed: settings.seed, conditions: { loss, latencyMs } })
    const isAssembled = cluster.assemble(progress)
    cluster.world.run(settleMs)
    for (const { machine } of cluster.peers) machine.uplinkBytesPerSecond = uplinkBytesPerSecond
    const floodMs = seconds * 1_000
    const untilMs = cluster.nowMs + floodMs
    const updates = settings.times ?? Infinity
    const flood = new Flood(cluster, { everyMs: setEveryMs, valueBytes, untilMs, updates })
    cluster.sent()
    const stale: number[][] = []
    while (cluster.nowMs < untilMs) {
      cluster.world.run(Math.min(lookEveryMs, untilMs - cluster.nowMs))
      stale.push(flood.staleness())
      const words = `${sum(flood, takenOf)} taken, ${sum(flood, slowedOf)} slowed, ${sum(flood, refusedOf)} refused`
      progress(`${Math.round((floodMs - untilMs + cluster.nowMs) / 1_000)} of ${seconds} s: ${words}`)
    }
    const { news, repair } = cluster.sent()
    const known = flood.writers.map(({ known: of }) => of.reduce((total, count) => total + count, 0) / (peers - 1))
    const cutOff = cluster.peers.filter((peer) => peer.isUp && peer.live().length < peers - 1).length
    if (cutOff > 0) cluster.world.referee.report('no collapse', [], 'all to be taken for alive', `not so at ${cutOff}`)
    const endedMs = cluster.nowMs
    const isConverged = cluster.converges(convergeMaxMs)
    const all = stale.flat().sort((a, b) => a - b)
    const late = stale.slice(-Math.ceil(stale.length / 4)).flat()
    const patient = flood.writers.filter(({ isPatient }) => isPatient)
    const staleMaxMs = all.at(-1) ?? 0
    return cluster.outcome(
      {
        peers,
        loss,
        seconds,
        accepted: sum(flood, takenOf),
        slowed: sum(flood, slowedOf),
        refused: sum(flood, refusedOf),
        spreadPerPeerPerSecond: rounded(known.reduce((total, count) => total + count, 0) / peers / seconds),
        staleP50Ms: rounded(quantile(all, 0.5)),
        staleP99Ms: rounded(quantile(all, 0.99)),
        staleMaxMs: rounded(staleMaxMs),
        staleLateP50Ms: rounded(quantile(late, 0.5)),
        staleP50Share: rounded(quantile(all, 0.5) / floodMs),
        staleMaxShare: rounded(staleMaxMs / floodMs),
        acceptedFairness: fairness(patient.map(takenOf)),
        spreadFairness: fairness(known),
        newsBytesPerPeerPerSecond: rounded(news.bytes / peers / seconds),
        repairBytesPerPeerPerSecond: rounded(repair.bytes / peers / seconds),
        cutOff,
        convergedMs: rounded(cluster.nowMs - endedMs),
      },
      isAssembled && isConverged,
      growth(all, all.length),
    )
  },
}

const takenOf = ({ setAtMs }: Writer): number => setAtMs.length
const slowedOf = ({ slowed }: Writer): number => slowed
const refusedOf = ({ refused }: Writer): number => refused

function sum(flood: Flood, of: (writer: Writer) => number): number {
  return flood.writers.reduce((total, writer) => total + of(writer), 0)
}

/** What the last gets for each that the first gets; 1 when all get the same. */
function fairness(values: readonly number[]): number {
  const most = Math.max(...values)
  return most === 0 ? 1 : rounded(Math.min(...values) / most)
}
