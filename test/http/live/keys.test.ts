import t from 'tap'
import { KeySearch } from '../../../lib/http/live/keys.js'
import { topicView } from './fixtures/view.js'

t.test('a search finds, then follows', async t => {
  const { face, held } = topicView({ 'a:1': { tea: 1, Teapot: { x: 1 }, milk: 2 }, 'b:1': { tea: 3 } })
  const search = new KeySearch(face, { text: 'TEA' })
  const { found, set = [] } = search.flush() ?? {}
  t.strictSame(found, { want: { text: 'TEA' }, count: 3 })
  t.strictSame(set.map(({ peer, key, text }) => [peer, key, text]), [
    ['a:1', 'tea', '1'], ['a:1', 'Teapot', '{"x":1}'], ['b:1', 'tea', '3'],
  ])
  t.equal(search.flush(), undefined)
  held.get('b:1')?.set('tea', 4)
  held.get('a:1')?.delete('tea')
  for (const [peer, key] of [['b:1', 'tea'], ['b:1', 'tea'], ['a:1', 'tea'], ['a:1', 'milk']] as const) {
    search.changed(peer, key)
  }
  t.match(search.flush(), { set: [{ peer: 'b:1', key: 'tea', text: '4' }], gone: [{ peer: 'a:1', key: 'tea' }] })
  t.equal(search.flush(), undefined)
})

t.test('only one peer\'s keys, if so asked', async t => {
  const { face } = topicView({ 'a:1': { x: 1 }, 'b:1': { x: 2 } })
  const search = new KeySearch(face, { peer: 'b:1' })
  t.match(search.flush(), { found: { count: 1 }, set: [{ peer: 'b:1' }] })
  search.changed('a:1', 'x')
  t.equal(search.flush(), undefined)
})

t.test('of very many keys it counts all and gives some, a turn at a time', async t => {
  const many = Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`key:${i}`, i]))
  const { face } = topicView({ 'a:1': many })
  const search = new KeySearch(face, {})
  t.equal(search.flush(), undefined)
  t.equal(search.flush(), undefined)
  const { found, set = [] } = search.flush() ?? {}
  t.strictSame([found?.count, set.length], [50_000, 500])
})

t.test('changes are told so many at a time; when too many wait, the search is done again', async t => {
  const keys = Object.fromEntries(Array.from({ length: 3_000 }, (_, i) => [`key:${i}`, i]))
  const { face } = topicView({ 'a:1': keys })
  const search = new KeySearch(face, {})
  search.flush()
  for (let i = 0; i < 500; i++) search.changed('a:1', `key:${i}`)
  t.strictSame([1, 2, 3, 4].map(() => search.flush()?.set?.length), [200, 200, 100, undefined])
  for (const key of Object.keys(keys)) search.changed('a:1', key)
  t.match(search.flush(), { found: { count: 3_000 } })
})
