import t from 'tap'
import { seededRandom } from '../../lib/gossip/random.js'
import { BarePeer } from '../../simulation/bare.js'
import { standardChecks } from '../../simulation/checks/standard.js'
import { nameOf } from '../../simulation/machine.js'
import { Stranger } from '../../simulation/stranger.js'
import { World } from '../../simulation/world.js'

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
