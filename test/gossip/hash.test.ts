import t from 'tap'
import { hash32, mix32 } from '../../lib/gossip/hash.js'

t.test('mixing is that of MurmurHash3, and turns no two numbers into one', async (t) => {
  // fmix32 of the reference implementation
  t.equal(mix32(0), 0)
  t.equal(mix32(1), 0x514e28b7)
  t.equal(mix32(0xffff_ffff), 0x81f16f39)
  t.equal(new Set(Array.from({ length: 50_000 }, (_, i) => mix32(i * 2_654_435_761))).size, 50_000)
})

t.test('hashes are 32 bits without a sign, and another seed gives another hash', async (t) => {
  const hashes = Array.from({ length: 1_000 }, (_, seed) => hash32('127.0.0.1:9000', seed))
  t.ok(hashes.every((hash) => Number.isInteger(hash) && hash >= 0 && hash < 2 ** 32))
  t.equal(new Set(hashes).size, 1_000)
})

t.test('hashes of like names are spread evenly', async (t) => {
  const counts = Array.from({ length: 16 }, () => 0)
  for (let i = 0; i < 16_000; i++) counts[hash32(`127.0.0.1:${i}`, 0) >>> 28]!++
  for (const count of counts) t.ok(Math.abs(count - 1_000) < 150, String(count))
})

t.test('hashes stand on the wire: they are pinned', async (t) => {
  t.same([hash32('', 0), hash32('a', 0), hash32('127.0.0.1:9000', 1)], [3987542849, 3196263168, 3210042525])
})
