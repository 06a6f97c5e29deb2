import fc from 'fast-check'
import t from 'tap'
import { Deadlines, type Timed } from '../../lib/work/deadlines.js'

class Item implements Timed {
  readonly dueAt: number
  before: Timed | undefined
  after: Timed | undefined

  constructor(dueAt: number) {
    this.dueAt = dueAt
  }
}

t.test('what is due comes out once, earliest first; what is removed does not', async () => {
  const step = fc.oneof(
    fc.record({ add: fc.double({ min: 0, max: 5_000, noNaN: true }) }),
    fc.record({ remove: fc.nat(50) }),
    fc.record({ wait: fc.nat(1_000) }),
  )
  fc.assert(fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
    const deadlines = new Deadlines<Item>()
    let model: Item[] = []
    let now = 0
    for (const one of steps) {
      if ('add' in one) {
        const item = new Item(now + one.add)
        deadlines.add(item)
        deadlines.add(item)
        model.push(item)
      } else if ('remove' in one) {
        const item = model[one.remove % Math.max(1, model.length)]
        if (item === undefined) continue
        deadlines.remove(item)
        model = model.filter((other) => other !== item)
      } else {
        now += one.wait
        const due = model.filter(({ dueAt }) => dueAt <= now).sort((a, b) => a.dueAt - b.dueAt)
        const got: Item[] = []
        deadlines.due(now, (item) => got.push(item))
        if (got.length !== due.length || got.some((item, i) => item.dueAt !== due[i]?.dueAt)) return false
        model = model.filter((item) => !due.includes(item))
      }
      if (deadlines.next() !== Math.min(Infinity, ...model.map(({ dueAt }) => dueAt))) return false
    }
    return true
  }))
})

t.test('what never ends is not kept, and what ends while others do is not handed out', async (t) => {
  const deadlines = new Deadlines<Item>()
  deadlines.add(new Item(Infinity))
  t.equal(deadlines.next(), Infinity)
  const [first, second] = [new Item(1), new Item(2)]
  deadlines.add(first)
  deadlines.add(second)
  const got: Item[] = []
  deadlines.due(5, (item) => {
    got.push(item)
    deadlines.remove(second)
  })
  t.strictSame(got, [first])
})
