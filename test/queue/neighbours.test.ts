import { once } from 'node:events'
import { mkdtemp, rename, rm } from 'node:fs/promises'
import { createConnection, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Gate } from '../../lib/queue/gate.js'
import { lookLine, Neighbours } from '../../lib/queue/neighbours.js'
import { until } from '../fixtures/until.js'

async function folder(t: Test): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'telepathine-neighbours-'))
  t.teardown(() => rm(made, { recursive: true, force: true }))
  return made
}

async function neighbourIn(t: Test, place: string) {
  const heard: string[] = []
  const dead: string[] = []
  const gate = new Gate()
  const neighbours = new Neighbours(place, gate)
  t.teardown(() => neighbours.close())
  await neighbours.listen()
  const meet = (...lives: Neighbours[]): void =>
    neighbours.meet(lives, { rang: (line) => heard.push(line), died: (id) => dead.push(id) })
  meet()
  return { neighbours, gate, heard, dead, meet }
}

type Here = Awaited<ReturnType<typeof neighbourIn>>

/** Somebody who has just come by, and says so when told to. */
async function comeBy(t: Test, address: string): Promise<{ socket: Socket, lines: () => string[], greet: () => void }> {
  const socket = createConnection(address)
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  let text = ''
  socket.setEncoding('utf8').on('data', (more: string) => (text += more))
  return { socket, lines: () => text.split('\n').slice(0, -1), greet: () => socket.write('hello somebody nowhere\n') }
}

t.test('what was rung before two knew each other is made up for: both look', async (t) => {
  const { neighbours, heard } = await neighbourIn(t, await folder(t))
  const { lines, greet } = await comeBy(t, neighbours.address)
  neighbours.ring('job s\n')
  greet()
  await until(() => lines().length > 0 && heard.length > 0)
  t.strictSame(lines(), [lookLine], 'who came looks, as it was not told')
  t.strictSame(heard, [lookLine], 'and whoever it came to, as it may have been told too early')
  neighbours.ring('job s\n')
  await until(() => lines().length > 1)
  t.strictSame(lines(), [lookLine, 'job s'])
})

t.test('those who have met hear each other, and one that goes is told of as having died', async (t) => {
  const place = await folder(t)
  const [one, other] = [await neighbourIn(t, place), await neighbourIn(t, place)]
  other.meet(one.neighbours, other.neighbours)
  await until(() => one.heard.length > 0 && other.heard.length > 0)
  one.neighbours.ring('job a\n')
  other.neighbours.ring('job b\n')
  await until(() => one.heard.length > 1 && other.heard.length > 1)
  t.strictSame([one.heard, other.heard], [[lookLine, 'job b'], [lookLine, 'job a']])
  other.neighbours.close()
  await until(() => one.dead.length > 0)
  t.strictSame(one.dead, [other.neighbours.id])
})

t.test('one that does not read costs no more than so much, and looks once it reads again', async (t) => {
  const { neighbours, heard } = await neighbourIn(t, await folder(t))
  const { socket, lines, greet } = await comeBy(t, neighbours.address)
  greet()
  await until(() => heard.length > 0)
  socket.pause()
  const before = process.memoryUsage().external + process.memoryUsage().heapUsed
  const line = `out ${'x'.repeat(59)}\n`
  const text = line.repeat(1_024)
  for (let i = 0; i < 1_000; i++) {
    neighbours.ring(text)
    await new Promise((resolve) => setImmediate(resolve))
  }
  const grown = process.memoryUsage().external + process.memoryUsage().heapUsed - before
  t.ok(grown < 32 << 20, `${grown >> 20} MiB of 64`)
  socket.resume()
  await until(() => lines().at(-1) === lookLine && lines().length > 1)
  t.ok(lines().length < 40_000, `${lines().length} lines were told`)
})

t.test('nobody commits while another opens the folder', async (t) => {
  const place = await folder(t)
  const [writes, opens] = [await neighbourIn(t, place), await neighbourIn(t, place)]
  const order: string[] = []
  let end = (): void => undefined
  const underWay = writes.gate.pass(() => new Promise<void>((resolve) => (end = resolve))).then(() => order.push('old'))
  await new Promise((resolve) => setImmediate(resolve))
  const opened = opens.neighbours.openAlone(() => {
    // it is asked for now, and waits
    void writes.gate.pass(async () => order.push('new'))
    order.push('opened')
  })
  await until(() => writes.gate.isHeld)
  end()
  await Promise.all([underWay, opened])
  await until(() => order.length === 3)
  t.strictSame(order, ['old', 'opened', 'new'])
})

t.test('of many that open at once, each does so alone', async (t) => {
  const place = await folder(t)
  const all = await Promise.all(Array.from({ length: 8 }, () => neighbourIn(t, place)))
  let committing = 0
  const commit = async (gate: Gate): Promise<void> => {
    await gate.pass(async () => {
      committing++
      await new Promise((resolve) => setTimeout(resolve, 1))
      committing--
    })
  }
  const seen: number[] = []
  await Promise.all(all.map(async ({ neighbours, gate }) => {
    await neighbours.openAlone(() => seen.push(committing))
    for (let i = 0; i < 20; i++) await commit(gate)
  }))
  t.strictSame(seen, all.map(() => 0))
})

t.test('one who came after the others were asked, and goes first, is asked as well', async (t) => {
  const place = await folder(t)
  const two = [await neighbourIn(t, place), await neighbourIn(t, place)]
  const [first, second] = two.toSorted((a, b) => (a.neighbours.id < b.neighbours.id ? -1 : 1)) as [Here, Here]
  // one more, that lets nobody open as yet: whoever asks waits for it
  const slow = await neighbourIn(t, place)
  let end = (): void => undefined
  void slow.gate.pass(() => new Promise<void>((resolve) => (end = resolve)))
  const order: string[] = []
  const late = second.neighbours.openAlone(() => order.push('second'))
  await until(() => slow.gate.isHeld && first.gate.isHeld)
  const early = first.neighbours.openAlone(() => order.push('first'))
  await until(() => second.gate.isHeld)
  end()
  await Promise.all([early, late])
  t.strictSame(order, ['first', 'second'])
})

t.test('one that is gone is not waited for, and one that says nothing not for long', async (t) => {
  const place = await folder(t)
  const { neighbours } = await neighbourIn(t, place)
  // it died, and left its socket behind
  const gone = createServer().listen(join(place, 'gone.sock'))
  await once(gone, 'listening')
  await rename(join(place, 'gone.sock'), join(place, 'left.sock'))
  gone.close()
  const silent = createServer().listen(join(place, 'silent.sock'))
  await once(silent, 'listening')
  t.teardown(() => silent.close())
  t.equal(await neighbours.openAlone(() => 'opened'), 'opened')
})

t.test('one that opens and goes away in the middle holds nobody up', async (t) => {
  const { neighbours, gate } = await neighbourIn(t, await folder(t))
  const { socket, lines } = await comeBy(t, neighbours.address)
  socket.write('open somebody\n')
  await until(() => lines().length > 0)
  await until(() => lines().length > 1)
  t.strictSame(lines(), ['wait', 'go'])
  t.ok(gate.isHeld)
  socket.destroy()
  t.equal(await gate.pass(async () => 'passed'), 'passed')
})
