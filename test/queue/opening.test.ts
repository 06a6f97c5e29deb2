import { once } from 'node:events'
import { rename } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import type { Gate } from '../../lib/queue/gate.js'
import { until } from '../fixtures/until.js'
import { comeBy, folder, type Here, neighbourIn } from './fixtures/neighbour.js'

t.test('nobody commits while another opens the folder', async (t) => {
  const place = await folder(t)
  const [writes, opens] = [await neighbourIn(t, place), await neighbourIn(t, place)]
  const order: string[] = []
  let end = (): void => undefined
  const underWay = writes.gate.pass(() => new Promise<void>((resolve) => (end = resolve))).then(() => order.push('old'))
  await new Promise((resolve) => setImmediate(resolve))
  const opened = opens.neighbours.opening.alone(() => {
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
      for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
      committing--
    })
  }
  const seen: number[] = []
  await Promise.all(all.map(async ({ neighbours, gate }) => {
    await neighbours.opening.alone(() => seen.push(committing))
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
  const late = second.neighbours.opening.alone(() => order.push('second'))
  await until(() => slow.gate.isHeld && first.gate.isHeld)
  const early = first.neighbours.opening.alone(() => order.push('first'))
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
  t.equal(await neighbours.opening.alone(() => 'opened'), 'opened')
})

t.test('one that opens and goes away in the middle holds nobody up', async (t) => {
  const { neighbours, gate } = await neighbourIn(t, await folder(t))
  const { socket, lines } = await comeBy(t, neighbours.place.addressOf(neighbours.id))
  socket.write('open anybody_here\n')
  await until(() => lines().length > 0)
  await until(() => lines().length > 1)
  t.strictSame(lines(), ['wait', 'go'])
  t.ok(gate.isHeld)
  socket.destroy()
  t.equal(await gate.pass(async () => 'passed'), 'passed')
})

t.test('of two that have the same process id in different namespaces, the second is refused', {
  skip: process.platform !== 'linux' && 'LEFT OUT: only Linux has namespaces',
}, async (t) => {
  const place = await folder(t)
  const { neighbours, gate } = await neighbourIn(t, place)
  const { socket, lines } = await comeBy(t, neighbours.place.addressOf(neighbours.id))
  socket.write(`open anybody_here ${process.pid} pid:[1]\n`)
  await once(socket, 'end')
  t.strictSame(lines(), ['twin'])
  t.notOk(gate.isHeld, 'nobody waits for it')
  const other = await neighbourIn(t, place)
  t.equal(await other.neighbours.opening.alone(() => 'opened'), 'opened', 'another handle in this process is no other')
  const twin = createServer((asker) => asker.end('wait\ntwin\n')).listen(join(place, 'twin.sock'))
  await once(twin, 'listening')
  t.teardown(() => twin.close())
  const refused = { code: 'ERR_QUEUE', message: /same id, \d+.*--pid/ }
  await t.rejects(neighbours.opening.alone(() => t.fail('opened')), refused)
  await until(() => !other.gate.isHeld)
})
