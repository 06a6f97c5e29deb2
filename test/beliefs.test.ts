import t from 'tap'
import { Beliefs } from '../lib/beliefs.js'
import { TelepathineError } from '../lib/gossip/errors.js'
import type { Gossip } from '../lib/gossip/gossip.js'
import type { Telepathine } from '../lib/telepathine.js'
import { World } from './fixtures/world.js'

t.test('concurrent writers settle on one value everywhere, and come to rest', async (t) => {
  for (let seed = 1; seed <= 12; seed++) {
    const world = new World(seed, 40)
    const peers = await world.cluster(5)
    let sets = 0
    for (const peer of peers) {
      peer.believe('leader')
      peer.know('leader', () => sets++)
    }
    await world.run(5)
    // several rounds of writing at once, between which the news is still under way
    for (let round = 0; round < 4; round++) {
      for (const [i, peer] of peers.entries()) if (world.random.unit() < 0.7) peer.set('leader', `${round}:${i}`)
      await world.run(world.random.unit() * 60)
    }
    await world.run(3_000)
    const values = new Set(peers.map((peer) => peer.get('leader')))
    t.equal(values.size, 1, `seed ${seed}: all hold ${String(peers[0]?.get('leader'))}`)
    for (const peer of peers) {
      for (const other of peer.allPeers()) t.equal(peer.getRemote(other, 'leader'), peer.get('leader'))
    }
    const before = sets
    await world.run(10_000)
    t.equal(sets, before, 'nothing is set any more')
    await world.stop()
  }
})

t.test('the last word wins, also within one millisecond, and by a slow clock', async (t) => {
  const world = new World(5)
  const [a, b] = (await world.cluster(2)) as [Telepathine, Telepathine]
  const clock = { ...world.clock, wall: () => world.clock.wall() - 3_600_000 }
  const slow = world.peer(0, [a.name], { clock }).start()
  await world.until(() => slow.livePeers().length === 2)
  for (const peer of [a, b, slow]) peer.believe('x')
  await world.run(1)
  a.set('x', 9)
  a.set('x', 1)
  await world.run(100)
  t.strictSame([a, b, slow].map((peer) => peer.get('x')), [1, 1, 1])
  slow.set('x', 'slow')
  await world.run(100)
  t.strictSame([a, b, slow].map((peer) => peer.get('x')), ['slow', 'slow', 'slow'])
  await world.stop()
})

t.test('who does not believe is believed all the same, and keeps its own', async (t) => {
  const world = new World(6)
  const [writer, believer] = (await world.cluster(2)) as [Telepathine, Telepathine]
  const adopted: unknown[][] = []
  const off = believer.believe<number>('temp:*', function (...values) {
    adopted.push([this.event, ...values])
  })
  await world.run(1)
  believer.set('temp:in', 5)
  await world.run(50)
  writer.set('temp:in', 7)
  await world.run(50)
  t.equal(believer.get('temp:in'), 7)
  t.equal(writer.getRemote(believer.name, 'temp:in'), 7)
  t.strictSame(adopted, [['temp:in', writer.name, 7, 'temp:in', undefined]])
  writer.set('temp:in', 7)
  await world.run(50)
  t.equal(adopted.length, 1, 'the same value is no news')
  off()
  writer.set('temp:in', 8)
  await world.run(50)
  t.equal(believer.get('temp:in'), 7)
  t.equal(writer.get('temp:in'), 8)
  await world.stop()
})

t.test('what is known when belief begins is adopted, with its time to live', async (t) => {
  const world = new World(7)
  const [writer, believer] = (await world.cluster(2)) as [Telepathine, Telepathine]
  writer.set('x', 'old', world.clock.wall() + 500)
  await world.run(50)
  t.equal(believer.get('x'), undefined)
  believer.believe('x')
  await world.run(1)
  t.equal(believer.get('x'), 'old')
  await world.run(600)
  t.equal(believer.get('x'), undefined)
  await world.stop()
})

t.test('a peer that comes anew does not make the old young again', async (t) => {
  const world = new World(8)
  const [a, b, c] = (await world.cluster(3)) as [Telepathine, Telepathine, Telepathine]
  a.believe('x')
  b.believe('x')
  await world.run(1)
  c.set('x', 'old')
  await world.run(50)
  a.set('x', 'new')
  await world.run(5_000)
  const late = world.peer(0, [a.name]).start()
  late.believe('x')
  await world.run(2_000)
  t.strictSame([a, b, late].map((peer) => peer.get('x')), ['new', 'new', 'new'])
  t.equal(c.get('x'), 'old')
  await world.stop()
})

t.test('what finds no room is adopted when there is some', async (t) => {
  const world = new World(9)
  const set: string[] = []
  const failed: unknown[] = []
  let refusal: TelepathineError | undefined = new TelepathineError('ERR_OVERLOAD', 'full')
  const held = { value: Uint8Array.of(9), version: 1, deadline: undefined }
  const gossip: Pick<Gossip, 'name' | 'get' | 'set' | 'keys' | 'peers'> = {
    name: 'self',
    get: (peer) => (peer === 'self' ? undefined : held),
    set: (key) => {
      if (refusal) throw refusal
      return set.push(key) > 0
    },
    keys: () => ['x'],
    peers: () => ['other'],
  }
  const beliefs = new Beliefs({
    gossip: gossip as Gossip,
    clock: world.clock,
    wrote: () => undefined,
    adopted: () => undefined,
    failed: (error) => failed.push(error),
  })
  beliefs.add('x', () => undefined)
  beliefs.take('other', 'x', held.value, undefined)
  beliefs.settle()
  t.strictSame([set, failed], [[], []])
  refusal = undefined
  beliefs.settle()
  beliefs.settle()
  t.strictSame(set, ['x'])

  refusal = new TelepathineError('ERR_TOO_LARGE', 'the key space is full')
  beliefs.take('other', 'x', held.value, undefined)
  t.strictSame(failed, [refusal], 'what will never find room is reported')
})
