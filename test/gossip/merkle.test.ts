import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { Reader, Writer } from '../../lib/gossip/bytes.js'
import { areEqual, Climb, depthOf, MerkleTree, siblingsBelow } from '../../lib/gossip/merkle.js'
import { hashBytes } from '../../lib/gossip/notary.js'
import { VirtualNotary } from '../../simulation/notary.js'
import { holds } from './fixtures/holds.js'

const notary = new VirtualNotary('tree')
const leafOf = (i: number): Uint8Array => notary.hash(Uint8Array.of(0, i & 255, i >> 8), new Uint8Array(0))

/** Some leaves of a tree of at most 256, in rising order. */
const some = fc
  .integer({ min: 1, max: 256 })
  .chain((count) => fc.tuple(fc.constant(count), fc.uniqueArray(fc.nat(count - 1), { minLength: 1, maxLength: 40 })))
  .map(([count, picked]) => ({ count, picked: picked.sort((a, b) => a - b) }))

function written(count: number, picked: readonly number[]): { bytes: Uint8Array; tree: MerkleTree } {
  const tree = new MerkleTree(Array.from({ length: count }, (_, i) => leafOf(i)), notary)
  const climb = new Climb(count)
  const writer = new Writer()
  for (const index of picked) climb.write(writer, index, Buffer.concat(tree.siblings(index)), 0)
  return { bytes: writer.take(), tree }
}

t.test('any leaves of a tree lead to its root, and give back all their siblings', async () => {
  holds(
    fc.property(some, ({ count, picked }) => {
      const { bytes, tree } = written(count, picked)
      const reader = new Reader(bytes)
      const climb = new Climb(count)
      for (const index of picked) {
        assert.ok(climb.read(reader, index, leafOf(index), notary))
        assert.ok(areEqual(climb.root, tree.root))
        assert.deepEqual(climb.siblings, tree.siblings(index))
        assert.equal(climb.siblings.length, siblingsBelow(depthOf(count), index, count))
      }
      assert.equal(reader.left, 0)
      const passing = new Reader(bytes)
      const passed = new Climb(count)
      for (const index of picked) passed.skip(passing, index)
      assert.equal(passing.left, 0)
    }),
  )
})

t.test('another leaf, in another place, or a changed sibling leads elsewhere', async () => {
  holds(
    fc.property(some, fc.nat(), fc.nat(), ({ count, picked }, which, where) => {
      const { bytes, tree } = written(count, picked)
      const forged = which % picked.length
      const isLed = (wire: Uint8Array, leaf: (i: number) => Uint8Array): boolean => {
        const reader = new Reader(wire)
        const climb = new Climb(count)
        return picked.every((index, i) => climb.read(reader, index, leaf(i), notary) && areEqual(climb.root, tree.root))
      }
      const right = (i: number): Uint8Array => leafOf(picked[i] as number)
      assert.ok(isLed(bytes, right))
      assert.ok(!isLed(bytes, (i) => (i === forged ? leafOf(1_000) : right(i))))
      if (bytes.length === 0) return
      const changed = bytes.slice()
      const at = where % bytes.length
      changed[at] = (changed[at] as number) ^ 1
      assert.ok(!isLed(changed, right))
    }),
  )
})

t.test('a run of neighbours costs about one sibling each', async (t) => {
  const { bytes } = written(256, Array.from({ length: 256 }, (_, i) => i))
  t.ok(bytes.length <= 256 * hashBytes)
  t.equal(written(1, [0]).bytes.length, 0)
  t.equal(written(256, [77]).bytes.length, 8 * hashBytes)
})
