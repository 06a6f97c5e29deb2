import t from 'tap'
import type { Member } from '../../lib/gossip/member.js'
import { Seeds } from '../../lib/gossip/seeds.js'
import { bytesOf, Home, nameOf } from './fixtures/members.js'

const setting = (): { home: Home; seeds: Seeds; meet: (i: number) => Member } => {
  const home = new Home()
  const meet = (i: number): Member => {
    const member = home.mesh.meet(nameOf(i), 1, 0, undefined, 0) as Member
    home.mesh.introduce(member, bytesOf(''))
    return member
  }
  return { home, seeds: new Seeds(() => home.mesh), meet }
}

/** When a seed is asked, until `end`. */
const asked = (seeds: Seeds, end: number, start = 0): number[] => {
  const times: number[] = []
  for (let now = start; now <= end; now++) if (seeds.due(now).length > 0) times.push(now)
  return times
}

t.test('a new seed is asked at once, and again at growing pauses up to a second, for ever', async (t) => {
  const { seeds } = setting()
  t.equal(seeds.nextWake, Infinity)
  t.ok(seeds.add('elsewhere:9000'))
  t.ok(seeds.nextWake <= 0)
  t.same(asked(seeds, 5_000), [0, 50, 150, 350, 750, 1_550, 2_550, 3_550, 4_550])
  t.equal(seeds.nextWake, 5_550)
})

t.test('a seed counts once', async (t) => {
  const { seeds } = setting()
  t.ok(seeds.add('elsewhere:9000'))
  t.notOk(seeds.add('elsewhere:9000'))
  t.same(seeds.due(0), ['elsewhere:9000'])
})

t.test('a seed is left alone while its peer lives, and asked when it has gone', async (t) => {
  const { home, seeds, meet } = setting()
  seeds.add('seed.example.com:9000')
  seeds.due(0)
  const member = meet(1)
  seeds.answered('seed.example.com:9000', nameOf(1))
  t.same(asked(seeds, 10_000, 1), [])
  home.mesh.stop(member, 'dead', 10_000)
  const [first = Infinity, second] = asked(seeds, 12_100, 10_001)
  t.ok(first <= 11_000)
  t.equal(second, first + 1_000)
})

t.test('a seed that is known under its own name need not answer first', async (t) => {
  const { seeds, meet } = setting()
  meet(1)
  seeds.add(nameOf(1))
  t.same(asked(seeds, 3_000), [])
})

t.test('oneself is not asked', async (t) => {
  const { seeds } = setting()
  seeds.add(nameOf(0))
  seeds.add('alias.example.com:9000')
  seeds.answered('alias.example.com:9000', nameOf(0))
  t.same(asked(seeds, 3_000), [])
})

t.test('in another life all are asked anew', async (t) => {
  const { seeds, meet } = setting()
  seeds.add('seed.example.com:9000')
  meet(1)
  seeds.answered('seed.example.com:9000', nameOf(1))
  t.same(asked(seeds, 3_000), [])
  seeds.restart(3_001)
  t.same(asked(seeds, 3_100, 3_001), [3_001, 3_051])
})

t.test('an answer from an address that is no seed is nothing', async (t) => {
  const { seeds } = setting()
  seeds.answered('elsewhere:9000', nameOf(1))
  t.equal(seeds.nextWake, Infinity)
})
