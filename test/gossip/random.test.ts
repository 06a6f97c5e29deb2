import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { happens, pick, seededRandom, shuffle } from '../../lib/gossip/random.js'
import { holds } from './fixtures/holds.js'

const numbers = (seed: number, count = 20): number[] => {
  const random = seededRandom(seed)
  return Array.from({ length: count }, () => random.below(2 ** 32))
}

t.test('the same seed gives the same sequence, and another seed another', async (t) => {
  t.same(numbers(7), numbers(7))
  t.not(numbers(7)[0], numbers(8)[0])
  t.not(numbers(1)[0], numbers(1 + 2 ** 32)[0], 'all 53 bits of the seed count')
})

t.test('the sequence is pinned, so that a seed in a report means something tomorrow', async (t) => {
  t.same(numbers(42, 4), [1849552023, 4223452576, 118919111, 3893884377])
})

t.test('numbers lie in their range and are spread evenly', async (t) => {
  const random = seededRandom(1)
  const counts = Array.from({ length: 10 }, () => 0)
  let sum = 0
  for (let i = 0; i < 20_000; i++) {
    counts[random.below(10)]!++
    const unit = random.unit()
    assert.ok(unit >= 0 && unit < 1)
    sum += unit
  }
  // 1,900 .. 2,100 is more than two standard deviations each way, and the seed is fixed
  for (const count of counts) t.ok(count > 1_850 && count < 2_150, String(count))
  t.ok(Math.abs(sum / 20_000 - 0.5) < 0.01)
  t.equal(random.below(1), 0)
})

t.test('parts have dice of their own', async (t) => {
  const [a, b] = [seededRandom(1), seededRandom(1)]
  const [forkA, forkB] = [a.fork('x'), b.fork('x')]
  for (let i = 0; i < 100; i++) forkA.unit()
  t.equal(a.unit(), b.unit(), 'what one part throws does not disturb the others')
  const again = seededRandom(1).fork('x')
  t.equal(again.unit(), forkB.unit())
  t.not(seededRandom(1).fork('y').unit(), seededRandom(1).fork('x').unit())
})

t.test('chance 0 never happens and chance 1 always does', async (t) => {
  const random = seededRandom(3)
  for (let i = 0; i < 100; i++) {
    assert.equal(happens(random, 0), false)
    assert.equal(happens(random, 1), true)
  }
  const often = Array.from({ length: 10_000 }, () => happens(random, 0.3)).filter(Boolean).length
  t.ok(Math.abs(often - 3_000) < 150, String(often))
})

t.test('shuffling keeps every item, in place, and any order may come out', async (t) => {
  holds(
    fc.property(fc.array(fc.nat()), fc.nat(), (items, seed) => {
      const copy = [...items]
      assert.equal(shuffle(seededRandom(seed), copy), copy)
      assert.deepEqual(
        copy.sort((a, b) => a - b),
        [...items].sort((a, b) => a - b),
      )
    }),
  )
  const random = seededRandom(5)
  const orders = new Map<string, number>()
  for (let i = 0; i < 6_000; i++) {
    const order = shuffle(random, ['a', 'b', 'c']).join('')
    orders.set(order, (orders.get(order) ?? 0) + 1)
  }
  t.equal(orders.size, 6)
  for (const [order, count] of orders) t.ok(Math.abs(count - 1_000) < 150, `${order}: ${count}`)
})

t.test('picking takes any of the items, and nothing of none', async (t) => {
  const random = seededRandom(2)
  t.equal(pick(random, []), undefined)
  t.same([...new Set(Array.from({ length: 100 }, () => pick(random, [1, 2, 3])))].sort(), [1, 2, 3])
})
