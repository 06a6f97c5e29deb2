import t from 'tap'
import { Restarts } from '../../lib/apps/restarts.js'

t.test('each crash makes the pause longer, and too many within a minute are the end', async t => {
  const restarts = new Restarts()
  t.strictSame([0, 1, 2, 3, 4, 5].map(at => restarts.crashed(at)), [500, 1_000, 2_000, 4_000, 8_000, undefined])
})

t.test('crashes that lie back more than a minute are forgotten', async t => {
  const restarts = new Restarts()
  for (let crash = 0; crash < 20; crash++) t.equal(restarts.crashed(crash * 60_001), 500)
  t.equal(restarts.count, 1)
})
