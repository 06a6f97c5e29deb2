import t from 'tap'
import { Lease } from '../../../lib/queue/jetstream/lease.js'

t.test('what is held is told once, and again when it changes or may be forgotten', async (t) => {
  const lease = new Lease()
  t.strictSame([...lease.changes()], [])
  lease.add(1, 'a')
  lease.add(2, 'b')
  t.strictSame([...lease.changes()], [[0, 'a\nb']])
  t.strictSame([...lease.changes()], [])
  lease.delete(1)
  lease.delete(1)
  t.strictSame([...lease.changes()], [[0, 'b']])
  lease.changed()
  t.strictSame([...lease.changes()], [[0, 'b']])
  lease.delete(2)
  t.strictSame([...lease.changes()], [[0, '']], 'also that there is nothing any more')
})

t.test('however much is held, each piece fits into a message, and only those that change are told', async (t) => {
  const lease = new Lease()
  const count = 2_500
  for (let id = 0; id < count; id++) lease.add(id, `${'x'.repeat(196)}${String(id).padStart(4, '0')}`)
  const pieces = [...lease.changes()]
  t.strictSame(pieces.map(([at, text]) => [at, text.split('\n').length]), [[0, 1_000], [1, 1_000], [2, 500]])
  t.ok(pieces.every(([, text]) => text.length < 256 << 10))
  lease.delete(1_500)
  t.strictSame([...lease.changes()].map(([at]) => at), [1])
  lease.add(count, 'new')
  t.strictSame([...lease.changes()].map(([at, text]) => [at, text.endsWith('new')]), [[1, true]], 'room is used again')
})
