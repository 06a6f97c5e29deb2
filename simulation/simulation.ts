import type { TelepathineOptions } from '../lib/options.js'
import type { Telepathine } from '../lib/telepathine.js'
import { agrees, differences } from './checks/convergence.js'
import { areSame } from './checks/same.js'
import { standardChecks } from './checks/standard.js'
import { nameOf } from './machine.js'
import type { Network } from './network.js'
import type { Violation } from './referee.js'
import { total, type Count, type TrafficClass } from './traffic.js'
import { WholePeer } from './whole.js'
import { World } from './world.js'

/** Peers through which all others join. */
const seedsMax = 3

/** What a simulation begins with. */
export interface SimulationOptions {
  /** How many peers; default 5. */
  peers?: number
  /** What everything random is drawn from; the same seed gives the same run. Default 1. */
  seed?: number
  /** Chance that a datagram gets lost, 0 .. 1; default 0. */
  loss?: number
  /** Time on the way, least and most milliseconds; default `[0.5, 1.5]`. */
  latencyMs?: readonly [number, number]
  /** Options for every peer. `address`, `clock`, `random` and `transport` are the simulation's own. */
  options?: TelepathineOptions
}

/** What one peer sent. */
export interface PeerTraffic extends Count {
  /** The peer's name. */
  readonly name: string
  /** By what it was for. */
  readonly classes: Readonly<Record<TrafficClass, Count>>
}

/** What was sent, and how far the peers that run are of one mind. */
export interface SimulationStats extends Count {
  /** By what it was for: news, repair (anti-entropy), liveness (heartbeats). */
  readonly classes: Readonly<Record<TrafficClass, Count>>
  /** The same for each peer, in the order of {@link Simulation.peers}. */
  readonly peers: readonly PeerTraffic[]
  /** Share of the pairs of running peers in which one knows all that the other holds; 1 when all converged. */
  readonly convergence: number
  /** Age of the oldest change that some running peer does not know yet, milliseconds; 0 when all know all. */
  readonly stalenessMs: number
}

/**
 * A whole cluster in one process, on virtual time and over a virtual network: real peers, real protocol, real bytes,
 * and every fault at hand. The same seed gives the same run, byte for byte.
 *
 * ```ts
 * const sim = new Simulation({ peers: 10, seed: 1, loss: 0.01 })
 * await sim.run(2_000)
 * sim.peers[0]?.set('colour', 'green')
 * await sim.run(100)
 * sim.peers[9]?.getRemote(sim.peers[0].name, 'colour') // 'green'
 * ```
 *
 * Peers start with the first {@link Simulation.run}. Only what goes through a peer (its timers `after` and `every`,
 * its events, its promises) happens on virtual time; `setTimeout` and the file system know nothing of it. Nothing
 * needs closing.
 */
export class Simulation {
  readonly #world: World
  readonly #options: TelepathineOptions
  readonly #residents: WholePeer[] = []
  #isStarted = false
  #isRunning = false
  /** Peers whose code, or their user's, ran since promises last had a chance to settle. */
  readonly #touched = new Set<WholePeer>()
  /** The peers, in the order they were made. {@link Simulation.restart} puts a new one in the place of the old. */
  readonly peers: Telepathine[] = []

  constructor({ peers = 5, seed = 1, loss = 0, latencyMs = [0.5, 1.5], options = {} }: SimulationOptions = {}) {
    if (!Number.isSafeInteger(peers) || peers < 1) throw new RangeError(`peers must be 1 or more, got ${peers}`)
    if (!Number.isSafeInteger(seed)) throw new RangeError(`seed must be a whole number, got ${seed}`)
    this.#world = new World({ seed, conditions: { loss, latencyMs }, checks: standardChecks })
    this.#options = options
    for (let i = 0; i < peers; i++) this.#add()
  }

  /** The network: conditions of all links or single ones, cuts, clogging. Machines go by the index of their peer. */
  get network(): Network {
    return this.#world.network
  }

  /** What the checks found; empty when all is well. Grows while the simulation runs. */
  get violations(): readonly Violation[] {
    return this.#world.referee.violations
  }

