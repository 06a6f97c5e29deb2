import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { join } from 'node:path'
import t from 'tap'
import { Simulation } from '../../simulation/index.js'
import type { PeerView } from '../../lib/gossip/gossip.js'
import { Telepathine } from '../../lib/index.js'

t.test('peers are real ones: they start with the first run, meet, set, say, know and hear', async (t) => {
  const sim = new Simulation({ peers: 5, seed: 1 })
  const [a, b] = sim.peers as [Telepathine, Telepathine]
  t.ok(a instanceof Telepathine)
  t.strictSame(a.livePeers(), [])
  const known: unknown[] = []
  const heard: unknown[] = []
  for (const peer of sim.peers.slice(1)) {
    peer.know('colour', (from, value) => void known.push([from, value]))
    peer.hear('hello', (data, from) => void heard.push([from, data]))
  }
  await sim.run(2_000)
  t.equal(a.livePeers().length, 4)
  a.set('colour', 'green')
  a.say('hello', { all: true })
  await sim.run(50)
  t.strictSame(known, Array.from({ length: 4 }, () => [a.name, 'green']))
  t.strictSame(heard, Array.from({ length: 4 }, () => [a.name, { all: true }]))
  t.equal(b.getRemote(a.name, 'colour'), 'green')
  t.equal(sim.stats().convergence, 1)
  t.strictSame(sim.violations, [])
})

t.test('time is virtual: timers, expiry and promises go by it', async (t) => {
  const sim = new Simulation({ peers: 2, seed: 1 })
  const [a, b] = sim.peers as [Telepathine, Telepathine]
  await sim.run(1_000)
  const beganMs = sim.now()
  const seen: string[] = []
  a.after(60_000, () => void seen.push(`after ${sim.now() - beganMs}`))
  a.set('short', 1, sim.now() + 3_600_000)
  b.on('key:expired', (_, key) => void seen.push(`${key} expired`))
  const later = (async () => {
    await new Promise<void>((resolve) => b.after(100, () => resolve()))
    seen.push(`promise ${sim.now() - beganMs}`)
  })()
  await sim.run(3_601_000)
  await later
  t.strictSame(seen, ['promise 100', 'after 60000', 'short expired'])
  t.equal(b.getRemote(a.name, 'short'), undefined)
  t.strictSame(sim.violations, [])
})

t.test('a crashed peer is missed, and comes back empty under its name', async (t) => {
  const sim = new Simulation({ peers: 4, seed: 3 })
  await sim.run(2_000)
  const [a, , c] = sim.peers as [Telepathine, Telepathine, Telepathine]
  c.set('k', 1)
  await sim.run(100)
  sim.crash(2)
  await sim.run(1_000)
  t.strictSame(a.deadPeers(), [c.name], 'refused connections tell at once')
  const again = sim.restart(2)
  t.equal(sim.peers[2], again)
  t.equal(again.name, c.name)
  await sim.run(3_000)
  t.strictSame(again.keys(), [])
  t.equal(a.getRemote(c.name, 'k'), undefined)
  t.strictSame(a.deadPeers(), [])
  sim.crash(2, { silent: true })
  await sim.run(10_000)
  t.strictSame(a.deadPeers(), [c.name], 'a silent host takes the detector')
  t.strictSame(sim.violations, [])
})

t.test('a partition parts, and healed all is as it should be', async (t) => {
  const sim = new Simulation({ peers: 6, seed: 4, loss: 0.05 })
  await sim.run(2_000)
  const [a] = sim.peers as [Telepathine]
  sim.partition([0, 1], [2, 3, 4, 5])
  a.set('k', 1)
  await sim.run(15_000)
  t.equal(a.livePeers().length, 1)
  const { convergence, stalenessMs } = sim.stats()
  t.ok(convergence < 1)
  t.ok(stalenessMs >= 14_000 && stalenessMs <= 15_000, `${stalenessMs} ms`)
  sim.heal()
  await sim.run(10_000)
  t.strictSame(sim.differences(), [])
  t.equal(sim.stats().stalenessMs, 0)
  t.strictSame(sim.violations, [])
})

