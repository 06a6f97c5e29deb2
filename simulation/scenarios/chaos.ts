import type { GossipConfig } from '../../lib/gossip/config.js'
import { happens, pick, seededRandom, shuffle, type Random } from '../../lib/gossip/random.js'
import type { BarePeer } from '../bare.js'
import { differences } from '../checks/convergence.js'
import { localNetwork, type Conditions } from '../conditions.js'
import { Stranger } from '../stranger.js'
import { Cluster } from './cluster.js'
import { rounded } from './figures.js'
import type { Scenario, Settings } from './scenario.js'

/** Once all faults have ended, everyone must be of one mind within this, milliseconds. */
const convergeMaxMs = 60_000

/** And what is then set and said must reach everyone within this, milliseconds. */
const spreadMaxMs = 10_000

/** What the seed of a stranger is away from that of the run. */
const strangerSeed = 2 ** 40

/** What can happen. Each seed leaves some of it out, so that rare mixtures come up too. */
const kinds = [
  'set', 'expire', 'delete', 'say', 'burst', 'large', 'crash', 'vanish', 'restart', 'leave', 'pause', 'jump',
  'partition', 'cut', 'clog', 'weather', 'heal',
] as const

type Kind = (typeof kinds)[number]

/** What a cut may let through no more. */
const cuts: readonly Partial<Conditions>[] = [
  { datagrams: false },
  { streams: false },
  { datagrams: false, streams: false },
  { datagrams: false, streams: false },
]

/** How often each kind comes, next to the others. */
const weights: Readonly<Record<Kind, number>> = {
  set: 30, expire: 8, delete: 10, say: 15, burst: 3, large: 2,
  crash: 2, vanish: 2, restart: 6, leave: 1, pause: 4, jump: 2,
  partition: 1, cut: 3, clog: 3, weather: 2, heal: 4,
}

/**
 * A seed draws everything: how many peers, how bad the network, what happens and how often. First anything may fail
 * and nothing may be wrong; then the faults end, and the cluster has to come to one mind in bounded time.
 */
export const chaos = chaosWith(
  'chaos',
  'everything at once, drawn from the seed: first nothing may be wrong, then all must converge',
  {},
)

/** The same where connections prove who is at the other end, and logs are signed. */
export const signed = chaosWith('signed', 'chaos among peers that sign what they say', { identified: true, udp: false })

function chaosWith(name: string, about: string, config: Partial<GossipConfig>): Scenario {
  return {
    name,
    about,
    options: ['count', 'steps', 'without', 'shrink'],
    run(settings, progress) {
      const storm = new Storm(settings, config)
      const { cluster } = storm
      cluster.assemble(progress)
      storm.rage()
      storm.calm()
      const calmAtMs = cluster.nowMs
      const isConverged = cluster.converges(convergeMaxMs)
      const convergedMs = rounded(cluster.nowMs - calmAtMs)
      const expected = `one mind within ${convergeMaxMs} ms`
      if (!isConverged) storm.report('all converge', expected, differences(cluster.world.up()))
      else storm.testament()
      return cluster.outcome({ peers: cluster.peers.length, steps: storm.steps, convergedMs }, isConverged)
    },
  }
}

class Storm {
  readonly cluster: Cluster
  steps = 0
  readonly #random: Random
  readonly #kinds: Kind[]
  readonly #stepsMax: number
  readonly #without: readonly string[]
  readonly #everyMs: number
  #values = 0
  #isCalm = false

