import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { identify } from '../../lib/gossip/identity.js'
import { Member } from '../../lib/gossip/member.js'
import { Roster } from '../../lib/gossip/roster.js'
import { holds } from './fixtures/holds.js'
import { nameOf } from './fixtures/members.js'

/** Places and ids from so few that they collide all the time. */
const crowded = (i: number): Member => {
  const place = i % 5
  return new Member({ ...identify(nameOf(i), 1), places: [place, place], id: (i % 3) + 0x1_0000_0000 * i })
}

t.test('finds by name and id whoever was added and not removed, whatever collides', async () => {
  const steps = fc.array(fc.record({ who: fc.nat(60), adds: fc.boolean() }), { maxLength: 200 })
  holds(
    fc.property(steps, fc.boolean(), (steps, collide) => {
      const members = Array.from({ length: 61 }, (_, i) =>
        collide ? crowded(i) : new Member(identify(nameOf(i), 1)))
      const roster = new Roster()
      const model = new Set<Member>()
      for (const { who, adds } of steps) {
        const member = members[who] as Member
        if (!collide) assert.equal(roster.named(member.name), model.has(member) ? member : undefined)
        if (adds && !model.has(member)) roster.add(member)
        if (adds) model.add(member)
        else {
          roster.remove(member)
          model.delete(member)
        }
      }
      assert.equal(roster.size, model.size)
      assert.deepEqual(new Set(roster.all()), model)
      for (const member of members) {
        const expected = model.has(member) ? member : undefined
        assert.equal(roster.withId(member.identity.id), expected)
        if (!collide) assert.equal(roster.named(member.name), expected)
      }
    }),
  )
})

t.test('thousands are found', async (t) => {
  const roster = new Roster()
  for (let i = 0; i < 5_000; i++) roster.add(new Member(identify(nameOf(i), i)))
  for (const i of [0, 1, 4_999]) t.equal(roster.named(nameOf(i))?.identity.incarnation, i)
  t.equal(roster.named(nameOf(5_000)), undefined)
  t.equal(roster.withId(identify(nameOf(77), 77).id)?.name, nameOf(77))
})
