import t from 'tap'
import { bytes, posts, type Post } from './fixtures/wire.js'

function pair(two: readonly Post[]): [Post, Post] {
  return [two[0] as Post, two[1] as Post]
}

t.test('a datagram arrives once, whole, within the latency', async (t) => {
  const { world, posts: two } = posts(2, { latencyMs: [2, 3] })
  const [a, b] = pair(two)
  a.transport.sendDatagram(b.machine.name, [bytes('hello '), bytes('there')])
  world.run(100)
  t.strictSame(b.told, [`datagram ${a.machine.name} hello there`])
  const [atMs = 0] = b.toldAtMs
  t.ok(atMs >= 2 && atMs <= 3, `after ${atMs} ms`)
  t.strictSame(a.told, [])
})

t.test('loss, duplication and reordering come as often as asked for', async (t) => {
  const { world, posts: two } = posts(2, { loss: 0.3, duplication: 0.1, reordering: 0.2, latencyMs: [1, 1] })
  const [a, b] = pair(two)
  for (let i = 0; i < 10_000; i++) a.transport.sendDatagram(b.machine.name, [bytes(String(i))])
  world.run(1_000)
  const distinct = new Set(b.told)
  t.ok(Math.abs(distinct.size / 10_000 - 0.7) < 0.02, `${distinct.size} of 10,000 arrived`)
  const twice = b.told.length - distinct.size
  t.ok(Math.abs(twice / 7_000 - 0.1) < 0.02, `${twice} of them twice`)
  const late = b.toldAtMs.filter((atMs) => atMs > 1.001).length
  t.ok(Math.abs(late / b.told.length - 0.2) < 0.02, `${late} of them late`)
})

t.test('corruption turns one bit over, in a copy', async (t) => {
  const { world, posts: two } = posts(2, { corruption: 1 })
  const [a, b] = pair(two)
  const sent = new Uint8Array(8)
  a.transport.sendDatagram(b.machine.name, [sent])
  world.run(10)
  t.strictSame([...sent], [0, 0, 0, 0, 0, 0, 0, 0], 'what was sent is untouched')
  t.equal(b.told.length, 1)
  t.not(b.told[0], `datagram ${a.machine.name} ${'\0'.repeat(8)}`)
})

t.test('a cut is one-way, and mended', async (t) => {
  const { world, posts: two } = posts(2)
  const [a, b] = pair(two)
  world.network.cut(0, 1)
  a.transport.sendDatagram(b.machine.name, [bytes('1')])
  b.transport.sendDatagram(a.machine.name, [bytes('2')])
  world.run(10)
  t.strictSame(b.told, [])
  t.strictSame(a.told, [`datagram ${b.machine.name} 2`])
  world.network.mend(0, 1)
  a.transport.sendDatagram(b.machine.name, [bytes('3')])
  world.run(10)
  t.strictSame(b.told, [`datagram ${a.machine.name} 3`])
})

t.test('links can let through datagrams only, or streams only', async (t) => {
  const { world, posts: two } = posts(2)
  const [a, b] = pair(two)
  world.network.link(0, 1, { datagrams: false })
  a.transport.sendDatagram(b.machine.name, [bytes('datagram')])
  a.transport.sendFrame(b.machine.name, [bytes('frame')])
  world.run(100)
  t.strictSame(b.told, [`up ${a.machine.name}`, `frame ${a.machine.name} frame`])
  world.network.link(0, 1, { datagrams: true, streams: false })
  a.transport.sendDatagram(b.machine.name, [bytes('datagram')])
  a.transport.sendFrame(b.machine.name, [bytes('frame')])
  world.run(100)
  t.strictSame(b.told.slice(2), [`datagram ${a.machine.name} datagram`])
})

t.test('a partition parts groups, and those in none are one together', async (t) => {
  const { world, posts: five } = posts(5)
  world.network.partition([0, 1], [2])
  for (const from of five) {
    for (const to of five) if (from !== to) from.transport.sendDatagram(to.machine.name, [bytes('x')])
  }
  world.run(10)
  t.strictSame(five.map(({ told }) => told.length), [1, 1, 0, 1, 1])
  world.network.heal()
  five[0]?.transport.sendDatagram(five[2]?.machine.name ?? '', [bytes('x')])
  world.run(10)
  t.equal(five[2]?.told.length, 1)
  t.throws(() => world.network.partition([7]), { message: 'there is no peer 7' })
})

t.test('what is sent into a clogged link comes out when it is free', async (t) => {
  const { world, posts: two } = posts(2)
  const [a, b] = pair(two)
  world.network.clog(0, 1, 500)
  for (let i = 0; i < 3; i++) a.transport.sendDatagram(b.machine.name, [bytes('x')])
  world.run(499)
  t.equal(b.told.length, 0)
  world.run(2)
  t.equal(b.told.length, 3)
})

t.test('a datagram above the limit goes nowhere', async (t) => {
  const { world, posts: two } = posts(2)
  const [a, b] = pair(two)
  a.transport.sendDatagram(b.machine.name, [new Uint8Array(1_401)])
  a.transport.sendDatagram(b.machine.name, [new Uint8Array(1_400)])
  world.run(10)
  t.strictSame(b.told, [`datagram ${a.machine.name} 1400 bytes`])
})

t.test('a slow uplink sends one thing after the other, and drops what would wait too long', async (t) => {
  const { world, posts: two } = posts(2, { latencyMs: [0, 0] })
  const [a, b] = pair(two)
  a.machine.uplinkBytesPerSecond = 10_000
  for (let i = 0; i < 20; i++) a.transport.sendDatagram(b.machine.name, [new Uint8Array(100)])
  world.run(1_000)
  t.equal(b.told.length, 11, '100 ms of datagrams, and the one that was first')
  t.equal(b.toldAtMs[0], 10)
  t.equal(b.toldAtMs[10], 110)
})

t.test('conditions that cannot be are refused by name', async (t) => {
  const { world } = posts(2)
  t.throws(() => world.network.set({ loss: 2 }), { message: 'loss must be 0 .. 1, got 2' })
  t.throws(() => world.network.link(0, 1, { latencyMs: [3, 1] }), { message: /latencyMs must be \[least, most\]/ })
  t.throws(() => world.network.cut(0, 2), { message: 'there is no peer 2' })
  t.throws(() => world.network.clog(-1, 0, 10), { message: 'there is no peer -1' })
})
