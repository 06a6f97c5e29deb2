import t from 'tap'
import { KeyCounts } from '../../../lib/http/live/keycounts.js'
import { topicView } from './fixtures/view.js'

t.test('keys are counted where something has changed', async t => {
  const { face, held } = topicView({ 'a:1': { x: 1 }, 'b:1': {} })
  const counts = new KeyCounts(face)
  counts.begin()
  t.strictSame([counts.count('a:1', 1, 1), counts.count('b:1', 1, 1)], [1, 0])
  held.get('b:1')?.set('y', 1)
  counts.begin()
  t.equal(counts.count('b:1', 1, 1), 0, 'the same version is not counted twice')
  t.equal(counts.count('b:1', 1, 2), 1)
  t.equal(counts.count('b:1', 2, 1), 1, 'nor another life taken for the same')
})

t.test('large key spaces are counted some at a time, and rest in between', async t => {
  const many = () => Object.fromEntries(Array.from({ length: 15_000 }, (_, i) => [`key:${i}`, i]))
  const { face, held, pass } = topicView({ 'a:1': many(), 'b:1': many(), 'c:1': many() })
  const counts = new KeyCounts(face)
  const all = () => ['a:1', 'b:1', 'c:1'].map(peer => counts.count(peer, 1, 1))
  counts.begin()
  t.strictSame(all(), [15_000, 15_000, null])
  counts.begin()
  t.strictSame(all(), [15_000, 15_000, 15_000])
  held.get('a:1')?.set('one more', 1)
  counts.begin()
  t.equal(counts.count('a:1', 1, 2), 15_000)
  pass(1_500)
  t.equal(counts.count('a:1', 1, 2), 15_001)
})