t.test('peers can be added, paused, and have their clocks set', async (t) => {
  const sim = new Simulation({ peers: 3, seed: 5 })
  await sim.run(2_000)
  const late = sim.add()
  sim.pause(0, 500)
  sim.skewClock(1, 86_400_000)
  await sim.run(5_000)
  t.equal(sim.peers.length, 4)
  t.equal(late.livePeers().length, 3)
  sim.peers[1]?.set('k', 1, sim.now() + 86_400_000 + 1_000)
  await sim.run(500)
  t.equal(late.getRemote(sim.peers[1]?.name ?? '', 'k'), 1, 'what travels is the time left')
  await sim.run(1_000)
  t.equal(late.getRemote(sim.peers[1]?.name ?? '', 'k'), undefined)
  t.strictSame(sim.violations, [])
})

t.test('a peer that stops says goodbye and leaves nothing behind', async (t) => {
  const sim = new Simulation({ peers: 3, seed: 6 })
  await sim.run(2_000)
  const reasons: unknown[] = []
  sim.peers[0]?.on('peer:stop', (name, reason) => void reasons.push([name, reason]))
  const stopped = sim.peers[2]?.stop()
  await sim.run(100)
  await stopped
  t.strictSame(reasons, [[sim.peers[2]?.name, 'left']])
  sim.peers[2]?.start()
  await sim.run(3_000)
  t.equal(sim.peers[2]?.livePeers().length, 2)
  t.strictSame(sim.violations, [])
})

t.test('those who believe settle on one value', async (t) => {
  const sim = new Simulation({ peers: 5, seed: 7, loss: 0.1 })
  for (const peer of sim.peers) peer.believe('x')
  await sim.run(2_000)
  sim.peers.forEach((peer, i) => peer.set('x', i))
  await sim.run(5_000)
  t.equal(new Set(sim.peers.map((peer) => peer.get('x'))).size, 1)
  t.strictSame(sim.violations, [])
})

t.test('traffic is counted by class and by peer', async (t) => {
  const sim = new Simulation({ peers: 3, seed: 8 })
  await sim.run(5_000)
  const { messages, bytes, classes, peers } = sim.stats()
  t.ok(messages > 0 && bytes > messages)
  t.equal(classes.news.messages + classes.repair.messages + classes.liveness.messages, messages)
  t.equal(peers.reduce((sum, peer) => sum + peer.bytes, 0), bytes)
  t.strictSame(peers.map(({ name }) => name), sim.peers.map(({ name }) => name))
})

t.test('a lie is found: a peer that shows what was never set', async (t) => {
  const sim = new Simulation({ peers: 2, seed: 9 })
  await sim.run(1_000)
  const [a, b] = sim.peers as [Telepathine, Telepathine]
  // behind the back of the books
  Telepathine.prototype.set.call(a, 'k', 'forged')
  await sim.run(100)
  t.equal(b.getRemote(a.name, 'k'), 'forged')
  t.equal(sim.violations[0]?.invariant, 'nothing made up')
  t.strictSame(sim.violations[0]?.peers, [b.name, a.name])
})

t.test('a version that falls is found, whatever the peer announces', async (t) => {
  const sim = new Simulation({ peers: 3, seed: 10 })
  await sim.run(3_000)
  const [a, b] = sim.peers as [Telepathine, Telepathine]
  const looked = a as unknown as { viewOf(peer: string): PeerView | undefined }
  const honest = looked.viewOf.bind(a)
  t.match(honest(b.name), { name: b.name, state: 'alive' })
  looked.viewOf = (peer) => {
    const view = honest(peer)
    return view !== undefined && peer === b.name ? { ...view, maxVersion: view.maxVersion - 1 } : view
  }
  await sim.run(3_000)
  t.equal(sim.violations[0]?.invariant, 'versions rise')
  t.strictSame(sim.violations[0]?.peers, [a.name, b.name])
})

t.test('run takes its turn, and knows what it is given', async (t) => {
  const sim = new Simulation({ peers: 2 })
  const running = sim.run(10)
  await t.rejects(sim.run(10), { message: /running already/ })
  await running
  await t.rejects(sim.run(-1), RangeError)
  t.throws(() => new Simulation({ peers: 0 }), RangeError)
  t.throws(() => sim.crash(7), { message: 'there is no peer 7' })
})

t.test('the same seed gives the same run, in another process too', async (t) => {
  const script = join(import.meta.dirname, 'fixtures', 'story.ts')
  const tell = async (seed: number): Promise<string> => {
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script, String(seed)])
    return stdout
  }
  const { story } = await import('./fixtures/story.js')
  const [here, there, other] = [await story(1), await tell(1), await tell(2)]
  t.match(here, /^[0-9a-f]{16} /)
  t.equal(there, here)
  t.not(other, here)
})
