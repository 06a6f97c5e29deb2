import fc from 'fast-check'
import t from 'tap'
import { Serials } from '../../lib/work/serials.js'

t.test('behaves as a map does', async () => {
  const [add, remove] = [fc.record({ add: fc.nat(500) }), fc.record({ remove: fc.nat(500) })]
  const step = fc.oneof(add, remove, fc.constant('next' as const))
  fc.assert(fc.property(fc.array(step, { maxLength: 300 }), fc.nat(2 ** 32 - 1), (steps, start) => {
    const serials = new Serials<{ serial: number }>()
    const model = new Map<number, { serial: number }>()
    let last = start
    for (const one of steps) {
      if (one === 'next') {
        last = serials.next(last)
        if (model.has(last)) return false
        const item = { serial: last }
        if (!serials.add(item)) return false
        model.set(last, item)
      } else if ('add' in one) {
        const item = { serial: one.add }
        if (serials.add(item) === model.has(one.add)) return false
        if (!model.has(one.add)) model.set(one.add, item)
      } else {
        const item = model.get(one.remove)
        serials.delete(item ?? { serial: one.remove })
        model.delete(one.remove)
      }
      if (serials.size !== model.size) return false
    }
    const all = serials.values()
    return all.length === model.size && all.every((item) => model.get(item.serial) === item)
      && [...model.keys()].every((serial) => serials.get(serial) === model.get(serial))
  }))
})

t.test('serials that are made to collide do not make it grow without bound', async (t) => {
  const serials = new Serials<{ serial: number }>()
  t.ok(serials.add({ serial: 0 }))
  t.notOk(serials.add({ serial: 2 ** 31 }))
  t.ok(serials.add({ serial: 2 ** 18 }))
  t.equal(serials.size, 2)
})

t.test('after the last serial comes the first', async (t) => {
  t.equal(new Serials().next(2 ** 32 - 1), 0)
})
