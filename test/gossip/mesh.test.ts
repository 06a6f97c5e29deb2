import t from 'tap'
import { Kind } from '../../lib/gossip/entry.js'
import { identify } from '../../lib/gossip/identity.js'
import { Member } from '../../lib/gossip/member.js'
import { bytesOf, Home, nameOf } from './fixtures/members.js'

const dead = { how: 'dead', agoMs: 0 } as const

/** Peer 1, met and introduced, with a key. */
const met = (home: Home, incarnation = 1, now = 1_000): Member => {
  const member = home.mesh.meet(nameOf(1), incarnation, 5, undefined, now) as Member
  home.mesh.introduce(member, bytesOf('metadata'))
  home.mesh.spaceOf(member, now).write(Kind.set, 'key', bytesOf('value'), Infinity, now)
  return member
}

const kinds = (home: Home): string[] => home.notices().map(({ kind }) => kind)

t.test('oneself is a member from the beginning, and on both rings', async (t) => {
  const { mesh } = new Home()
  t.equal(mesh.named(nameOf(0)), mesh.self)
  t.equal(mesh.withId(mesh.self.identity.id), mesh.self)
  t.same([mesh.size, mesh.liveCount, mesh.rings[1].size], [1, 0, 1])
})

t.test('one that was met is not there for users until it has introduced itself', async (t) => {
  const home = new Home()
  const member = home.mesh.meet(nameOf(1), 1, 0, undefined, 1_000) as Member
  t.same(home.notices(), [])
  t.equal(home.mesh.liveCount, 0)
  home.mesh.introduce(member, bytesOf('metadata'))
  home.mesh.introduce(member, bytesOf('again'))
  t.same(home.notices(), [
    { kind: 'peer:new', peer: nameOf(1), incarnation: 1, metadata: bytesOf('metadata') },
    { kind: 'peer:start', peer: nameOf(1) },
  ])
  t.equal(home.mesh.liveCount, 1)
})

t.test('to meet again is to find the same', async (t) => {
  const home = new Home()
  t.equal(met(home), home.mesh.meet(nameOf(1), 1, 9, dead, 2_000))
  t.equal(home.mesh.named(nameOf(1))?.state, 'alive')
})

t.test('a newer life takes the place of the older one at once, keys and all', async (t) => {
  const home = new Home()
  const older = met(home)
  home.notices()
  const newer = home.mesh.meet(nameOf(1), 2, 0, undefined, 2_000) as Member
  t.same(home.notices(), [
    { kind: 'peer:stop', peer: nameOf(1), reason: 'failed' },
    { kind: 'delete', peer: nameOf(1), key: 'key' },
  ])
  t.equal(home.mesh.named(nameOf(1)), newer)
  t.equal(home.mesh.withId(older.identity.id), undefined)
  t.same(newer.space?.keys(2_000) ?? [], [])
  t.same([home.mesh.size, home.mesh.liveCount], [2, 0])
})

t.test('an older life never returns', async (t) => {
  const home = new Home()
  const newer = met(home, 2)
  t.equal(home.mesh.meet(nameOf(1), 1, 1e6, undefined, 2_000), undefined)
  t.equal(home.mesh.named(nameOf(1)), newer)
})

t.test('nobody takes our own place', async (t) => {
  const { mesh } = new Home()
  t.equal(mesh.meet(nameOf(0), 9, 1, undefined, 1_000), undefined)
  t.equal(mesh.named(nameOf(0)), mesh.self)
})

t.test('one that is met dead is known and nothing more', async (t) => {
  const home = new Home()
  const member = home.mesh.meet(nameOf(1), 1, 7, { how: 'dead', agoMs: 200 }, 1_000) as Member
  home.mesh.introduce(member, bytesOf(''))
  t.same(kinds(home), ['peer:new'])
  t.same([member.contact.deadBeat, member.contact.stoppedAt, home.mesh.liveCount], [7, 800, 0])
})

t.test('to stop is told once, with the reason, and to be revived as a start', async (t) => {
  const home = new Home()
  const member = met(home)
  home.notices()
  home.mesh.stop(member, 'dead', 2_000)
  home.mesh.stop(member, 'left', 3_000)
  t.same(home.notices(), [{ kind: 'peer:stop', peer: nameOf(1), reason: 'failed' }])
  t.same([member.state, member.contact.deadBeat, member.contact.stoppedAt, home.mesh.liveCount], ['dead', 5, 2_000, 0])
  home.mesh.revive(member, 3_000)
  t.same(kinds(home), ['peer:start'])
  t.same([member.state, member.contact.stoppedAt, home.mesh.liveCount], ['alive', Infinity, 1])
})

t.test('to leave is told as such', async (t) => {
  const home = new Home()
  const member = met(home)
  home.notices()
  home.mesh.stop(member, 'left', 2_000)
  t.same(home.notices(), [{ kind: 'peer:stop', peer: nameOf(1), reason: 'left' }])
})

