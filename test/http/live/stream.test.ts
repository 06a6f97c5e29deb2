import t from 'tap'
import type { Happening, HappeningKind } from '../../../lib/http/live/protocol.js'
import { StreamFilter } from '../../../lib/http/live/stream.js'

function happening(id: number, kind: HappeningKind = 'say', name = 'x'): Happening {
  return { id, at: 0, kind, peer: 'a:1', name, text: '' }
}

t.test('what fits is told once, in order', async t => {
  const filter = new StreamFilter({ text: 'Order', kinds: ['say', 'set'] })
  t.strictSame(filter.flush(), {})
  filter.take(happening(1, 'say', 'ORDER:new'))
  filter.take(happening(2, 'say', 'other'))
  filter.take(happening(3, 'delete', 'order:new'))
  filter.take(happening(4, 'set', 'an:order'))
  t.strictSame(filter.flush().stream?.map(({ id }) => id), [1, 4])
  t.strictSame(filter.flush(), {})
  const byPeer = new StreamFilter({ text: 'a:1' })
  byPeer.take(happening(1))
  t.equal(byPeer.flush().stream?.length, 1)
})

t.test('of too much the latest is told, and how much was not', async t => {
  const filter = new StreamFilter({})
  for (let id = 1; id <= 10_050; id++) filter.take(happening(id))
  const { stream = [], missed } = filter.flush()
  t.strictSame([stream.length, stream.at(-1)?.id, missed], [200, 10_050, 9_850])
  filter.take(happening(1))
  t.equal(filter.flush().missed, undefined)
})
