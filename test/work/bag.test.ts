import t from 'tap'
import { Bag } from '../../lib/work/bag.js'

t.test('holds what was added and not taken out, each once', async (t) => {
  const bag = new Bag<{ name: string; place: number }>()
  const [a, b, c] = ['a', 'b', 'c'].map((name) => ({ name, place: -1 })) as [never, never, never]
  for (const item of [a, b, c]) bag.add(item)
  t.ok(bag.delete(a))
  t.notOk(bag.delete(a))
  t.strictSame(new Set(bag.values()), new Set([b, c]))
  t.ok(bag.delete(c) && bag.delete(b))
  t.equal(bag.size, 0)
})
