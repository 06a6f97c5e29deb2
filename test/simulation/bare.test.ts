import t from 'tap'
import { defaultConfig } from '../../lib/gossip/config.js'
import { BarePeer } from '../../simulation/bare.js'
import { standardChecks } from '../../simulation/checks/standard.js'
import { nameOf } from '../../simulation/machine.js'
import { World } from '../../simulation/world.js'

function cluster(count: number, seed = 1): { world: World; peers: BarePeer[] } {
  const world = new World({ seed, checks: standardChecks })
  const peers = Array.from({ length: count }, (_, i) => new BarePeer(world, i === 0 ? [] : [nameOf(0)]))
  for (const peer of peers) peer.start()
  world.run(2_000)
  return { world, peers }
}

t.test('bare peers meet, share keys and events, and part', async (t) => {
  const { world, peers } = cluster(4)
  const [a, b, c] = peers as [BarePeer, BarePeer, BarePeer]
  const heard: string[] = []
  world.heard = (observer, notices) => {
    for (const notice of notices) if (observer === b && 'peer' in notice) heard.push(`${notice.kind} ${notice.peer}`)
  }
  t.equal(b.live().length, 3)
  a.set('k', Uint8Array.of(1), 1_000)
  a.say('e', Uint8Array.of(2))
  world.run(50)
  t.strictSame([...(b.read(a.name, 'k')?.value ?? [])], [1])
  a.delete('k')
  world.run(50)
  c.leave()
  world.run(50)
  t.equal(b.read(a.name, 'k'), undefined)
  t.strictSame(heard, [`set ${a.name}`, `event ${a.name}`, `delete ${a.name}`, `peer:stop ${c.name}`])
  t.notOk(c.isUp)
  t.throws(() => c.gossip, { message: `${c.name} is not running` })
  t.strictSame(world.referee.violations, [])
})

t.test('a restart with a clock that fell is outbid, and all is well', async (t) => {
  const { world, peers } = cluster(3)
  const [a, b] = peers as [BarePeer, BarePeer]
  b.set('old', Uint8Array.of(1))
  world.run(100)
  b.crash()
  b.machine.clockSkewMs = -3_600_000
  world.run(10_000)
  b.start()
  world.run(3_000)
  b.set('new', Uint8Array.of(2))
  world.run(1_000)
  t.strictSame(a.keys(b.name), ['new'])
  t.equal(a.live().length, 2)
  t.strictSame(world.referee.violations, [])
})

t.test('a newcomer catches up with an owner who deletes all the while', async (t) => {
  const world = new World({ seed: 1, checks: standardChecks, conditions: { latencyMs: [50, 60] } })
  const config = { ...defaultConfig, tombstoneGraceMs: 5_000 }
  const [owner, newcomer] = [[], [nameOf(0)]].map((seeds) => new BarePeer(world, seeds, config)) as [BarePeer, BarePeer]
  owner.start()
  for (let i = 0; i < 400; i++) owner.set(`stays ${i}`, new Uint8Array(10_000))
  const comeAndGo = (from: number, to: number): void => {
    for (let i = from; i < to; i++) {
      owner.set(`goes ${i}`, new Uint8Array(10))
      owner.delete(`goes ${i - 5}`)
      world.run(20)
    }
  }
  comeAndGo(0, 400)
  t.ok((owner.view(owner.name)?.gcVersion ?? 0) > 400, 'what it deleted first is forgotten')
  newcomer.start()
  comeAndGo(400, 550)
  t.equal(newcomer.keys(owner.name).filter((key) => key.startsWith('stays')).length, 400)
  t.ok(world.sentAs.repair.bytes < 3 * 400 * 10_000, `${world.sentAs.repair.bytes} bytes`)
  world.run(1_000)
  t.strictSame(newcomer.keys(owner.name).toSorted(), owner.keys(owner.name).toSorted())
  t.strictSame(world.referee.violations, [])
})

t.test('the same seed gives the same trace, another another', async (t) => {
  const trace = (seed: number): string => String(cluster(5, seed).world.trace)
  t.equal(trace(1), trace(1))
  t.not(trace(1), trace(2))
})

t.test('a peer that throws at what comes in is caught, and dies of it', async (t) => {
  const { world, peers } = cluster(2)
  const [a] = peers as [BarePeer]
  a.gossip.receive = () => {
    throw new Error('planted')
  }
  world.run(1_000)
  t.notOk(a.isUp)
  t.match(world.referee.violations, [{ invariant: 'nothing throws', peers: [a.name], found: /planted/ }])
})

t.test('a peer that left and still wants to be woken is caught', async (t) => {
  const { world, peers } = cluster(2)
  const [a, b] = peers as [BarePeer, BarePeer]
  a.leave()
  t.strictSame(world.referee.violations, [])
  b.gossip.nextWake = () => 5_000
  b.leave()
  t.match(world.referee.violations, [{ invariant: 'nothing left after stop', peers: [b.name] }])
})
