import t from 'tap'
import { isUid, uid } from '../../lib/servent/uid.js'

t.test('an id is 24 upper-case hex digits: time, process, chance; none is given twice', async (t) => {
  const beforeSeconds = Math.floor(Date.now() / 1_000)
  const ids = Array.from({ length: 10_000 }, uid)
  t.equal(new Set(ids).size, ids.length)
  t.ok(ids.every(isUid))
  const [id] = ids as [string]
  t.ok(parseInt(id.slice(0, 8), 16) >= beforeSeconds)
  t.equal(parseInt(id.slice(8, 12), 16), process.pid & 0xffff)
})

t.test('nothing else is one', async (t) => {
  for (const value of [undefined, 1, '', 'A'.repeat(23), 'a'.repeat(24), `${'A'.repeat(24)}\n`, ['A'.repeat(24)]]) {
    t.equal(isUid(value), false, String(value))
  }
})
