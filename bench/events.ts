/**
 * Events of 100 bytes per second, from one process that says them to one and to four that hear them; none may be lost
 * or out of order.
 *
 *     node --import tsx bench/events.ts [--rivals] [--json] [--repetitions 5]
 */
import type { FramesCommands } from './children/floor-frames.js'
import type { Heard, TalkCommands } from './children/talk.js'
import { endAll, spawnChildren, type Child } from './lib/child.js'
import { freePorts, type Kind } from './lib/peers.js'
import { readArguments, report, tell, type Figure } from './lib/report.js'
import { sample } from './lib/sample.js'
import { sleep, until } from './lib/time.js'

const args = readArguments()
const repetitions = args.repetitions ?? 5
const count = 400_000
/** What the original can take at a time. */
const originalCount = 10_000

/**
 * Events per second at the slowest subscriber and microseconds of CPU that an event took the sender and the dearest
 * subscriber, for each repetition; and how many in all were lost or out of order.
 */
interface Rates { rates: number[]; saying: number[]; hearing: number[]; faults: number }

/** What both kinds of subscribers can be asked. */
interface Listener { call(command: 'heard'): Promise<Heard>; call(command: 'clear'): Promise<void> }

async function rate(
  [sender, ...listeners]: [Listener, ...Listener[]],
  send: () => Promise<{ begun: number }>,
  events: number,
): Promise<Rates> {
  const result: Rates = { rates: [], saying: [], hearing: [], faults: 0 }
  for (let i = 0; i < repetitions; i++) {
    await Promise.all(listeners.map(listener => listener.call('clear')))
    await sleep(500)
    const cpu = async (): Promise<number[]> =>
      (await Promise.all([sender, ...listeners].map(each => each.call('heard')))).map(({ cpuMs }) => cpuMs)
    const before = await cpu()
    const { begun } = await send()
    let all: Heard[] = []
    let total = -1
    // Until all is there, or nothing more comes.
    await until('events arrive', async () => {
      const before = total
      all = await Promise.all(listeners.map(listener => listener.call('heard')))
      total = all.reduce((sum, { count: heard }) => sum + heard, 0)
      return total === events * listeners.length || (total === before && total > 0)
    }, 60_000, 1_500)
    result.faults += events * listeners.length - total + all.reduce((sum, { outOfOrder }) => sum + outOfOrder, 0)
    const [saying = NaN, ...hearing] = (await cpu()).map((after, at) => (after - (before[at] ?? NaN)) / events * 1_000)
    result.saying.push(saying)
    result.hearing.push(Math.max(...hearing))
    result.rates.push(events / (Math.max(...all.map(({ last }) => last)) - begun) * 1_000)
  }
  return result
}

async function ours(kind: Kind, subscribers: number): Promise<Rates> {
  const children: Child<TalkCommands>[] = await spawnChildren(subscribers + 1, 'talk')
  const ports = await freePorts(children.length)
  const seed = `127.0.0.1:${ports[0]}`
  await Promise.all(children.map((child, i) => child.call('start', kind, ports[i] ?? 0, i === 0 ? [] : [seed])))
  await until('peers know each other', async () => {
    const live = await Promise.all(children.map(child => child.call('live')))
    return live.every(count => count === subscribers)
  }, 60_000, 100)
  const [sender, ...listeners] = children as [Child<TalkCommands>, ...Child<TalkCommands>[]]
  const result = kind !== 'original'
    ? await rate([sender, ...listeners], () => sender.call('say', count), count)
    : await rate([sender, ...listeners], () => sender.call('sayBuffered', originalCount), originalCount)
  tell(`${kind} to ${subscribers}: ${result.rates.map(each => each.toFixed(0)).join(' ')}, ${result.faults} faults`)
  await endAll(children)
  return result
}

async function floor(subscribers: number): Promise<Rates> {
  const children: Child<FramesCommands>[] = await spawnChildren(subscribers + 1, 'floor-frames')
  const [sender, ...listeners] = children as [Child<FramesCommands>, ...Child<FramesCommands>[]]
  const port = await sender.call('listen')
  await Promise.all(listeners.map(child => child.call('subscribe', port)))
  const result = await rate([sender, ...listeners], () => sender.call('say', count), count)
  await endAll(children)
  return result
}

const figures: Figure[] = []
for (const [subscribers, atLeast, to] of [[1, 200_000, 'one subscriber'], [4, 100_000, 'each of four']] as const) {
  const measured = {
    floor: args.wants('floor') ? await floor(subscribers) : undefined,
    ours: args.wants('ours') ? await ours('ours', subscribers) : undefined,
    sealed: args.wants('ours') ? await ours('sealed', subscribers) : undefined,
    rival: args.wants('rival') ? await ours('original', subscribers) : undefined,
  }
  const each = <T>(pick: (rates: Rates) => T): { ours: T | undefined; rival: T | undefined; floor: T | undefined } => ({
    ours: measured.ours && pick(measured.ours),
    rival: measured.rival && pick(measured.rival),
    floor: measured.floor && pick(measured.floor),
  })
  figures.push(
    {
      name: `say to hear, to ${to}`, unit: '/s', target: { atLeast },
      ...each(({ rates }) => sample(rates)),
      note: `${count} events a time, at the slowest; rival: ${originalCount}; floor: frames by msgpackr over TCP`,
    },
    {
      name: `the same with a network key, to ${to}`, unit: '/s', ours: measured.sealed && sample(measured.sealed.rates),
      note: `TLS; ${measured.sealed?.faults ?? 0} lost or out of order`,
    },
    {
      name: `lost or out of order, to ${to}`, unit: 'count', target: { atMost: 0 },
      ...each(({ faults }) => sample([faults])),
    },
    { name: `CPU per event where it is said, to ${to}`, unit: 'µs', ...each(({ saying }) => sample(saying)) },
    { name: `CPU per event where it is heard, to ${to}`, unit: 'µs', ...each(({ hearing }) => sample(hearing)) },
  )
}

report('events', figures, args)
process.exit()
