/**
 * Messages of 100 bytes per second from an agent on one channel to an agent on another, by way of the channel server:
 * three processes; none may be lost or out of order. And how soon agents are back when their server was killed.
 *
 *     node --import tsx bench/channels.ts [--quick] [--json] [--repetitions 5]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ChannelsCommands } from './children/channels.js'
import { endAll, spawnChildren, type Child } from './lib/child.js'
import { readArguments, report, tell, type Figure } from './lib/report.js'
import { sample } from './lib/sample.js'
import { until } from './lib/time.js'

const args = readArguments()
const repetitions = args.repetitions ?? 5
const count = args.quick ? 50_000 : 400_000
const folder = mkdtempSync(join(tmpdir(), 'bench-'))

type Process = Child<ChannelsCommands>

/** Messages per second, and microseconds of CPU for each message in the middle; faults in all. */
interface Rates { rates: number[]; passing: number[]; faults: number }

async function rate(
  middle: Process,
  listener: Process,
  say: () => Promise<{ begun: number }>,
): Promise<Rates> {
  const result: Rates = { rates: [], passing: [], faults: 0 }
  for (let i = 0; i < repetitions; i++) {
    await listener.call('clear')
    const { cpuMs } = await middle.call('heard')
    const { begun } = await say()
    await until('all arrives', async () => (await listener.call('heard')).count >= count, 60_000)
    const { last, outOfOrder, count: heard } = await listener.call('heard')
    result.rates.push(count / (last - begun) * 1_000)
    result.passing.push(((await middle.call('heard')).cpuMs - cpuMs) / count * 1_000)
    result.faults += outOfOrder + heard - count
  }
  return result
}

async function ours(): Promise<Rates & { backMs: number[] }> {
  const children: Process[] = await spawnChildren(3, 'channels')
  const [server, speaker, listener] = children as [Process, Process, Process]
  await server.call('serve', folder)
  await Promise.all([speaker.call('join', folder, 'A'), listener.call('join', folder, 'B')])
  const result = { ...await rate(server, listener, () => speaker.call('say', count)), backMs: [] as number[] }
  tell(`ours: ${result.rates.map(each => each.toFixed(0)).join(' ')}, ${result.faults} faults`)
  for (let i = 0, last = server; i < repetitions; i++) {
    const [next] = await spawnChildren<ChannelsCommands>(1, 'channels')
    const back = Promise.all([speaker, listener].map(agent => agent.call('reconnected')))
    last.signal('SIGKILL')
    await last.end()
    const up = await next!.call('serve', folder)
    result.backMs.push(Math.max(...await back) - up)
    children.push(next!)
    last = next!
  }
  await endAll(children)
  return result
}

async function floor(): Promise<Rates> {
  const children: Process[] = await spawnChildren(3, 'channels')
  const [middle, speaker, listener] = children as [Process, Process, Process]
  await middle.call('relay', folder)
  await listener.call('listenRaw', folder)
  await speaker.call('writeRaw', folder)
  const result = await rate(middle, listener, () => speaker.call('sayRaw', count))
  tell(`floor: ${result.rates.map(each => each.toFixed(0)).join(' ')}`)
  await endAll(children)
  return result
}

const measured = {
  floor: args.wants('floor') ? await floor() : undefined,
  ours: args.wants('ours') ? await ours() : undefined,
}
rmSync(folder, { recursive: true, force: true })
const figures: Figure[] = [
  {
    name: 'agent to agent, from channel to channel', unit: '/s', better: 'more', target: { atLeast: 50_000 },
    ours: measured.ours && sample(measured.ours.rates), floor: measured.floor && sample(measured.floor.rates),
    note: `${count} messages of 100 bytes a time; floor: frames by msgpackr through a process that passes on bytes`,
  },
  {
    name: 'lost or out of order', unit: 'count', target: { atMost: 0 },
    ours: measured.ours && sample([measured.ours.faults]),
    floor: measured.floor && sample([measured.floor.faults]),
  },
  {
    name: 'CPU of the server per message', unit: 'µs',
    ours: measured.ours && sample(measured.ours.passing), floor: measured.floor && sample(measured.floor.passing),
  },
  {
    name: 'agents are back when a killed server is up again', unit: 'ms', target: { atMost: 1_000, statistic: 'max' },
    ours: measured.ours && sample(measured.ours.backMs),
  },
]

report('channels', figures, args)
process.exit()
