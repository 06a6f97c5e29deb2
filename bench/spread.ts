/**
 * How long until each peer of 8, 32 and 60 knows: that the others are there, and then what one of them set or said.
 *
 *     node --import tsx bench/spread.ts [--rivals] [--quick] [--json] [--repetitions 3] [--only side …]
 */
import type { DatagramCommands } from './children/floor-datagrams.js'
import { endAll, spawnChildren, type Child } from './lib/child.js'
import { readArguments, report, tell, type Figure, type Side } from './lib/report.js'
import { rivals } from './lib/rivals.js'
import { sample } from './lib/sample.js'
import { moleculerSwarm, peerSwarm, serfSwarm, type Swarm } from './lib/swarms.js'
import { now, sleep } from './lib/time.js'

const args = readArguments()
const sizes = [8, 32, 60]
const processes = 4
/** Clusters of each size and side. */
const clusters = args.repetitions ?? 3
/** What is set in each. */
const sets = args.quick ? 2 : 6
/** Who has not joined by then, is taken not to; what was set and has not arrived, for lost. Either counts as that. */
const joinMsMax = args.quick ? 10_000 : 30_000
const tellMsMax = 20_000

interface Measured { joins: number[]; cpus: number[]; spreads: number[] }

const swarms: Partial<Record<Side, (size: number) => Promise<Swarm>>> = {
  ours: size => peerSwarm('ours', size),
  original: size => peerSwarm('original', size),
  moleculerTcp: moleculerSwarm,
  serf: serfSwarm,
}

/** Asks until there is an answer; undefined after `ms`. */
async function within<T>(ms: number, pauseMs: number, ask: () => Promise<T | undefined>): Promise<T | undefined> {
  for (const end = now() + ms; now() < end; await sleep(pauseMs)) {
    const answer = await ask()
    if (answer !== undefined) return answer
  }
  return undefined
}

async function measure(swarm: Swarm, result: Measured): Promise<void> {
  const before = await swarm.cpuMs()
  const begun = await swarm.join()
  const joined = await within(joinMsMax, 100, () => swarm.joined())
  if (joined === undefined) {
    result.joins.push(joinMsMax)
    return
  }
  result.joins.push(joined - begun)
  result.cpus.push(await swarm.cpuMs() - before)
  await sleep(2_000)
  for (let round = 1; round <= sets; round++) {
    await swarm.listen(round)
    await sleep(20 + Math.random() * 200)
    const said = await swarm.tell(round)
    // asked only after what is usual, so that the questions do not compete with the answer for the cores
    await sleep(150)
    const told = await within(tellMsMax, 100, () => swarm.told(round))
    result.spreads.push(told === undefined ? tellMsMax : told - said)
    if (told === undefined) return
  }
}

/** A datagram to each of the others, in the same four processes. */
async function measureFloor(size: number): Promise<number[]> {
  const children: Child<DatagramCommands>[] = await spawnChildren(processes, 'floor-datagrams')
  const ports = await Promise.all(children.map(child => child.call('open', size / processes)))
  const times: number[] = []
  for (let i = 0; i < clusters * sets; i++) {
    await Promise.all(children.map(child => child.call('clear')))
    await sleep(20)
    const own = i % processes
    const others = ports.flat().filter(port => port !== ports[own]?.[0])
    const begun = await (children[own] as Child<DatagramCommands>).call('send', others)
    await sleep(50)
    const heard = await Promise.all(children.map(child => child.call('heard')))
    if (heard.reduce((sum, { count }) => sum + count, 0) === size - 1) {
      times.push(Math.max(...heard.map(({ last }) => last)) - begun)
    }
  }
  await endAll(children)
  return times
}

async function measureSize(size: number): Promise<Figure[]> {
  const floor = args.wants('floor') ? await measureFloor(size) : []
  const sides = (Object.entries(swarms) as [Side, (size: number) => Promise<Swarm>][])
    .filter(([side]) => args.wants(side))
    .map(([side, make]) => ({ side, make, measured: { joins: [], cpus: [], spreads: [] } as Measured }))
  for (let i = 0; i < clusters; i++) {
    for (const { side, make, measured } of sides) {
      // once is enough for those that take long, twice for those that never do
      const [first = 0] = measured.joins
      if (first === joinMsMax ? i > 1 : first > 5_000) continue
      const swarm = await make(size)
      await measure(swarm, measured)
      await swarm.end()
      const { joins, spreads } = measured
      tell(`${side}: ${size} know each other after ${joins.at(-1)?.toFixed(0)} ms, `
        + `the last of ${spreads.length} sets took ${spreads.at(-1)?.toFixed(1)} ms`)
    }
  }
  const each = (of: 'joins' | 'cpus' | 'spreads'): Pick<Figure, 'ours' | 'rivals' | 'gaveUp'> => {
    const figure: Required<Pick<Figure, 'rivals' | 'gaveUp'>> & Pick<Figure, 'ours'> = { rivals: {}, gaveUp: {} }
    for (const { side, measured } of sides) {
      const isLost = measured.joins.every(ms => ms === joinMsMax)
      if (side === 'ours') figure.ours = sample(measured[of])
      else if (side === 'floor') continue
      else if (isLost) figure.gaveUp[side] = `not within ${joinMsMax / 1_000} s`
      else figure.rivals[side] = sample(measured[of])
    }
    return figure
  }
  /** Who missed the limit how often, where it was not always. */
  const missed = (of: 'joins' | 'spreads', msMax: number): string[] => sides.flatMap(({ side, measured }) => {
    const missing = measured[of].filter(ms => ms === msMax).length
    if (missing === 0 || measured.joins.every(ms => ms === joinMsMax)) return []
    const who = side === 'ours' || side === 'floor' ? side : rivals[side].title
    return [`${who}: ${missing} of ${measured[of].length} not within ${msMax / 1_000} s, which they count as`]
  })
  const withNote = (notes: string[], first: string): Pick<Figure, 'note'> => {
    const all = [...notes, ...size === 8 ? [first] : []]
    return all.length === 0 ? {} : { note: all.join('; ') }
  }
  return [
    {
      name: `start until all ${size} know each other`, unit: 'ms', ...each('joins'),
      ...size === 60 ? { target: { atMost: 1_000, statistic: 'max' } } : {},
      ...withNote(missed('joins', joinMsMax),
        'ours, 0.3.3 and moleculer are in four processes, serf in one each; serf is asked every 100 ms'),
    },
    {
      name: `set until the last of ${size} knows`, unit: 'ms', ...each('spreads'), floor: sample(floor),
      ...size === 60 ? { target: { atMost: 12 } } : {},
      ...withNote(missed('spreads', tellMsMax), 'telepathine: a key; moleculer: an event, sent to each by its speaker; '
        + 'serf: a user event; floor: a datagram to each of the others'),
    },
    { name: `CPU of all processes until all ${size} know each other`, unit: 'ms', ...each('cpus') },
  ]
}

const figures: Figure[] = []
for (const size of sizes) figures.push(...await measureSize(size))
report('spread', figures, args)
process.exit()
