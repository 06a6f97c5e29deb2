import { happens, pick, seededRandom, shuffle, type Random } from '../../lib/gossip/random.js'
import type { Telepathine } from '../../lib/telepathine.js'
import { CallError, Dispatcher, type Call, type CallOptions } from '../../lib/work/index.js'
import { Dispatch, type Gauges } from '../checks/dispatch.js'
import type { Conditions } from '../conditions.js'
import type { Violation } from '../referee.js'
import { Simulation } from '../simulation.js'
import { quantile, rounded } from './figures.js'
import type { Outcome, Scenario, Settings } from './scenario.js'

/** What can happen beside calls. */
const kinds = [
  'crash', 'vanish', 'restart', 'leave', 'pause', 'partition', 'cut', 'clog', 'weather', 'heal', 'withdraw', 'stop',
] as const
type Kind = (typeof kinds)[number]

/** Services that peers have in common: how many run at a time and may wait, which is little, so that it gets tight. */
const services = ['quick', 'slow', 'narrow'] as const
const slots = { quick: [64, 64], slow: [16, 8], narrow: [2, 2] } as const

const callsMax = 60
const pendingMax = 40
const timeoutMsMax = 3_000
/** After the last fault everything must be settled, and what was taken in done, within this. */
const quietMs = 60_000

/** What a cut may let through no more. */
const cuts: readonly Partial<Conditions>[] = [
  { datagrams: false }, { streams: false }, { datagrams: false, streams: false },
]

/**
 * Peers work for each other while everything goes wrong, as the seed draws it: each call must have one outcome, in
 * time, and a true one; none may be begun twice unless that does no harm.
 */
export const dispatch: Scenario = {
  name: 'dispatch',
  about: 'work between peers while all goes wrong: one true outcome for each call, in time',
  options: ['count', 'steps', 'without', 'shrink'],
  async run(settings, progress) {
    const plant = new Plant(settings)
    await plant.sim.run(3_000)
    await plant.rage(progress)
    await plant.calm()
    return plant.outcome()
  },
}

interface Seat {
  readonly work: Dispatcher
  /** Former dispatchers of the same peer that are about to stop. */
  readonly stopping: Set<Dispatcher>
  isUp: boolean
}

class Plant {
  readonly sim: Simulation
  readonly #random: Random
  readonly #check: Dispatch
  readonly #found: Violation[] = []
  readonly #kinds: readonly Kind[]
  readonly #steps: number
  readonly #everyMs: number
  readonly #seats: Seat[] = []
  readonly #without: readonly string[]
  readonly #codes = new Map<string, number>()
  readonly #tookMs: number[] = []
  readonly #beganMs: number
  #isWell = false
  #calls = 0
  #executions = 0
  #taken = 0

