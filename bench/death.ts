/**
 * How long until every survivor knows that a process is gone, each peer being a process: killed among 8 and among 32,
 * and stopped (alive, but silent) among 8, with what comes after it is let go on.
 *
 *     node --import tsx bench/death.ts [--rivals] [--quick] [--json] [--repetitions 5] [--only side …]
 */
import type { LinkCommands } from './children/floor-links.js'
import type { Child } from './lib/child.js'
import { endAll, spawnChild, spawnChildren } from './lib/child.js'
import { Cluster, type Member } from './lib/cluster.js'
import { readArguments, report, tell, type Figure } from './lib/report.js'
import { sample } from './lib/sample.js'
import { now, sleep, until } from './lib/time.js'
import { troops, type Signal } from './lib/troops.js'

const args = readArguments()
const repetitions = args.repetitions ?? 5
/** Rivals take many times as long, and vary less. */
const rivalRepetitions = Math.min(2, repetitions)
/** A rival that has not noticed by then is taken not to. */
const rivalMsMax = args.quick ? 15_000 : 30_000
/** Time in which the cluster comes to rest, and detectors learn what is usual. */
const settleMs = 4_000

/** What happens on the victim's account at all survivors; changes about others are false alarms. */
class Watch {
  readonly times = new Map<string, number>()
  falseStops = 0

  /** Notes stops (or starts) of the victim; true once every survivor has one. */
  async all(cluster: Cluster, victim: string, change: 'stops' | 'starts'): Promise<boolean> {
    await cluster.all(async (child, index) => {
      const changes = await child.call('changes')
      this.falseStops += changes.stops.filter(({ peer }) => peer !== victim).length
      const noticed = changes[change].find(({ peer }) => peer === victim)
      const survivor = cluster.members[index]?.name ?? ''
      if (noticed !== undefined && !this.times.has(survivor)) this.times.set(survivor, noticed.time)
    })
    return this.times.size === cluster.members.length
  }

  get last(): number {
    return Math.max(...this.times.values())
  }
}

let falseStops = 0

/** Kills random members one after the other, each replaced; milliseconds until the last survivor has `peer:stop`. */
async function kills(count: number, times: number): Promise<number[]> {
  const cluster = await Cluster.start('ours', count)
  const taken: number[] = []
  for (let i = 0; i < times; i++) {
    await sleep(settleMs)
    await cluster.all(child => child.call('changes'))
    const victim = cluster.take(Math.floor(Math.random() * cluster.members.length))
    const watch = new Watch()
    const begun = now()
    victim.child.signal('SIGKILL')
    await sleep(250) // asked only after what is usual, so that the questions do not compete for the cores
    await until(`${victim.name} is known to be dead`, () => watch.all(cluster, victim.name, 'stops'), 20_000, 100)
    taken.push(watch.last - begun)
    falseStops += watch.falseStops
    tell(`ours: killed one of ${count}, known after ${taken.at(-1)?.toFixed(1)} ms`)
    if (i < times - 1) await cluster.grow()
  }
  await cluster.end()
  return taken
}

/** Losses of one kind among so many of one rival: milliseconds, and whether it did not notice in time. */
interface Losses { taken: number[]; gaveUp?: string }

/** Each loss in a new cluster, without its first member, through which the others joined. */
async function losses(side: 'original' | 'moleculerTcp' | 'serf', count: number, signal: Signal): Promise<Losses> {
  const result: Losses = { taken: [] }
  for (let i = 0; i < (count > 8 ? 1 : rivalRepetitions) && result.gaveUp === undefined; i++) {
    const troop = await troops[side](count)
    await sleep(settleMs)
    const begun = now()
    const noticed = await troop.lose(1 + Math.floor(Math.random() * (count - 1)), signal, rivalMsMax)
    if (noticed === undefined) result.gaveUp = `not within ${rivalMsMax / 1_000} s`
    else result.taken.push(noticed - begun)
    const what = result.gaveUp ?? `after ${result.taken.at(-1)?.toFixed(0)} ms`
    tell(`${side}: ${signal} to one of ${count}: known ${what}`)
    await troop.end()
  }
  return result
}

interface Pauses { stopped: number[]; back: number[]; converged: number[] }