  /** A hash of every message delivered and everything that the peers were told, so far. */
  get trace(): string {
    return String(this.#world.trace)
  }

  /** Unix time on a right virtual clock, milliseconds: what `expiresAt` refers to. */
  now(): number {
    return this.#world.time.wallMs
  }

  /**
   * Lets `ms` of virtual time pass. Handlers run and promises settle on the way.
   *
   * @throws Error when it is running already: it cannot be called from a handler, and has to be awaited
   */
  async run(ms: number): Promise<void> {
    if (!(ms >= 0)) throw new RangeError(`ms must be 0 or more, got ${ms}`)
    if (this.#isRunning) throw new Error('the simulation is running already: await run() before the next one')
    this.#isRunning = true
    try {
      if (!this.#isStarted) {
        this.#isStarted = true
        for (const peer of this.peers) peer.start()
      }
      await settle()
      const { time } = this.#world
      const untilUs = time.nowUs + Math.round(ms * 1_000)
      while (time.step(untilUs)) {
        if (this.#touched.size === 0) continue
        await settle()
        for (const resident of this.#touched) if (resident.isUp) this.#world.stepped(resident)
        this.#touched.clear()
      }
    } finally {
      this.#isRunning = false
    }
  }

  /** Parts the network: peers of one group reach each other and nobody else; those in no group are one together. */
  partition(...groups: readonly (readonly number[])[]): void {
    this.network.partition(...groups)
  }

  /** Undoes partitions, and all that was set for single links. */
  heal(): void {
    this.network.heal()
  }

  /**
   * Ends a peer on the spot, with no chance to say a word. By default the process dies and the host refuses further
   * connections; `silent` takes the host down too, so that nobody gets an answer.
   */
  crash(index: number, { silent = false }: { silent?: boolean } = {}): void {
    this.#resident(index).crash(silent)
  }

  /** Starts a peer anew under its name (ending it first if it runs): it comes back empty. Gives the new one. */
  restart(index: number): Telepathine {
    const peer = this.#resident(index).renew()
    this.peers[index] = peer
    if (this.#isStarted) peer.start()
    return peer
  }

  /** Stalls a peer's event loop for `ms`. What is due meanwhile, and what comes in, waits for the end of it. */
  pause(index: number, ms: number): void {
    this.#resident(index).machine.pause(ms)
  }

  /** One more peer, which starts at once if the simulation has run already. */
  add(): Telepathine {
    const peer = this.#add()
    if (this.#isStarted) peer.start()
    return peer
  }

  /** Sets a peer's clock (what it takes for the date, not how fast time passes) so much ahead, or back. */
  skewClock(index: number, ms: number): void {
    this.#resident(index).machine.clockSkewMs += ms
  }

  /** What was sent so far, and how well the peers agree at the moment. */
  stats(): SimulationStats {
    const up = this.#residents.filter(({ isUp }) => isUp)
    let agreeing = 0
    let oldestMs = this.#world.time.nowMs
    for (const observer of up) {
      for (const owner of up) {
        if (observer === owner) continue
        const staleSinceMs = this.#staleSince(observer, owner)
        if (staleSinceMs === undefined) agreeing++
        else oldestMs = Math.min(oldestMs, staleSinceMs)
      }
    }
    const pairs = up.length * (up.length - 1)
    return {
      ...total(this.#world.sentAs),
      classes: structuredClone(this.#world.sentAs),
      peers: this.#residents.map(({ name, machine: { sent } }) => ({
        name,
        ...total(sent),
        classes: structuredClone(sent),
      })),
      convergence: pairs === 0 ? 1 : agreeing / pairs,
      stalenessMs: this.#world.time.nowMs - oldestMs,
    }
  }

  /** What keeps the running peers from being of one mind, in words; empty when they are. */
  differences(): string[] {
    return differences(this.#residents.filter(({ isUp }) => isUp))
  }

  #add(): Telepathine {
    const index = this.#residents.length
    const seeds = Array.from({ length: seedsMax }, (_, seed) => seed)
    const resident = new WholePeer(this.#world, seeds.filter((seed) => seed !== index).map(nameOf), this.#options)
    resident.machine.wakes = () => {
      this.#touched.add(resident)
    }
    this.#residents.push(resident)
    this.peers.push(resident.peer)
    return resident.peer
  }

  #resident(index: number): WholePeer {
    const resident = this.#residents[index]
    if (resident === undefined) throw new RangeError(`there is no peer ${index}`)
    return resident
  }

  /** When the oldest change was made that `observer` lacks of `owner`; undefined when it lacks none. */
  #staleSince(observer: WholePeer, owner: WholePeer): number | undefined {
    if (agrees(observer, owner)) return undefined
    const life = this.#world.referee.chronicle.current(owner.name)
    let sinceMs = this.#world.time.nowMs
    for (const [key, writes] of life?.keys ?? []) {
      const own = owner.read(owner.name, key)?.value
      const known = observer.read(owner.name, key)?.value
      if (!areSame(own, known)) sinceMs = Math.min(sinceMs, writes.at(-1)?.atMs ?? sinceMs)
    }
    return sinceMs
  }
}

/** Lets every promise go as far as it gets. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