  constructor(settings: Settings) {
    const random = seededRandom(settings.seed).fork('dispatch')
    this.#random = random
    this.#without = settings.without
    const peers = settings.peers ?? 3 + random.below(8)
    const loss = settings.loss ?? (happens(random, 0.5) ? random.unit() * 0.1 : 0)
    const { seed, latencyMs = [0.5, 1.5] as const } = settings
    this.sim = new Simulation({ peers, seed, loss, latencyMs })
    this.#beganMs = this.sim.now()
    this.#check = new Dispatch({
      nowMs: () => this.sim.now(),
      report: (invariant, who, expected, found) =>
        void this.#found.push({ invariant, atMs: this.sim.now(), peers: who, expected, found }),
    })
    const mixture = kinds.filter((kind) => kind === 'restart' || !happens(random, 0.35))
    this.#kinds = mixture.filter((kind) => !settings.without.includes(kind))
    this.#everyMs = 5 + random.below(60)
    this.#steps = Math.min(settings.steps ?? Infinity, Math.round((10_000 + random.below(20_000)) / this.#everyMs))
    for (let i = 0; i < peers; i++) this.#seats.push(this.#seat(i))
  }

  /** Everything that the seed holds in store. */
  async rage(progress: (line: string) => void): Promise<void> {
    for (; this.#taken < this.#steps; this.#taken++) {
      const dice = this.#random.fork(String(this.#taken))
      await this.sim.run(this.#everyMs * 2 * dice.unit())
      this.#sweep()
      const seat = dice.below(this.#seats.length)
      if (happens(dice, 0.9)) this.#callFrom(seat, dice)
      else this.#step(pick(dice, this.#kinds), seat, dice)
      progress(`${this.#taken} of ${this.#steps} steps, ${this.#check.settled} calls settled`)
    }
  }

  /** The end of all faults; then all must be done, and nothing be left. */
  async calm(): Promise<void> {
    this.sim.heal()
    this.sim.network.set({ latencyMs: [0.5, 1.5], loss: 0, duplication: 0, reordering: 0, corruption: 0 })
    for (const [index, { isUp }] of this.#seats.entries()) if (!isUp) this.#restart(index)
    await this.sim.run(quietMs)
    this.#sweep()
    for (const [index, seat] of this.#seats.entries()) this.#check.quiet(this.#name(index), this.#gauges(seat))
    // the survivors know all that is served, and serve it
    const task: Task = { id: 0, ms: 1 }
    const asked = this.#seats.flatMap(({ work }) => services.map((service) => work.request(service, task)))
    let answered = 0
    for (const call of asked) call.then(() => answered++, () => undefined)
    await this.sim.run(1_000)
    this.#isWell = answered === asked.length
  }

  outcome(): Outcome {
    const figures = {
      peers: this.#seats.length,
      steps: this.#taken,
      calls: this.#calls,
      begun: this.#executions,
      outcomes: Object.fromEntries([...this.#codes].sort(([a], [b]) => (a < b ? -1 : 1))),
      p50Ms: rounded(quantile(this.#tookMs, 0.5)),
      maxMs: rounded(quantile(this.#tookMs, 1)),
    }
    return {
      figures,
      violations: [...this.#found, ...this.sim.violations],
      isConverged: this.#isWell,
      virtualMs: this.sim.now() - this.#beganMs,
      trace: this.sim.trace,
      curve: [],
    }
  }

  // ---- who is there

  #seat(index: number): Seat {
    const work = new Dispatcher(this.sim.peers[index] as Telepathine, { maxPending: pendingMax })
    for (const service of services) this.#serve(index, work, service)
    return { work, stopping: new Set(), isUp: true }
  }

  #serve(index: number, work: Dispatcher, service: keyof typeof slots): void {
    const [concurrency, queue] = slots[service]
    const peer = this.sim.peers[index] as Telepathine
    work.serve(service, async ({ id, ms, fails, padding }: Task, call: Call) => {
      if (id !== 0) {
        this.#executions++
        this.#check.executed(id, peer.name)
      }
      if (ms > 0) await new Promise<void>((resolve) => peer.after(ms, () => resolve()))
      if (fails) throw new Error(`as asked, ${call.attempt}`)
      return padding === undefined ? { id } : { id, padding }
    }, { concurrency, queue })
  }

  #restart(index: number): void {
    this.#check.abandoned(this.#name(index))
    this.sim.restart(index)
    this.#seats[index] = this.#seat(index)
  }

  #name(index: number): string {
    return (this.sim.peers[index] as Telepathine).name
  }

  #gauges({ work, stopping }: Seat): Gauges {
    const { pending, inflight, heldBytes } = work.stats
    const slotsMax = services.reduce((sum, service) => sum + slots[service][0] + slots[service][1], 0)
    const dispatchers = 1 + stopping.size
    // those of one peer share all but their lines
    const waiting = [work, ...stopping].reduce((sum, { stats }) => sum + stats.waiting, 0)
    return {
      pending, waiting, pendingMax: pendingMax * dispatchers, inflight, inflightMax: slotsMax * dispatchers,
      heldBytes, heldBytesMax: 256 << 20,
    }
  }

  #sweep(): void {
    for (const [index, seat] of this.#seats.entries()) {
      if (seat.isUp) this.#check.swept(this.#name(index), this.#gauges(seat))
    }
  }

  // ---- what happens

  #callFrom(index: number, dice: Random): void {
    const { work, isUp } = this.#seats[index] as Seat
    if (!isUp) return
    for (let i = dice.below(happens(dice, 0.1) ? callsMax : 4); i >= 0; i--) {
      const id = ++this.#calls
      const timeout = 1 + dice.below(timeoutMsMax)
      const idempotent = happens(dice, 0.3)
      const isLarge = happens(dice, 0.03)
      const controller = happens(dice, 0.1) ? new AbortController() : undefined
      const options: CallOptions = { timeout, idempotent, wait: happens(dice, 0.3) }
      if (happens(dice, 0.2)) options.probe = 2 + dice.below(2)
      if (controller !== undefined) options.signal = controller.signal
      const task: Task = {
        id, ms: happens(dice, 0.3) ? 0 : dice.below(300), fails: happens(dice, 0.05),
        padding: isLarge ? new Uint8Array(dice.below(400_000)) : undefined,
      }
      const beganMs = this.sim.now()
      const peer = this.sim.peers[index]
      const caller = this.#name(index)
      this.#check.made({ id, caller, idempotent, dueMs: beganMs + timeout })
      const settles = (outcome: string, settled: Parameters<Dispatch['settles']>[1]): void => {
        // an old instance that nobody holds any more tells nobody
        if (this.sim.peers[index] !== peer) return
        this.#codes.set(outcome, (this.#codes.get(outcome) ?? 0) + 1)
        this.#tookMs.push(this.sim.now() - beganMs)
        this.#check.settles(id, settled)
      }
      work.request<{ id: number }>(pick(dice, services) ?? 'quick', task, options).then(
        (value) => settles('ok', { value: value.id }),
        (error: CallError) => settles(error.code, { code: error.code, maybeExecuted: error.maybeExecuted }),
      )
      if (controller !== undefined) this.sim.peers[index]?.after(dice.below(200), () => controller.abort())
    }
  }

  #step(kind: Kind | undefined, index: number, dice: Random): void {
    const seat = this.#seats[index] as Seat
    const other = dice.below(this.#seats.length)
    const { network } = this.sim
    switch (kind) {
      case 'restart':
        return seat.isUp ? undefined : this.#restart(index)
      case 'partition':
        return this.sim.partition(shuffle(dice, [...this.#seats.keys()]).slice(0, 1 + other))
      case 'cut':
        return network.link(index, other, pick(dice, cuts) ?? {})
      case 'clog':
        return network.clog(index, other, dice.below(3_000))
      case 'weather': {
        const leastMs = dice.unit() * 10
        const loss = this.#without.includes('loss') ? 0 : dice.unit() * 0.2
        return network.set({ latencyMs: [leastMs, leastMs + dice.unit() * 30], loss })
      }
      case 'heal':
        return this.sim.heal()
      default:
        if (seat.isUp && kind !== undefined) this.#stepOf(kind, index, seat, dice)
    }
  }

  #stepOf(kind: Kind, index: number, seat: Seat, dice: Random): void {
    switch (kind) {
      case 'crash':
      case 'vanish':
        seat.isUp = false
        this.#check.abandoned(this.#name(index))
        return this.sim.crash(index, { silent: kind === 'vanish' })
      case 'leave':
        seat.isUp = false
        return void this.sim.peers[index]?.stop()
      case 'pause': {
        const ms = dice.below(2_000)
        this.#check.stalls(this.#name(index), this.sim.now() + ms)
        return this.sim.pause(index, ms)
      }
      case 'withdraw': {
        // what is served by another dispatcher is withdrawn with it; the first goes on with its calls
        const visitor = new Dispatcher(this.sim.peers[index] as Telepathine)
        visitor.serve(`visit ${this.#taken}`, () => 1)
        return void visitor.stop({ grace: dice.below(500) })
      }
      case 'stop': {
        const { work, stopping } = seat
        stopping.add(work)
        void work.stop({ grace: dice.below(500) }).then(() => stopping.delete(work))
        this.#seats[index] = { ...this.#seat(index), stopping }
        return
      }
      default:
    }
  }
}

/** What a worker is asked to do. */
interface Task {
  readonly id: number
  readonly ms: number
  readonly fails?: boolean
  readonly padding?: Uint8Array | undefined
}