t.test('the forgotten rise with a newer heartbeat only, or in a newer life', async (t) => {
  const home = new Home()
  const member = met(home)
  home.mesh.stop(member, 'dead', 2_000)
  home.notices()
  home.mesh.forget(member)
  t.same(home.notices(), [{ kind: 'peer:forgotten', peer: nameOf(1) }])
  t.equal(home.mesh.named(nameOf(1)), undefined)
  for (const beat of [0, 4, 5]) t.equal(home.mesh.meet(nameOf(1), 1, beat, dead, 3_000), undefined)
  t.ok(home.mesh.meet(nameOf(1), 1, 6, undefined, 3_000))

  const other = new Home()
  const gone = met(other)
  other.mesh.forget(gone)
  t.ok(other.mesh.meet(nameOf(1), 2, 0, undefined, 3_000))
})

t.test('no life before a forgotten one rises', async (t) => {
  const home = new Home()
  home.mesh.forget(met(home, 5))
  for (const incarnation of [1, 4]) t.equal(home.mesh.meet(nameOf(1), incarnation, 1e6, undefined, 2_000), undefined)
  t.ok(home.mesh.isPast(identify(nameOf(1), 5).id))
  t.notOk(home.mesh.isPast(identify(nameOf(1), 6).id))
})

t.test('one who died too long ago to be shared is not met any more', async (t) => {
  const { mesh } = new Home({ forgetAfterMs: 1_000 })
  t.equal(mesh.meet(nameOf(1), 1, 0, { how: 'left', agoMs: 500 }, 5_000), undefined)
  t.equal(mesh.meet(nameOf(1), 1, 0, { how: 'left', agoMs: 499 }, 5_000)?.contact.stoppedAt, 4_501)
})

t.test('what is remembered of the forgotten is bounded', async (t) => {
  const home = new Home()
  const names: string[] = []
  for (let i = 1; i <= 5_000; i++) {
    const member = home.mesh.meet(nameOf(i), 1, 1, dead, 1_000) as Member
    names.push(member.name)
    home.mesh.forget(member)
  }
  const remembered = names.filter((name) => home.mesh.isForgotten(name, 1, 1)).length
  t.equal(remembered, 4_096)
  t.equal(home.mesh.size, 1)
})

t.test('no more than maxPeers others are known, and one of them may still be born anew', async (t) => {
  const home = new Home({ maxPeers: 3 })
  for (let i = 1; i <= 10; i++) home.mesh.meet(nameOf(i), 1, 0, undefined, 1_000)
  t.equal(home.mesh.size, 4)
  t.ok(home.mesh.meet(nameOf(2), 2, 0, undefined, 1_000))
  home.mesh.forget(home.mesh.named(nameOf(3)) as Member)
  t.ok(home.mesh.meet(nameOf(9), 1, 0, undefined, 1_000))
})

t.test('those that changed lately are those of the last three seconds, the latest last', async (t) => {
  const home = new Home()
  const [a, b, c] = [1, 2, 3].map((i) => home.mesh.meet(nameOf(i), 1, 0, undefined, 1_000)) as [Member, Member, Member]
  home.mesh.grew(a, 1_000)
  home.mesh.grew(b, 2_000)
  home.mesh.grew(c, 2_500)
  home.mesh.grew(a, 3_000)
  t.same(
    home.mesh.hot(3_000).map(({ name }) => name),
    [b, c, a].map(({ name }) => name),
  )
  t.same(
    home.mesh.hot(5_200).map(({ name }) => name),
    [c, a].map(({ name }) => name),
  )
  t.same(home.mesh.hot(9_000), [])
})

t.test('the dead are shared for half the time that they are remembered, and the summary says so', async (t) => {
  const home = new Home({ forgetAfterMs: 1_000 })
  const alone = home.mesh.summaryValue(1_000)
  const member = met(home)
  home.mesh.grew(member, 1_000)
  const both = home.mesh.summaryValue(1_000)
  t.not(both, alone)
  home.mesh.stop(member, 'dead', 2_000)
  const withDead = home.mesh.summaryValue(2_000)
  t.not(withDead, both)
  t.not(withDead, alone)
  t.ok(home.mesh.isShared(member, 2_499))
  t.notOk(home.mesh.isShared(member, 2_500))
  home.mesh.summary.touch(member)
  t.equal(home.mesh.summaryValue(2_499), withDead)
  home.mesh.summary.touch(member)
  t.equal(home.mesh.summaryValue(2_500), alone)
})

t.test('what is forgotten leaves nothing behind to expire or to count', async (t) => {
  const home = new Home()
  const alone = home.mesh.summaryValue(1_000)
  const member = met(home)
  member.space?.write(Kind.set, 'timed', bytesOf('x'), 2_000, 1_000)
  home.mesh.grew(member, 1_000)
  home.mesh.summaryValue(1_000)
  home.notices()
  home.mesh.forget(member)
  home.expire(10_000)
  t.same(kinds(home), ['peer:forgotten'])
  t.same(home.witness.told, [])
  t.equal(home.mesh.summaryValue(1_000), alone)
  t.same(home.mesh.hot(1_000), [])
})

t.test("a new life of one's own takes the place of the former", async (t) => {
  const home = new Home()
  const { self } = home.mesh
  home.mesh.settle(new Member({ ...self.identity, incarnation: 2, id: self.identity.id + 1 }, self.space))
  t.not(home.mesh.self, self)
  t.equal(home.mesh.withId(self.identity.id), undefined)
  t.same([home.mesh.size, home.mesh.rings[0].size, home.mesh.rings[0].at(0)], [1, 1, home.mesh.self])
})
