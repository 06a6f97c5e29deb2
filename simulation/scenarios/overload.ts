import { TelepathineError } from '../../lib/gossip/errors.js'
import type { BarePeer } from '../bare.js'
import { Cluster } from './cluster.js'
import { growth, quantile, rounded } from './figures.js'
import type { Scenario } from './scenario.js'

const settleMs = 5_000

/** Each peer tries to set so often, each time so much. */
const setEveryMs = 10
const valueBytes = 1_000

/** What a machine's line carries, bytes per second: each peer alone could fill much of it. */
const uplinkBytesPerSecond = 2_000_000

/** When the flood has ended all must be of one mind within this, milliseconds. */
const convergeMaxMs = 60_000

/** Keys that a peer goes round in. */
const keys = 20

/**
 * Everyone sets more than the lines carry. Nothing may break: who is too fast is told (`false`, then `ERR_OVERLOAD`),
 * what is known elsewhere stays fresh within bounds, nobody starves, and when it is over all is as it should be.
 */
export const overload: Scenario = {
  name: 'overload',
  about: 'everyone sets more than the lines carry: how stale others get, how fair it is, and whether it recovers',
  options: ['updates', 'seconds'],
  run(settings, progress) {
    const peers = settings.peers ?? 20
    const loss = settings.loss ?? 0.01
    const seconds = settings.seconds ?? 20
    const updatesEach = settings.times ?? Infinity
    const latencyMs = settings.latencyMs ?? ([0.5, 1.5] as const)
    const cluster = new Cluster({ peers, seed: settings.seed, conditions: { loss, latencyMs } })
    const isAssembled = cluster.assemble(progress)
    cluster.world.run(settleMs)
    for (const { machine } of cluster.peers) machine.uplinkBytesPerSecond = uplinkBytesPerSecond
    const setAtMs = new Map<string, number>()
    const staleMs: number[] = []
    cluster.heard = (_, notice) => {
      if (notice.kind !== 'set') return
      const atMs = setAtMs.get(stamp(notice.peer, notice.value))
      if (atMs !== undefined) staleMs.push(cluster.nowMs - atMs)
    }
    const beganMs = cluster.nowMs
    const flood = new Flood(cluster, setAtMs, beganMs + seconds * 1_000, updatesEach)
    for (const peer of cluster.peers) flood.begin(peer)
    cluster.sent()
    for (let second = 0; second < seconds; second++) {
      cluster.world.run(1_000)
      const { accepted, slowed, refused } = flood
      progress(`${second + 1} of ${seconds} s: ${accepted} sets taken, ${slowed} slowed, ${refused} refused`)
    }
    const { news, repair } = cluster.sent()
    const falseDeaths = cluster.peers.filter((peer) => peer.isUp && peer.live().length < peers - 1).length
    const endedMs = cluster.nowMs
    const isConverged = cluster.converges(convergeMaxMs)
    const each = cluster.peers.map(({ index }) => flood.acceptedBy[index] ?? 0)
    staleMs.sort((a, b) => a - b)
    return cluster.outcome(
      {
        peers,
        loss,
        seconds,
        accepted: flood.accepted,
        slowed: flood.slowed,
        refused: flood.refused,
        staleP50Ms: rounded(quantile(staleMs, 0.5)),
        staleP99Ms: rounded(quantile(staleMs, 0.99)),
        staleMaxMs: rounded(staleMs.at(-1) ?? 0),
        leastAccepted: Math.min(...each),
        mostAccepted: Math.max(...each),
        newsBytesPerPeerPerSecond: rounded(news.bytes / peers / seconds),
        repairBytesPerPeerPerSecond: rounded(repair.bytes / peers / seconds),
        cutOff: falseDeaths,
        convergedMs: rounded(cluster.nowMs - endedMs),
      },
      isAssembled && isConverged,
      growth(staleMs, staleMs.length),
    )
  },
}

/** Everyone sets as fast as allowed: who is told to wait waits for `drain`. */
class Flood {
  accepted = 0
  slowed = 0
  refused = 0
  readonly acceptedBy: number[] = []
  readonly #cluster: Cluster
  readonly #setAtMs: Map<string, number>
  readonly #untilMs: number
  readonly #updatesEach: number
  #count = 0

  constructor(cluster: Cluster, setAtMs: Map<string, number>, untilMs: number, updatesEach: number) {
    this.#cluster = cluster
    this.#setAtMs = setAtMs
    this.#untilMs = untilMs
    this.#updatesEach = updatesEach
  }

  begin(peer: BarePeer): void {
    this.#cluster.world.time.after(setEveryMs * 1_000 * this.#cluster.random.unit() * 2, {
      happen: () => {
        if (this.#cluster.nowMs >= this.#untilMs || (this.acceptedBy[peer.index] ?? 0) >= this.#updatesEach) return
        this.#set(peer)
        this.begin(peer)
      },
    })
  }

  #set(peer: BarePeer): void {
    const value = new Uint8Array(valueBytes)
    new DataView(value.buffer).setUint32(0, ++this.#count)
    try {
      if (!peer.set(`key ${this.#count % keys}`, value)) this.slowed++
    } catch (error) {
      if (!(error instanceof TelepathineError) || error.code !== 'ERR_OVERLOAD') throw error
      this.refused++
      return
    }
    this.accepted++
    this.acceptedBy[peer.index] = (this.acceptedBy[peer.index] ?? 0) + 1
    this.#setAtMs.set(stamp(peer.name, value), this.#cluster.nowMs)
  }
}

function stamp(peer: string, value: Uint8Array): string {
  return `${peer} ${new DataView(value.buffer, value.byteOffset).getUint32(0)}`
}
