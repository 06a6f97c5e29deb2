import t from 'tap'
import { Table } from '../../../lib/http/live/table.js'

t.test('what is new is told whole, what changed by its fields, what went by its key', async t => {
  const table = new Table<{ key: string, a: number | null, b: string }>()
  t.equal(table.look([]), undefined)
  t.strictSame(table.look([{ key: 'x', a: 1, b: '' }]), { set: [{ key: 'x', a: 1, b: '' }] })
  t.equal(table.look([{ key: 'x', a: 1, b: '' }]), undefined)
  t.strictSame(table.look([{ key: 'x', a: null, b: '' }, { key: '__proto__', a: NaN, b: 'y' }]), {
    set: [{ key: 'x', a: null }, { key: '__proto__', a: NaN, b: 'y' }],
  })
  t.strictSame(table.look([{ key: '__proto__', a: NaN, b: 'y' }]), { gone: ['x'] })
  t.strictSame(table.rows, [{ key: '__proto__', a: NaN, b: 'y' }])
})
