import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { Member } from '../../lib/gossip/member.js'
import { Ring } from '../../lib/gossip/ring.js'
import { holds } from './fixtures/holds.js'
import { nameOf, stranger } from './fixtures/members.js'

const everybody = Array.from({ length: 300 }, (_, i) => stranger(nameOf(i)))

const ringOf = (which: 0 | 1, members: readonly Member[]): Ring => {
  const ring = new Ring(which)
  for (const member of members) ring.add(member)
  return ring
}

const some = fc
  .uniqueArray(fc.nat(everybody.length - 1), { minLength: 1, maxLength: 120 })
  .map((picks) => picks.map((i) => everybody[i] as Member))
const which = fc.constantFrom<0 | 1>(0, 1)
const all = () => true

/** How often each member gets what `origin` broadcasts, when each cuts its arc on the ring it sees. */
function broadcast(
  origin: Member,
  which: 0 | 1,
  count: number,
  seenBy: (member: Member) => Ring,
  reachable = (_: Member) => true,
): Map<Member, number> {
  const got = new Map<Member, number>()
  const relay = (member: Member, until: number): void => {
    for (const { head, until: end } of seenBy(member).arcs(member, until, count, reachable)) {
      got.set(head, (got.get(head) ?? 0) + 1)
      assert.ok((got.get(head) as number) < 10, 'round and round')
      relay(head, end)
    }
  }
  relay(origin, origin.identity.places[which])
  return got
}

t.test('a broadcast reaches everybody else exactly once, on either ring, for any number of arcs', async () => {
  holds(
    fc.property(some, which, fc.integer({ min: 1, max: 20 }), fc.nat(), (members, which, arcs, pick) => {
      const origin = members[pick % members.length] as Member
      const ring = ringOf(which, members)
      const got = broadcast(origin, which, arcs, () => ring)
      assert.equal(got.size, members.length - 1)
      assert.equal(got.has(origin), false)
      for (const times of got.values()) assert.equal(times, 1)
    }),
  )
})

t.test('it takes no more hops than the logarithm', async (t) => {
  const ring = ringOf(0, everybody)
  let deepest = 0
  const relay = (member: Member, until: number, hops: number): void => {
    deepest = Math.max(deepest, hops)
    for (const arc of ring.arcs(member, until, 8, all)) relay(arc.head, arc.until, hops + 1)
  }
  relay(everybody[0] as Member, everybody[0]!.identity.places[0], 0)
  t.equal(deepest, 3, '8 + 64 + 512 > 300')
})

t.test('one who is not on the ring reaches all who are', async () => {
  holds(
    fc.property(some, which, fc.integer({ min: 1, max: 20 }), (members, which, arcs) => {
      const [origin, ...others] = members as [Member, ...Member[]]
      const ring = ringOf(which, others)
      assert.equal(broadcast(origin, which, arcs, () => ring).size, others.length)
    }),
  )
})

t.test('those who are not reachable are left out, and nobody else', async () => {
  holds(
    fc.property(some, which, fc.integer({ min: 1, max: 20 }), fc.func(fc.boolean()), (members, which, arcs, coin) => {
      const [origin] = members as [Member]
      const ring = ringOf(which, members)
      const reachable = (member: Member): boolean => coin(member.name)
      const got = broadcast(origin, which, arcs, () => ring, reachable)
      for (const member of members) if (member !== origin && reachable(member)) assert.equal(got.get(member), 1)
      for (const times of got.values()) assert.equal(times, 1)
    }),
  )
})

t.test('peers that see different members neither loop nor flood', async () => {
  holds(
    fc.property(
      some,
      which,
      fc.integer({ min: 2, max: 20 }),
      fc.func(fc.integer({ min: 0, max: 9 })),
      (members, which, arcs, missing) => {
        const [origin] = members as [Member]
        const seen = new Map(
          members.map((viewer) => [
            viewer,
            ringOf(
              which,
              members.filter((other) => other === viewer || missing(viewer.name, other.name) > 0),
            ),
          ]),
        )
        const got = broadcast(origin, which, arcs, (member) => seen.get(member) as Ring)
        const messages = [...got.values()].reduce((sum, times) => sum + times, 0)
        assert.ok(messages <= 2 * members.length, `${messages} messages to ${members.length}`)
      },
    ),
  )
})

t.test('who precedes whom is who is followed by whom', async () => {
  holds(
    fc.property(some, which, fc.integer({ min: 1, max: 12 }), (members, which, count) => {
      const ring = ringOf(which, members)
      for (const member of members) {
        const following = ring.following(member, count)
        assert.equal(following.length, Math.min(count, members.length - 1))
        assert.equal(new Set(following).size, following.length)
        assert.ok(!following.includes(member))
        for (const other of following) assert.ok(ring.preceding(other, count).includes(member))
        for (const other of ring.preceding(member, count)) assert.ok(ring.following(other, count).includes(member))
      }
    }),
    60,
  )
})

t.test('the order is that of the places, whatever the order of coming and going', async () => {
  holds(
    fc.property(some, which, fc.array(fc.nat()), (members, which, leaving) => {
      const ring = ringOf(which, members)
      const left = new Set(members)
      for (const member of members) ring.add(member)
      for (const pick of leaving) {
        const member = members[pick % members.length] as Member
        ring.remove(member)
        left.delete(member)
      }
      const places = Array.from({ length: ring.size }, (_, i) => ring.at(i) as Member)
      assert.deepEqual(new Set(places), left)
      for (let i = 1; i < places.length; i++)
        assert.ok(places[i - 1]!.identity.places[which] < places[i]!.identity.places[which])
    }),
  )
})

t.test('alone there is nobody to follow or to tell', async (t) => {
  const [self] = everybody as [Member]
  const ring = ringOf(0, [self])
  t.same(ring.following(self, 8), [])
  t.same(ring.preceding(self, 8), [])
  t.same(ring.arcs(self, self.identity.places[0], 8, all), [])
  t.same(new Ring(0).arcs(self, 17, 8, all), [])
})
