import t from 'tap'
import { BarePeer } from '../../simulation/bare.js'
import { introductions } from '../../simulation/founding.js'
import { nameOf } from '../../simulation/machine.js'
import { World } from '../../simulation/world.js'
import { defaultConfig } from '../../lib/gossip/config.js'

t.test('who is handed the introductions knows all others, and news reaches everybody', async t => {
  const world = new World({ seed: 1 })
  const peers = Array.from({ length: 30 }, () => new BarePeer(world, []))
  for (const peer of peers) peer.start()
  world.run(100)
  t.ok(peers.every(peer => peer.live().length === 0), 'nobody knows anybody')
  const founders = peers.map(({ name, gossip }) => ({ name, incarnation: gossip.incarnation }))
  const message = introductions(founders, defaultConfig)
  for (const peer of peers.slice(1)) peer.transport?.frameArrives(message, nameOf(0))
  peers[0]?.transport?.frameArrives(introductions(founders.toReversed(), defaultConfig), nameOf(29))
  t.ok(peers.every(peer => peer.live().length === peers.length - 1), 'everybody knows everybody')
  world.run(3_000)
  peers[3]?.set('key', Uint8Array.of(7))
  world.run(1_000)
  for (const peer of peers) t.strictSame([...peer.read(nameOf(3), 'key')?.value ?? []], [7])
})

t.test('nobody is nobody to tell of', async t => {
  t.throws(() => introductions([], defaultConfig), RangeError)
})
