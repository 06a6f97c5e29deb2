/**
 * A value and an event of one megabyte, from one process to another, compared by SHA-256; what is too large is refused.
 *
 *     node --import tsx bench/large.ts [--quick] [--json] [--repetitions 9]
 */
import type { FramesCommands } from './children/floor-frames.js'
import type { TalkCommands } from './children/talk.js'
import { endAll, spawnChild, type Child } from './lib/child.js'
import { freePorts } from './lib/peers.js'
import { readArguments, report } from './lib/report.js'
import { sample } from './lib/sample.js'
import type { Commands } from './lib/serve.js'
import { sleep, until } from './lib/time.js'

const args = readArguments()
const repetitions = args.repetitions ?? 9
const bytes = 1 << 20
/** One more than the default `maxValueBytes` admits. */
const tooManyBytes = (8 << 20) + 1

/** What either kind of receiver can be asked. */
interface Receiver { call(command: 'arrived'): Promise<{ hash: string; time: number }> }
interface Sent { hash: string; begun: number }

/** Milliseconds from sending until the whole has arrived and its hash is taken; throws if it is another's. */
async function times(receiver: Receiver, send: () => Promise<Sent>): Promise<number[]> {
  const taken: number[] = []
  for (let i = 0; i < repetitions; i++) {
    await sleep(100)
    const { hash, begun } = await send()
    let time = 0
    await until('it arrives whole', async () => {
      const arrived = await receiver.call('arrived')
      time = arrived.time
      return arrived.hash === hash
    }, 20_000, 50)
    taken.push(time - begun)
  }
  return taken
}

const pair = async <C extends Commands>(script: string): Promise<[Child<C>, Child<C>]> =>
  Promise.all([spawnChild<C>(script), spawnChild<C>(script)])

async function measureFloor(): Promise<number[]> {
  const [sender, receiver] = await pair<FramesCommands>('floor-frames')
  await receiver.call('subscribe', await sender.call('listen'))
  const taken = await times(receiver, () => sender.call('large', bytes))
  await endAll([sender, receiver])
  return taken
}

async function measureOurs(): Promise<{ value: number[]; event: number[]; refused: boolean }> {
  const [sender, receiver] = await pair<TalkCommands>('talk')
  const [port = 0, other = 0] = await freePorts(2)
  await sender.call('start', 'ours', port, [])
  await receiver.call('start', 'ours', other, [`127.0.0.1:${port}`])
  await until('peers know each other', async () =>
    (await sender.call('live')) === 1 && (await receiver.call('live')) === 1, 20_000, 50)
  const value = await times(receiver, () => sender.call('large', 'set', bytes))
  const event = await times(receiver, () => sender.call('large', 'say', bytes))
  const codes = [await sender.call('refusal', 'set', tooManyBytes), await sender.call('refusal', 'say', tooManyBytes)]
  await endAll([sender, receiver])
  return { value, event, refused: codes.every(code => code === 'ERR_TOO_LARGE') }
}

const floor = args.wants('floor') ? await measureFloor() : []
const ours = args.wants('ours') ? await measureOurs() : undefined

report('large', [
  { name: 'value of 1 MB until heard whole', unit: 'ms', ours: sample(ours?.value ?? []), floor: sample(floor) },
  { name: 'event of 1 MB until heard whole', unit: 'ms', ours: sample(ours?.event ?? []), floor: sample(floor) },
  {
    name: 'above maxValueBytes refused with ERR_TOO_LARGE', unit: '1 = yes', better: 'more', target: { atLeast: 1 },
    ours: ours && sample([Number(ours.refused)]),
  },
], args)
process.exit()
