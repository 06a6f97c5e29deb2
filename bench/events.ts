/**
 * Events of 100 bytes per second, from one process that says them to one and to four that hear them; none may be lost
 * or out of order.
 *
 *     node --import tsx bench/events.ts [--rivals] [--quick] [--json] [--repetitions 5] [--only side …]
 */
import type { BrokerTalkCommands } from './children/broker-talk.js'
import type { FramesCommands } from './children/floor-frames.js'
import type { Means, MoleculerCommands } from './children/moleculer.js'
import type { Heard, TalkCommands } from './children/talk.js'
import { endAll, spawnChildren, type Child } from './lib/child.js'
import { freePorts, type Kind } from './lib/peers.js'
import { readArguments, report, tell, type Figure, type Side } from './lib/report.js'
import { sample, type Sample } from './lib/sample.js'
import { startNats, startRedis, type Server } from './lib/servers.js'
import { sleep, until } from './lib/time.js'

const args = readArguments()
const repetitions = args.repetitions ?? 5
const count = args.quick ? 100_000 : 200_000
/** What those can take at a time that do not say when they have enough. */
const smallCount = 10_000

/**
 * Events per second at the slowest subscriber and microseconds of CPU that an event took the sender and the dearest
 * subscriber, for each repetition; and how many in all were lost or out of order.
 */
interface Rates { rates: number[]; saying: number[]; hearing: number[]; faults: number }

const newRates = (): Rates => ({ rates: [], saying: [], hearing: [], faults: 0 })

/** What all kinds of subscribers can be asked. */
interface Listener { call(command: 'heard'): Promise<Heard>; call(command: 'clear'): Promise<void> }

/** Somebody who says and those who hear, ready to be measured again and again. */
interface Setup {
  all: [Listener, ...Listener[]]
  say: () => Promise<{ begun: number }>
  events: number
  ended: readonly { end(): Promise<void> }[]
}

/** One round: says all, waits until all is heard or nothing more comes, and adds what it came to. */
async function measure({ all: [sender, ...listeners], say, events }: Setup, result: Rates): Promise<void> {
  await Promise.all(listeners.map(listener => listener.call('clear')))
  await sleep(300)
  const cpu = async (): Promise<number[]> =>
    (await Promise.all([sender, ...listeners].map(each => each.call('heard')))).map(({ cpuMs }) => cpuMs)
  const before = await cpu()
  const { begun } = await say()
  let all: Heard[] = []
  let total = -1
  // asked seldom, so that the questions do not compete for the cores
  await until('events arrive', async () => {
    const last = total
    all = await Promise.all(listeners.map(listener => listener.call('heard')))
    total = all.reduce((sum, { count: heard }) => sum + heard, 0)
    return total === events * listeners.length || (total === last && total > 0)
  }, 60_000, 1_000)
  result.faults += events * listeners.length - total + all.reduce((sum, { outOfOrder }) => sum + outOfOrder, 0)
  const [saying = NaN, ...hearing] = (await cpu()).map((after, at) => (after - (before[at] ?? NaN)) / events * 1_000)
  result.saying.push(saying)
  result.hearing.push(Math.max(...hearing))
  result.rates.push(events / (Math.max(...all.map(({ last }) => last)) - begun) * 1_000)
}

async function peers(kind: Kind, subscribers: number): Promise<Setup> {
  const children: Child<TalkCommands>[] = await spawnChildren(subscribers + 1, 'talk')
  const ports = await freePorts(children.length)
  const seed = `127.0.0.1:${ports[0]}`
  await Promise.all(children.map((child, i) => child.call('start', kind, ports[i] ?? 0, i === 0 ? [] : [seed])))
  await until('peers know each other', async () => {
    const live = await Promise.all(children.map(child => child.call('live')))
    return live.every(count => count === subscribers)
  }, 60_000, 100)
  const all = children as [Child<TalkCommands>, ...Child<TalkCommands>[]]
  const events = kind === 'original' ? smallCount : count
  return { all, say: () => all[0].call(kind === 'original' ? 'sayBuffered' : 'say', events), events, ended: children }
}

async function floor(subscribers: number): Promise<Setup> {
  const children: Child<FramesCommands>[] = await spawnChildren(subscribers + 1, 'floor-frames')
  const all = children as [Child<FramesCommands>, ...Child<FramesCommands>[]]
  const port = await all[0].call('listen')
  await Promise.all(children.slice(1).map(child => child.call('subscribe', port)))
  return { all, say: () => all[0].call('say', count), events: count, ended: children }
}

