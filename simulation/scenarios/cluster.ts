import { defaultConfig, type GossipConfig } from '../../lib/gossip/config.js'
import type { Notice } from '../../lib/gossip/effects.js'
import type { Random } from '../../lib/gossip/random.js'
import { BarePeer } from '../bare.js'
import { differences } from '../checks/convergence.js'
import { standardChecks } from '../checks/standard.js'
import type { Conditions } from '../conditions.js'
import { nameOf } from '../machine.js'
import { introductions } from '../founding.js'
import { noTraffic, since, type Count, type TrafficClass } from '../traffic.js'
import { World, type Resident } from '../world.js'
import { rounded } from './figures.js'
import type { Outcome, Progress } from './scenario.js'

/** Peers through which all others join. */
const seedsMax = 3

/** More peers than this do not join, but know each other from the beginning. */
const joinedMax = 2_000

/** How many pairs of peers the checks keep an eye on. */
const watchedPairsMax = 40_000

/** Between two points of the curve at first, milliseconds; twice that whenever there are too many. */
const sampleMs = 100
const samplesMax = 1_000

/** How long it may take until everybody knows everybody, virtual milliseconds. */
const joinMaxMs = 120_000

/** What a cluster begins with. */
export interface ClusterOptions {
  readonly peers: number
  readonly seed: number
  readonly conditions?: Partial<Conditions>
  readonly config?: Partial<GossipConfig>
  /** Whether the checks look through the eyes of all peers, however many there are. */
  readonly watchesAll?: boolean
}

/** A cluster of bare peers, with the checks that hold always, and counters that cost next to nothing. */
export class Cluster {
  readonly world: World
  readonly peers: BarePeer[] = []
  /** Dice for what the scenario itself decides. */
  readonly random: Random
  /** Called with all that any peer hears. */
  heard: (observer: Resident, notice: Notice) => void = () => {}
  readonly #config: GossipConfig
  /** How many peers each peer takes to be alive. */
  readonly #live: number[] = []
  /** Share of the pairs of running peers in which one takes the other to be alive, over time. */
  #curve: (readonly [number, number])[] = [[0, 0]]
  #sampleMs = sampleMs
  #sentBefore = noTraffic()
  /** Whether all are told of each other at the beginning. */
  readonly #isFounded: boolean

  constructor(options: ClusterOptions) {
    this.world = new World({
      seed: options.seed,
      checks: standardChecks,
      watchEvery: options.watchesAll === true ? 1 : Math.ceil(options.peers ** 2 / watchedPairsMax),
      ...(options.conditions === undefined ? {} : { conditions: options.conditions }),
    })
    this.random = this.world.random.fork('scenario')
    this.#config = { ...defaultConfig, ...options.config }
    this.#isFounded = options.peers > joinedMax
    this.world.heard = (observer, notices) => {
      for (const notice of notices) {
        if (notice.kind === 'peer:start') this.#live[observer.index] = (this.#live[observer.index] ?? 0) + 1
        else if (notice.kind === 'peer:stop') this.#live[observer.index] = (this.#live[observer.index] ?? 0) - 1
        this.heard(observer, notice)
      }
    }
    for (let i = 0; i < options.peers; i++) this.add()
    this.#sampleLater()
  }

  /** Virtual milliseconds since the beginning. */
  get nowMs(): number {
    return this.world.time.nowMs
  }

  /** One more peer, not yet started. */
  add(): BarePeer {
    const index = this.peers.length
    const seeds = this.#isFounded ? [] : [0, 1, 2].slice(0, seedsMax).filter((seed) => seed !== index).map(nameOf)
    const peer = new BarePeer(this.world, seeds, this.#config)
    this.peers.push(peer)
    return peer
  }

  /** Starts a peer. */
  start(peer: BarePeer): void {
    this.#live[peer.index] = 0
    peer.start()
  }

  /** Starts all peers within a second, and lets time go on until each knows all others; false when they do not. */
  assemble(progress: Progress): boolean {
    for (const peer of this.peers) {
      this.world.time.after(this.random.unit() * 1_000_000, { happen: () => this.start(peer) })
    }
    if (this.#isFounded) this.world.time.after(1_000_000, { happen: () => this.#introduceAll(progress) })
    const untilMs = this.nowMs + joinMaxMs
    while (this.nowMs < untilMs) {
      if (this.world.runUntil(() => this.peers.every(({ isUp }) => isUp) && this.isComplete(), 1_000, 100)) return true
      const known = (this.#live.reduce((sum, live) => sum + live, 0) / this.peers.length).toFixed(1)
      progress(`${Math.round(this.nowMs / 1_000)} s: a peer knows ${known} of ${this.peers.length - 1} others`)
    }
    return false
  }

  #introduceAll(progress: Progress): void {
    const founders = this.peers.map(({ name, gossip }) => ({ name, incarnation: gossip.incarnation }))
    const message = introductions(founders, this.#config)
    // nobody is told anything by itself
    const forFirst = introductions(founders.toReversed(), this.#config)
    for (const [i, peer] of this.peers.entries()) {
      peer.transport?.frameArrives(i === 0 ? forFirst : message, nameOf(0))
      if ((i + 1) % 1_000 === 0) progress(`${i + 1} peers know of all others`)
    }
  }

  /** Whether each peer that is up takes as many to be alive as there are others. */
  isComplete(): boolean {
    const up = this.peers.filter((peer) => peer.isUp)
    return up.length > 0 && up.every((peer) => this.#live[peer.index] === up.length - 1)
  }

  /** Lets time go on until all that are up are of one mind; false when they are not within `maxMs`. */
  converges(maxMs: number): boolean {
    return this.world.runUntil(() => differences(this.world.up(), 1).length === 0, maxMs, 100)
  }

  /** What was sent since this was last asked, by class of traffic. */
  sent(): Record<TrafficClass, Count> {
    const before = this.#sentBefore
    this.#sentBefore = since(this.world.sentAs, noTraffic())
    return since(this.world.sentAs, before)
  }

  /** What all scenarios report in the end. */
  outcome(figures: Outcome['figures'], isConverged: boolean, curve: Outcome['curve'] = this.#curve): Outcome {
    const { violations } = this.world.referee
    return { figures, violations, isConverged, virtualMs: this.nowMs, trace: String(this.world.trace), curve }
  }

  #sampleLater(): void {
    this.world.time.after(this.#sampleMs * 1_000, {
      happen: () => {
        let up = 0
        let known = 0
        for (const { isUp, index } of this.peers) {
          if (!isUp) continue
          up++
          known += this.#live[index] ?? 0
        }
        if (up > 1) this.#curve.push([this.nowMs, Math.min(1, rounded(known / (up * (up - 1))))])
        if (this.#curve.length > samplesMax) {
          this.#curve = this.#curve.filter((_, i) => i % 2 === 0)
          this.#sampleMs *= 2
        }
        this.#sampleLater()
      },
    })
  }
}
