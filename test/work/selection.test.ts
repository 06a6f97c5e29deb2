import t from 'tap'
import { seededRandom } from '../../lib/gossip/random.js'
import { choose, compareStatus, matches, type Choosable } from '../../lib/work/selection.js'

const place = (peer: string, more: Partial<Choosable> = {}): Choosable =>
  ({ peer, pressure: 0, outstanding: 0, status: undefined, ...more })
const no = (): number => 0

function counts(draw: () => Choosable | undefined, times = 3_000): Record<string, number> {
  const found: Record<string, number> = {}
  for (let i = 0; i < times; i++) {
    const peer = draw()?.peer ?? ''
    found[peer] = (found[peer] ?? 0) + 1
  }
  return found
}

t.test('nobody to choose from, or one', async (t) => {
  const random = seededRandom(1)
  for (const policy of ['p2c', 'least-loaded', 'random', 'round-robin', { key: 'k' }] as const) {
    t.equal(choose(policy, [], random, no), undefined)
    t.equal(choose(policy, [place('a')], random, no)?.peer, 'a')
  }
})

t.test('p2c: the busiest of three never, the others alike; all alike when they are', async (t) => {
  const random = seededRandom(1)
  const busy = [place('a', { pressure: 1 }), place('b'), place('c')]
  const { a, b = 0, c = 0 } = counts(() => choose('p2c', busy, random, no))
  t.equal(a, undefined)
  t.ok(Math.abs(b - c) < 300)
  const equal = [place('a'), place('b'), place('c')]
  for (const count of Object.values(counts(() => choose('p2c', equal, random, no)))) t.ok(Math.abs(count - 1_000) < 150)
})

t.test('random reaches all alike, the last too', async (t) => {
  const random = seededRandom(2)
  const found = counts(() => choose('random', [place('a'), place('b'), place('c')], random, no))
  t.equal(Object.keys(found).length, 3)
  for (const count of Object.values(found)) t.ok(Math.abs(count - 1_000) < 150)
})

t.test('least-loaded: strictly the least; ties by what is outstanding, then by chance', async (t) => {
  const random = seededRandom(3)
  const places = [place('a', { status: 2 }), place('b', { status: 0.1, outstanding: 9 }), place('c', { status: 0.5 })]
  t.strictSame(counts(() => choose('least-loaded', places, random, no), 20), { b: 20 })
  const tied = [
    place('a', { status: 1, outstanding: 1 }), place('b', { status: 1 }), place('c', { status: 1 }), place('d'),
  ]
  const { b = 0, c = 0, ...others } = counts(() => choose('least-loaded', tied, random, no))
  t.ok(Math.abs(b - c) < 200)
  t.strictSame(others, {})
})

t.test('what can be compared is, numbers before texts, and what cannot comes last', async (t) => {
  const sorted = [-1, 0.5, 3n, new Date(4), 'a', 'b', undefined]
  t.strictSame(sorted.toReversed().sort((x, y) => compareStatus(x, y)).slice(0, 6), sorted.slice(0, 6))
  for (const nothing of [undefined, null, NaN, {}, true, [1, 2]]) {
    t.ok(compareStatus(nothing, 'zzz') > 0)
    t.ok(compareStatus(1e9, nothing) < 0)
    t.equal(compareStatus(nothing, undefined), 0)
  }
})

t.test('round-robin takes turns', async (t) => {
  let turn = 0
  const places = [place('a'), place('b'), place('c')]
  const names = Array.from({ length: 6 }, () => choose('round-robin', places, seededRandom(1), () => turn++)?.peer)
  t.equal(names.join(''), 'abcabc')
})

t.test('by key: the same one each time, spread over all, and few move when one goes', async (t) => {
  const places = Array.from({ length: 5 }, (_, i) => place(`10.0.0.${i}:9000`))
  const owner = (key: string, among: readonly Choosable[]) => choose({ key }, among, seededRandom(1), no)?.peer
  const keys = Array.from({ length: 2_000 }, (_, i) => `key ${i}`)
  const before = keys.map((key) => owner(key, places))
  t.strictSame(keys.map((key) => owner(key, places.toReversed())), before)
  const gone = places[2]?.peer
  const after = keys.map((key) => owner(key, places.filter(({ peer }) => peer !== gone)))
  t.ok(before.every((peer, i) => peer === after[i] || peer === gone))
  for (const { peer } of places) t.ok(Math.abs(before.filter((name) => name === peer).length - 400) < 120)
})

t.test('tags: any of some, all of others', async (t) => {
  const tags = new Set(['a', 'b'])
  t.ok(matches(tags, { any: [], all: [] }))
  t.ok(matches(tags, { any: ['a', 'x'], all: ['b'] }))
  t.notOk(matches(tags, { any: ['x'], all: [] }))
  t.notOk(matches(tags, { any: [], all: ['a', 'x'] }))
})
