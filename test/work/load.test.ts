import t from 'tap'
import { LoadView } from '../../lib/work/load.js'

t.test('what was told last, by its stamp, and what was sent since', async (t) => {
  const view = new LoadView()
  t.equal(view.inflight, 0)
  view.told(5, 10)
  view.sent()
  view.sent()
  t.equal(view.inflight, 12)
  view.told(4, 100)
  t.equal(view.inflight, 12, 'gossip that is older than the last reply')
  view.told(6, 3)
  t.equal(view.inflight, 3)
})

t.test('never less than is outstanding from here, and anew with a new life', async (t) => {
  const view = new LoadView()
  for (let i = 0; i < 5; i++) view.sent()
  view.told(1, 0)
  t.equal(view.inflight, 5)
  view.ended()
  t.equal(view.inflight, 4)
  view.told(900, 50)
  view.reset()
  view.told(1, 7)
  t.equal(view.inflight, 7)
})
