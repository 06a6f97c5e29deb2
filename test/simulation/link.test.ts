import t from 'tap'
import { bytes, posts, reopen, type Post } from './fixtures/wire.js'

function pair(two: readonly Post[]): [Post, Post] {
  return [two[0] as Post, two[1] as Post]
}

t.test('frames come in order, after the link is up on both sides', async (t) => {
  const { world, posts: two } = posts(2, { latencyMs: [1, 20], loss: 0.2 })
  const [a, b] = pair(two)
  for (let i = 0; i < 50; i++) {
    a.transport.sendFrame(b.machine.name, [bytes(String(i))])
    world.run(5)
  }
  world.run(20_000)
  t.strictSame(b.told, [
    `up ${a.machine.name}`,
    ...Array.from({ length: 50 }, (_, i) => `frame ${a.machine.name} ${i}`),
  ])
  t.strictSame(a.told, [`up ${b.machine.name}`])
})

t.test('two that dial each other at once share one link', async (t) => {
  const { world, posts: two } = posts(2)
  const [a, b] = pair(two)
  a.transport.sendFrame(b.machine.name, [bytes('from a')])
  b.transport.sendFrame(a.machine.name, [bytes('from b')])
  world.run(100)
  t.strictSame(a.told, [`up ${b.machine.name}`, `frame ${b.machine.name} from b`])
  t.strictSame(b.told, [`up ${a.machine.name}`, `frame ${a.machine.name} from a`])
  t.equal(a.transport.links, 1)
})

t.test('a process that is gone is refused, a host that is silent is not there', async (t) => {
  const { world, posts: three } = posts(3)
  const [a, b, c] = three as [Post, Post, Post]
  b.machine.crash(false)
  c.machine.crash(true)
  a.transport.sendFrame(b.machine.name, [bytes('x')])
  a.transport.sendFrame(c.machine.name, [bytes('x')])
  a.transport.sendFrame('10.9.9.9:9000', [bytes('x')])
  world.run(100)
  t.strictSame(a.told, [`down ${b.machine.name} refused`])
  world.run(5_000)
  t.strictSame(a.told.slice(1), [`down ${c.machine.name} unreachable`, 'down 10.9.9.9:9000 unreachable'])
  t.equal(a.transport.traffic.dropped, 3)
})

t.test('a crash breaks links at once, and a kept one is dialled again', async (t) => {
  const { world, posts: three } = posts(3)
  const [a, b, c] = three as [Post, Post, Post]
  a.transport.keep([b.machine.name])
  c.transport.sendFrame(b.machine.name, [bytes('x')])
  world.run(100)
  b.machine.crash(false)
  world.run(50)
  t.strictSame(a.told, [`up ${b.machine.name}`, `down ${b.machine.name} refused`])
  t.strictSame(c.told, [`up ${b.machine.name}`, `down ${b.machine.name} closed`])
  reopen(world, b.machine)
  world.run(6_000)
  t.equal(a.told.at(-1), `up ${b.machine.name}`)
  t.equal(c.told.length, 2, 'and one that is not kept is not')
})

t.test('a restart is noticed by who sends on the old link', async (t) => {
  const { world, posts: two } = posts(2)
  const [a, b] = pair(two)
  a.transport.sendFrame(b.machine.name, [bytes('x')])
  world.run(100)
  b.machine.crash(true)
  const again = reopen(world, b.machine)
  world.run(100)
  a.transport.sendFrame(b.machine.name, [bytes('lost')])
  world.run(100)
  t.strictSame(a.told, [`up ${b.machine.name}`, `down ${b.machine.name} closed`])
  a.transport.sendFrame(b.machine.name, [bytes('new')])
  world.run(100)
  t.strictSame(again.told, [`up ${a.machine.name}`, `frame ${a.machine.name} new`])
})

t.test('in a partition bytes wait; healed in time they come, or else the link breaks', async (t) => {
  const { world, posts: two } = posts(2)
  const [a, b] = pair(two)
  a.transport.sendFrame(b.machine.name, [bytes('0')])
  world.run(100)
  world.network.partition([0], [1])
  a.transport.sendFrame(b.machine.name, [bytes('1')])
  a.transport.sendFrame(b.machine.name, [bytes('2')])
  world.run(5_000)
  t.equal(b.told.length, 2)
  world.network.heal()
  world.run(5_000)
  t.strictSame(b.told.slice(2), [`frame ${a.machine.name} 1`, `frame ${a.machine.name} 2`])
  world.network.partition([0], [1])
  a.transport.sendFrame(b.machine.name, [bytes('3')])
  world.run(11_000)
  t.equal(a.told.at(-1), `down ${b.machine.name} closed`)
  t.equal(b.told.at(-1), `down ${a.machine.name} closed`)
})

t.test('what a receiver does not read backs up, and the sender hears when it drained', async (t) => {
  const { world, posts: two } = posts(2)
  const [a, b] = pair(two)
  a.transport.sendFrame(b.machine.name, [bytes('x')])
  world.run(100)
  b.machine.pause(1_000)
  let backlog = 0
  for (let i = 0; i < 10; i++) backlog = a.transport.sendFrame(b.machine.name, [new Uint8Array(1 << 20)])
  t.equal(backlog, 9 << 20, 'all but what the kernels hold')
  t.equal(a.transport.backlog(b.machine.name), backlog)
  world.run(2_000)
  t.equal(a.transport.backlog(b.machine.name), 0)
  t.strictSame(a.told, [`up ${b.machine.name}`, `drained ${b.machine.name}`])
  b.machine.pause(1_000)
  for (let i = 0; i < 40; i++) a.transport.sendFrame(b.machine.name, [new Uint8Array(1 << 20)])
  t.equal(a.transport.traffic.dropped, 8, 'what is over the bound is dropped')
})

t.test('closing lets what is on its way arrive, and is final', async (t) => {
  const { world, posts: two } = posts(2)
  const [a, b] = pair(two)
  a.transport.sendFrame(b.machine.name, [bytes('x')])
  world.run(100)
  a.transport.sendFrame(b.machine.name, [bytes('bye')])
  await a.transport.close()
  b.transport.sendFrame(a.machine.name, [bytes('too late')])
  b.transport.sendDatagram(a.machine.name, [bytes('too late')])
  a.transport.sendFrame(b.machine.name, [bytes('from the grave')])
  world.run(100)
  const { name } = a.machine
  t.strictSame(b.told.slice(1), [`frame ${name} x`, `frame ${name} bye`, `down ${name} closed`])
  t.strictSame(a.told, [`up ${b.machine.name}`])
  t.equal(a.transport.links, 0)
})

t.test('drop closes without a word to its owner', async (t) => {
  const { world, posts: two } = posts(2)
  const [a, b] = pair(two)
  a.transport.keep([b.machine.name])
  world.run(100)
  a.transport.drop(b.machine.name)
  world.run(1_000)
  t.strictSame(a.told, [`up ${b.machine.name}`])
  t.strictSame(b.told, [`up ${a.machine.name}`, `down ${a.machine.name} closed`])
})