async function broker(kind: 'redis' | 'nats', subscribers: number): Promise<Setup> {
  const server = await (kind === 'redis' ? startRedis : startNats)()
  const children: Child<BrokerTalkCommands>[] = await spawnChildren(subscribers + 1, 'broker-talk')
  const all = children as [Child<BrokerTalkCommands>, ...Child<BrokerTalkCommands>[]]
  await Promise.all(children.map(child => child.call('connect', kind, server.port)))
  await Promise.all(children.slice(1).map(child => child.call('hear')))
  return { all, say: () => all[0].call('say', count), events: count, ended: [...children, server] }
}

async function moleculer(subscribers: number, server?: Server): Promise<Setup> {
  const children: Child<MoleculerCommands>[] = await spawnChildren(subscribers + 1, 'moleculer')
  const all = children as [Child<MoleculerCommands>, ...Child<MoleculerCommands>[]]
  const means: Means = server === undefined ? { tcp: await freePorts(children.length) } : { nats: server.port }
  await Promise.all(children.map(child => child.call('load')))
  await Promise.all(children.map((child, i) => child.call('start', [i], means)))
  await until('nodes know each other', async () =>
    (await Promise.all(children.map(child => child.call('known')))).every(({ fewest }) => fewest === subscribers),
  60_000, 100)
  await sleep(3_000) // until each knows what the others listen to
  const ended = server === undefined ? children : [...children, server]
  return { all, say: () => all[0].call('say', smallCount), events: smallCount, ended }
}

const setups: Partial<Record<Side | 'sealed', (subscribers: number) => Promise<Setup>>> = {
  floor,
  ours: subscribers => peers('ours', subscribers),
  sealed: subscribers => peers('sealed', subscribers),
  original: subscribers => peers('original', subscribers),
  moleculerTcp: subscribers => moleculer(subscribers),
  moleculerNats: async subscribers => moleculer(subscribers, await startNats()),
  nats: subscribers => broker('nats', subscribers),
  redis: subscribers => broker('redis', subscribers),
}

/** All sides in turn, so that what else the machine does falls on all alike. Those that wait cost next to nothing. */
async function measureAll(subscribers: number): Promise<Partial<Record<Side | 'sealed', Rates>>> {
  const measured: Partial<Record<Side | 'sealed', Rates>> = {}
  const sides: { name: string; setup: Setup; rates: Rates }[] = []
  for (const [name, setUp] of Object.entries(setups) as [Side | 'sealed', (count: number) => Promise<Setup>][]) {
    if (!args.wants(name === 'sealed' ? 'ours' : name)) continue
    const rates = measured[name] = newRates()
    sides.push({ name, setup: await setUp(subscribers), rates })
  }
  // the first round warms up
  for (const { setup } of sides) await measure(setup, newRates())
  for (let i = 0; i < repetitions; i++) for (const { setup, rates } of sides) await measure(setup, rates)
  for (const { name, setup, rates } of sides) {
    tell(`${name} to ${subscribers}: ${rates.rates.map(each => each.toFixed(0)).join(' ')}, ${rates.faults} faults`)
    await endAll(setup.ended)
  }
  return measured
}

const figures: Figure[] = []
for (const [subscribers, atLeast, to] of [[1, 200_000, 'one subscriber'], [4, 100_000, 'each of four']] as const) {
  const { sealed, ...measured } = await measureAll(subscribers)
  const each = (pick: (rates: Rates) => Sample | undefined): Pick<Figure, 'ours' | 'floor' | 'rivals'> => {
    const { ours, floor, ...rest } = measured
    const rivals = Object.fromEntries(Object.entries(rest).map(([name, rates]) => [name, pick(rates)]))
    return { ours: ours && pick(ours), floor: floor && pick(floor), rivals }
  }
  figures.push(
    {
      name: `say to hear, to ${to}`, unit: '/s', better: 'more', target: { atLeast },
      ...each(({ rates }) => sample(rates)),
      note: `${count} events a time, at the slowest; telepathine 0.3.3 and moleculer, which do not say when they have `
        + `enough: ${smallCount}; NATS and Redis are a process more on the same cores; floor: frames by msgpackr over `
        + 'TCP',
    },
    {
      name: `the same with a network key, to ${to}`, unit: '/s', better: 'more', ours: sealed && sample(sealed.rates),
      note: `TLS; ${sealed?.faults ?? 0} lost or out of order`,
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
