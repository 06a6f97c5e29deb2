import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { Entry, Kind } from '../../lib/gossip/entry.js'
import { Expiry } from '../../lib/gossip/expiry.js'
import type { KeySpace } from '../../lib/gossip/keyspace.js'
import { holds } from './fixtures/holds.js'
import { nameOf, stranger } from './fixtures/members.js'

const { space } = stranger(nameOf(1))
const entryAt = (deadline: number): Entry => new Entry(Kind.set, 'key', 1, deadline)

const due = (expiry: Expiry, now: number): Entry[] => {
  const taken: Entry[] = []
  expiry.due(now, (_, entry) => taken.push(entry))
  return taken
}

/** Drops an entry as a key space does. */
const drop = (expiry: Expiry, entry: Entry): void => {
  entry.gone = true
  expiry.forget(entry)
}

t.test('every entry is taken out once, never early and at most 16 ms late, in the order of their ends', async () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('add' as const), in: fc.integer({ min: 0, max: 2_000 }) }),
    fc.record({ do: fc.constant('drop' as const), pick: fc.nat() }),
    fc.record({ do: fc.constant('wait' as const), ms: fc.nat(300) }),
  )
  holds(
    fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
      const expiry = new Expiry()
      const held = new Set<Entry>()
      let now = 1_000
      for (const step of steps) {
        if (step.do === 'add') {
          const entry = entryAt(now + step.in)
          held.add(entry)
          expiry.add(space, entry)
        } else if (step.do === 'drop') {
          const entry = [...held][step.pick % Math.max(1, held.size)]
          if (entry === undefined) continue
          held.delete(entry)
          drop(expiry, entry)
        } else {
          now += step.ms
          let last = 0
          for (const entry of due(expiry, now)) {
            assert.ok(held.delete(entry), 'once')
            assert.ok(entry.deadline <= now, 'not early')
            assert.ok(entry.deadline > last - 16, 'in order')
            last = Math.max(last, entry.deadline)
          }
          for (const entry of held) assert.ok(entry.deadline > now - 16, 'not late')
          assert.ok(expiry.nextDue > now)
        }
        const first = Math.min(...[...held].map((entry) => entry.deadline))
        assert.ok(expiry.nextDue <= first + 16, `the next is at ${first}, and ${expiry.nextDue} is waited for`)
      }
      due(expiry, now + 5_000)
      assert.equal(expiry.nextDue, Infinity)
    }),
  )
})

t.test('what never ends is not held', async (t) => {
  const expiry = new Expiry()
  const entry = entryAt(Infinity)
  expiry.add(space, entry)
  t.equal(expiry.nextDue, Infinity)
  drop(expiry, entry)
})

t.test('entries come with the key space they are of', async (t) => {
  const expiry = new Expiry()
  const other = stranger(nameOf(2)).space
  expiry.add(space, entryAt(100))
  expiry.add(other, entryAt(100))
  const spaces: KeySpace[] = []
  expiry.due(200, (space) => spaces.push(space))
  t.same(
    spaces.map(({ name }) => name),
    [nameOf(1), nameOf(2)],
  )
})

t.test('what is taken out may be put in again for later', async (t) => {
  const expiry = new Expiry()
  expiry.add(space, entryAt(100))
  expiry.due(112, (space, entry) => {
    entry.deadline = 500
    expiry.add(space, entry)
  })
  t.same(due(expiry, 400), [])
  t.equal(due(expiry, 512).length, 1)
})

t.test('after thousands were replaced, those in force still end in time', async (t) => {
  const expiry = new Expiry()
  const kept: Entry[] = []
  for (let i = 0; i < 10_000; i++) {
    const entry = entryAt(1_000 + (i % 700))
    expiry.add(space, entry)
    if (i % 100 === 0) kept.push(entry)
    else drop(expiry, entry)
  }
  t.same(new Set(due(expiry, 2_000)), new Set(kept))
  t.equal(expiry.nextDue, Infinity)
})