  constructor(settings: Settings, config: Partial<GossipConfig>) {
    // dice of its own: what is drawn must not depend on how many peers there are
    const peers = settings.peers ?? 3 + (settings.seed * 7919) % 18
    const loss = settings.loss
    this.cluster = new Cluster({
      peers,
      seed: settings.seed,
      config: { tombstoneGraceMs: 5_000 + ((settings.seed * 31) % 4) * 10_000, ...config },
      conditions: settings.latencyMs === undefined ? {} : { latencyMs: settings.latencyMs },
    })
    this.#random = this.cluster.random.fork('storm')
    this.#without = settings.without
    this.#weather(loss)
    const mixture = kinds.filter((kind) => kind === 'set' || !happens(this.#random, 0.3))
    this.#everyMs = 20 + this.#random.below(400)
    const drawn = Math.round((10_000 + this.#random.below(50_000)) / this.#everyMs)
    this.#stepsMax = Math.min(drawn, settings.steps ?? Infinity)
    const bag = mixture.flatMap((kind) => Array.from({ length: weights[kind] }, () => kind))
    this.#kinds = bag.filter((kind) => !this.#without.includes(kind))
    // dice of its own again: the rest of a run is the same with a stranger and without
    const dice = seededRandom(settings.seed + strangerSeed)
    if (happens(dice, 0.5) && !this.#without.includes('stranger')) this.#letIn(dice)
  }

  /** Everything that the seed holds in store, one thing after the other. */
  rage(): void {
    for (; this.steps < this.#stepsMax; this.steps++) {
      // drawn the same whatever is left out or shortened, so that a smaller run is a part of the larger one
      const dice = this.#random.fork(String(this.steps))
      this.cluster.world.run(this.#everyMs * 2 * dice.unit())
      const kind = pick(dice, this.#kinds)
      if (kind !== undefined) this.#step(kind, dice)
    }
  }

  /** Somebody who is no peer bothers one after the other, for as long as the faults last. */
  #letIn(dice: Random): void {
    const { world, peers } = this.cluster
    const stranger = new Stranger(world, dice)
    const everyMs = 10 + dice.below(500)
    const again = (): void => {
      world.time.after(everyMs * 2_000 * dice.unit(), {
        happen: () => {
          if (this.#isCalm) return
          stranger.bother((pick(dice, peers) as BarePeer).name)
          again()
        },
      })
    }
    again()
  }

  /** The end of all faults: the network is good, and everyone is back but those who left. */
  calm(): void {
    const { network } = this.cluster.world
    this.#isCalm = true
    network.heal()
    network.set({ ...localNetwork, loss: 0.01 })
    for (const peer of this.cluster.peers) if (!peer.isUp) this.cluster.start(peer)
  }

  /** All said and set in the calm reaches all. */
  testament(): void {
    const up = this.cluster.world.up()
    const heard = new Map<string, number>()
    this.cluster.heard = (_, notice) => {
      const what = notice.kind === 'event' ? notice.event : notice.kind === 'set' ? notice.key : undefined
      if (what?.startsWith('last ') === true && 'peer' in notice) {
        const id = `${what} ${notice.peer}`
        heard.set(id, (heard.get(id) ?? 0) + 1)
      }
    }
    for (const peer of this.cluster.peers) {
      if (!peer.isUp) continue
      peer.set('last word', this.#value(20))
      peer.say('last call', this.#value(20))
    }
    const others = up.length - 1
    const unheard = (): [string, number][] => [...heard].filter(([, times]) => times !== others)
    const isHeard = (): boolean => heard.size === up.length * 2 && unheard().length === 0
    if (others < 1 || this.cluster.world.runUntil(isHeard, spreadMaxMs)) return
    const found = unheard().map(([id, times]) => `${id} at ${times}`)
    const expected = `${up.length * 2} things at ${others} peers each`
    this.report('news reach all', expected, [`${heard.size} things`, ...found])
  }

  report(invariant: string, expected: string, found: readonly string[]): void {
    this.cluster.world.referee.report(invariant, [], expected, found.join('; '))
  }

  #step(kind: Kind, dice: Random): void {
    const { world, peers } = this.cluster
    const peer = pick(dice, peers) as BarePeer
    const other = pick(dice, peers) as BarePeer
    switch (kind) {
      case 'restart':
        if (!peer.isUp) this.cluster.start(peer)
        return
      case 'partition':
        world.network.partition(shuffle(dice, peers.map(({ index }) => index)).slice(0, 1 + dice.below(peers.length)))
        return
      case 'cut':
        world.network.link(peer.index, other.index, pick(dice, cuts) ?? {})
        return
      case 'clog':
        world.network.clog(peer.index, other.index, dice.below(5_000))
        return
      case 'weather':
        this.#weather()
        return
      case 'heal':
        world.network.heal()
        return
      default:
        if (peer.isUp) this.#stepOf(peer, kind, dice)
    }
  }

  #stepOf(peer: BarePeer, kind: Kind, dice: Random): void {
    const key = `key ${dice.below(8)}`
    switch (kind) {
      case 'set':
        return void peer.set(key, this.#value(dice.below(200)))
      case 'expire':
        return void peer.set(key, this.#value(dice.below(200)), dice.below(8_000))
      case 'delete':
        return void peer.delete(key)
      case 'say':
        return void peer.say(`event ${dice.below(3)}`, this.#value(dice.below(200)), dice.below(20_000))
      case 'burst':
        for (let i = 0; i < 100; i++) peer.set(`key ${i}`, this.#value(dice.below(100)))
        return
      case 'large':
        return void peer.set(key, this.#value(10_000 + dice.below(500_000)))
      case 'crash':
        return peer.crash(false)
      case 'vanish':
        return peer.crash(true)
      case 'leave':
        return peer.leave()
      case 'pause':
        return peer.machine.pause(dice.below(4_000))
      case 'jump':
        peer.machine.clockSkewMs += (dice.unit() - 0.5) * 7_200_000
    }
  }

  /** Loss, delays and the rest anew for all links. */
  #weather(loss?: number): void {
    const dice = this.#random.fork('weather')
    const sometimes = (what: string, most: number): number => {
      const drawn = happens(dice, 0.5) ? dice.unit() * most : 0
      return this.#without.includes(what) ? 0 : drawn
    }
    const leastMs = dice.unit() * 10
    this.cluster.world.network.set({
      latencyMs: [leastMs, leastMs + dice.unit() * 50],
      loss: loss ?? sometimes('loss', 0.3),
      duplication: sometimes('duplication', 0.1),
      reordering: sometimes('reordering', 0.1),
      corruption: sometimes('corruption', 0.02),
    })
  }

  /** Bytes that were never used before: a number, then padding. */
  #value(bytes: number): Uint8Array {
    const value = new Uint8Array(8 + bytes)
    new DataView(value.buffer).setFloat64(0, ++this.#values)
    return value
  }
}
