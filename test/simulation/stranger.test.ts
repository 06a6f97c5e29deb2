import t from 'tap'
import { pick, seededRandom } from '../../lib/gossip/random.js'
import { BarePeer } from '../../simulation/bare.js'
import { standardChecks } from '../../simulation/checks/standard.js'
import { nameOf } from '../../simulation/machine.js'
import { Stranger } from '../../simulation/stranger.js'
import { World } from '../../simulation/world.js'

/** What a message begins with at least: magic, version, kind, cluster, and who sends it in which life. */
const headBytes = 32

t.test('noise, damaged messages and those of another cluster are refused, old ones do no harm', async (t) => {
  const world = new World({ seed: 1, checks: standardChecks })
  const peers = Array.from({ length: 4 }, (_, i) => new BarePeer(world, i === 0 ? [] : [nameOf(0)]))
  for (const peer of peers) peer.start()
  const reasons = new Map<string, number>()
  world.heard = (_, notices) => {
    for (const notice of notices) {
      if (notice.kind === 'rejected') reasons.set(notice.reason, (reasons.get(notice.reason) ?? 0) + 1)
    }
  }
  const stranger = new Stranger(world, seededRandom(2))
  for (let i = 0; i < 2_000; i++) {
    stranger.bother((peers[i % 4] as BarePeer).name)
    if (i % 50 === 0) peers[i % 4]?.set(`key ${i % 3}`, Uint8Array.of(i & 255, i >> 8))
    world.run(10)
  }
  for (const reason of ['another cluster', 'damaged on the way', 'not a message']) {
    t.ok((reasons.get(reason) ?? 0) > 50, `${reason}: ${reasons.get(reason)} times`)
  }
  t.ok(peers.every((peer) => peer.live().length === 3), 'they know each other and nobody else')
  t.strictSame(world.referee.violations, [])
})

t.test('whatever follows a head that is right: nothing is thrown, and little is allocated for it', async (t) => {
  const world = new World({ seed: 3 })
  const peers = Array.from({ length: 3 }, (_, i) => new BarePeer(world, i === 0 ? [] : [nameOf(0)]))
  for (const peer of peers) peer.start()
  const heads: Uint8Array[] = []
  world.overheard = (_, bytes) => void (heads.length < 200 && heads.push(bytes.slice(0, headBytes)))
  world.run(3_000)
  const { gossip, name } = peers[0] as BarePeer
  const dice = seededRandom(4)
  const reasons = new Set<string>()
  let most = 0
  for (let i = 0; i < 20_000; i++) {
    const head = pick(dice, heads) ?? new Uint8Array(0)
    const bytes = new Uint8Array(head.length + dice.below(200))
    // lengths and counts are small numbers or, by the first bit, huge ones
    for (let at = head.length; at < bytes.length; at++) bytes[at] = dice.below(dice.below(2) === 0 ? 16 : 256)
    bytes.set(head)
    const before = process.memoryUsage().arrayBuffers
    gossip.receive(bytes, 'stream', name, world.time.nowMs)
    most = Math.max(most, process.memoryUsage().arrayBuffers - before)
    for (const notice of gossip.drain().notices) if (notice.kind === 'rejected') reasons.add(notice.reason)
  }
  t.ok(reasons.size > 4, `refused for: ${[...reasons].join(', ')}`)
  t.ok(most <= 1 << 20, `at most ${most} bytes for one message of some 200`)
})
