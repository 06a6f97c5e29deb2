/**
 * How long until each peer of 8, 32 and 60 knows: that the others are there, and then what one of them set or said.
 *
 *     node --import tsx bench/spread.ts [--rivals] [--quick] [--json] [--repetitions 3] [--only side …]
 */
import type { DatagramCommands } from './children/floor-datagrams.js'
import { endAll, spawnChildren, type Child } from './lib/child.js'
import { readArguments, report, tell, type Figure, type Side } from './lib/report.js'
import { rivals, type RivalName } from './lib/rivals.js'
import { sample } from './lib/sample.js'
import { moleculerSwarm, peerSwarm, serfSwarm, type Swarm } from './lib/swarms.js'
import { now, sleep } from './lib/time.js'

const args = readArguments()
const sizes = [8, 32, 60]
const processes = 4
/** Clusters of each size and side. */
const clusters = args.repetitions ?? 3
/** Rivals take many times as long. */
const rivalClusters = Math.min(2, clusters)
/** What is set in each. */
const sets = args.quick ? 2 : 6
/** Who has not joined by then is taken not to. */
const joinMsMax = args.quick ? 10_000 : 45_000
/** What was set and has not arrived by then is taken for lost. */
const tellMsMax = 20_000

interface Measured { joins: number[]; cpus: number[]; spreads: number[]; misses: string[] }

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
    result.misses.push(`not within ${joinMsMax / 1_000} s`)
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
    if (told === undefined) {
      result.misses.push(`not heard within ${tellMsMax / 1_000} s`)
      return
    }
    result.spreads.push(told - said)
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
    .map(([side, make]) => ({ side, make, measured: { joins: [], cpus: [], spreads: [], misses: [] } as Measured }))
  for (let i = 0; i < clusters; i++) {
    for (const { side, make, measured } of sides) {
      // once is enough for those that take long
      const takesLong = i > 0 && (measured.joins[0] ?? Infinity) > 10_000
      if (side !== 'ours' && (takesLong || i >= rivalClusters)) continue
      const swarm = await make(size)
      await measure(swarm, measured)
      await swarm.end()
      const { joins, spreads, misses } = measured
      tell(`${side}: ${size} know each other after ${joins.at(-1)?.toFixed(0)} ms, `
        + `the last of ${spreads.length} sets took ${spreads.at(-1)?.toFixed(1)} ms${['', ...misses].join('; ')}`)
    }
  }
  const each = (of: 'joins' | 'cpus' | 'spreads'): Pick<Figure, 'ours' | 'rivals' | 'gaveUp'> => {
    const taken = new Map(sides.map(({ side, measured }) => [side, sample(measured[of])]))
    const gaveUp = sides.flatMap(({ side, measured }) => measured[of].length === 0 ? [[side, measured.misses[0]]] : [])
    return {
      ours: taken.get('ours'),
      rivals: Object.fromEntries([...taken].filter(([side]) => side !== 'ours')),
      gaveUp: Object.fromEntries(gaveUp),
    }
  }
  // what went wrong only at times
  const missed = sides.flatMap(({ side, measured: { joins, misses } }) => {
    if (joins.length === 0) return []
    const [who, of] = side === 'ours' ? ['ours', clusters] : [rivals[side as RivalName].title, rivalClusters]
    return misses.map(miss => `${who}, one cluster in ${of}: ${miss}`)
  })
  const note = [...missed, ...size === 8 ? [
    'ours, 0.3.3 and moleculer are in four processes, serf in one each; serf is asked every 100 ms',
  ] : []].join('; ')
  return [
    {
      name: `start until all ${size} know each other`, unit: 'ms', ...each('joins'),
      ...size === 60 ? { target: { atMost: 1_000, statistic: 'max' } } : {},
      ...note === '' ? {} : { note },
    },
    {
      name: `set until the last of ${size} knows`, unit: 'ms', ...each('spreads'), floor: sample(floor),
      ...size === 60 ? { target: { atMost: 12 } } : {},
      ...size === 8 ? {
        note: 'telepathine: a key; moleculer: an event, sent to each by its speaker; serf: a user event. '
          + 'floor: a datagram to each of the others',
      } : {},
    },
    { name: `CPU of all processes until all ${size} know each other`, unit: 'ms', ...each('cpus') },
  ]
}

const figures: Figure[] = []
for (const size of sizes) figures.push(...await measureSize(size))
report('spread', figures, args)
process.exit()