/** Stops random members for a while: how long until that is known, and then until all is as it should be again. */
async function pauses(count: number, times: number): Promise<Pauses> {
  const cluster = await Cluster.start('ours', count)
  const result: Pauses = { stopped: [], back: [], converged: [] }
  for (let i = 0; i < times; i++) {
    await sleep(settleMs)
    const index = Math.floor(Math.random() * cluster.members.length)
    const own = (cluster.members[index] as Member).name
    await (cluster.members[index] as Member).child.call('set', 0, 'own', `before ${i}`)
    await sleep(500)
    await cluster.all(child => child.call('changes'))
    const victim = cluster.take(index)
    const down = new Watch()
    const stopped = now()
    victim.child.signal('SIGSTOP')
    await until(`${own} is known to be silent`, () => down.all(cluster, own, 'stops'), 20_000, 100)
    result.stopped.push(down.last - stopped)
    const entries = cluster.members.map(({ name }) => ({ peer: name, key: 'meanwhile', value: `${name} ${i}` }))
    await cluster.all((child, at) => child.call('set', 0, 'meanwhile', entries[at]?.value ?? ''))
    await sleep(500)

    const up = new Watch()
    const continued = now()
    victim.child.signal('SIGCONT')
    const kept = [{ peer: own, key: 'own', value: `before ${i}` }]
    await until('it knows what was set meanwhile', async () =>
      (await victim.child.call('knows', [...entries, ...kept])) === entries.length + 1, 20_000, 5)
    result.converged.push(now() - continued)
    await until('it is back', () => up.all(cluster, own, 'starts'), 20_000, 50)
    result.back.push(up.last - continued)
    cluster.members.push(victim)
    await cluster.allKnow()
    const knowing = await cluster.all(child => child.call('knows', kept))
    if (!knowing.every(known => known === 1)) throw new Error(`${own} lost its own key`)
    falseStops += down.falseStops + up.falseStops
    const [known, back, converged] = [result.stopped, result.back, result.converged].map(all => all.at(-1)?.toFixed(0))
    tell(`stopped: known after ${known} ms; let go on: back after ${back} ms, converged after ${converged} ms`)
  }
  await cluster.end()
  return result
}

/** Kills a process that all the others have a TCP connection to; milliseconds until the last sees it close. */
async function floorKills(count: number): Promise<number[]> {
  const survivors: Child<LinkCommands>[] = await spawnChildren(count - 1, 'floor-links')
  const taken: number[] = []
  for (let i = 0; i < repetitions; i++) {
    const victim = await spawnChild<LinkCommands>('floor-links')
    const port = await victim.call('listen')
    await Promise.all(survivors.map(child => child.call('watch', port)))
    await sleep(500)
    const begun = now()
    victim.signal('SIGKILL')
    await sleep(250)
    const closed = await Promise.all(survivors.map(child => child.call('closed')))
    if (closed.every(time => time > 0)) taken.push(Math.max(...closed) - begun)
  }
  await endAll(survivors)
  return taken
}

const none: Pauses = { stopped: [], back: [], converged: [] }
const floor8 = args.wants('floor') ? await floorKills(8) : []
const floor32 = args.wants('floor') ? await floorKills(32) : []
const ours8 = args.wants('ours') ? await kills(8, repetitions) : []
const ours32 = args.wants('ours') ? await kills(32, Math.min(4, repetitions)) : []
const paused = args.wants('ours') ? await pauses(8, repetitions) : none

/** The same of all rivals, as a figure has it. */
async function ofRivals(count: number, signal: Signal): Promise<Pick<Figure, 'rivals' | 'gaveUp'>> {
  const found: Required<Pick<Figure, 'rivals' | 'gaveUp'>> = { rivals: {}, gaveUp: {} }
  for (const side of ['original', 'moleculerTcp', 'serf'] as const) {
    if (!args.wants(side)) continue
    const { taken, gaveUp } = await losses(side, count, signal)
    found.rivals[side] = sample(taken)
    if (taken.length === 0) found.gaveUp[side] = gaveUp
  }
  return found
}

report('death', [
  {
    name: 'SIGKILL until the last of 7 survivors has peer:stop', unit: 'ms', target: { atMost: 50 },
    ours: sample(ours8), floor: sample(floor8), ...await ofRivals(8, 'SIGKILL'),
    note: 'floor: until the last of as many TCP connections to the process closes; rivals: a new cluster each time; '
      + 'serf is asked every 50 ms',
  },
  {
    name: 'SIGKILL until the last of 31 survivors has peer:stop', unit: 'ms', target: { atMost: 200 },
    ours: sample(ours32), floor: sample(floor32), ...await ofRivals(32, 'SIGKILL'),
  },
  {
    name: 'SIGSTOP until the last of 7 has peer:stop', unit: 'ms', target: { atMost: 3_000 },
    ours: sample(paused.stopped), ...await ofRivals(8, 'SIGSTOP'),
  },
  { name: 'SIGCONT until the last of 7 has peer:start', unit: 'ms', ours: sample(paused.back) },
  { name: 'SIGCONT until it knows what was set meanwhile', unit: 'ms', ours: sample(paused.converged) },
  {
    name: 'peer:stop of peers that were alive', unit: 'count', target: { atMost: 0 },
    ours: args.wants('ours') ? sample([falseStops]) : undefined,
  },
], args)
process.exit()
