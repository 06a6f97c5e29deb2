import t from 'tap'
import { dropOldest } from '../../lib/gossip/bounded.js'

t.test('what was put in first goes first, and nothing while there is room', async (t) => {
  const set = new Set<number>()
  const map = new Map<number, string>()
  for (let i = 0; i < 10; i++) {
    dropOldest(set.add(i), 3)
    dropOldest(map.set(i, 'x'), 4)
  }
  t.same([...set], [7, 8, 9])
  t.same([...map.keys()], [6, 7, 8, 9])
})
