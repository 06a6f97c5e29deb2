import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { Member } from '../../lib/gossip/member.js'
import { Summary } from '../../lib/gossip/summary.js'
import { holds } from './fixtures/holds.js'
import { nameOf, stranger, type Speaker } from './fixtures/members.js'

const all = (): boolean => true
const trio = (): Speaker[] => [1, 2, 3].map((i) => stranger(nameOf(i)))

/** Moves a member on and has it counted anew. */
const move = (summary: Summary, member: Member, version: number): void => {
  ;(member as Speaker).space.maxVersion = version
  summary.touch(member)
}

/** The number of whoever holds these versions. */
const numberOf = (versions: readonly number[]): number => {
  const summary = new Summary()
  trio().forEach((member, i) => move(summary, member, versions[i] ?? 0))
  return summary.value(all)
}

t.test('the number depends on what is held, not on how it came', async () => {
  const moves = fc.array(fc.record({ who: fc.nat(2), by: fc.integer({ min: 1, max: 2 ** 40 }), look: fc.boolean() }), {
    maxLength: 50,
  })
  holds(
    fc.property(moves, (moves) => {
      const summary = new Summary()
      const members = trio()
      for (const member of members) summary.touch(member)
      for (const { who, by, look } of moves) {
        const member = members[who] as Member
        move(summary, member, member.maxVersion + by)
        if (look) summary.value(all)
      }
      assert.equal(summary.value(all), numberOf(members.map((member) => member.maxVersion)))
    }),
  )
})

t.test('different states have different numbers of 48 bits', async () => {
  const versions = fc.array(fc.nat(1_000), { minLength: 3, maxLength: 3 })
  holds(
    fc.property(versions, versions, (a, b) => {
      const [one, other] = [numberOf(a), numberOf(b)]
      assert.ok(Number.isSafeInteger(one) && one >= 0 && one < 2 ** 48)
      assert.equal(one === other, a.join() === b.join())
    }),
    1_000,
  )
})

t.test('another life of a peer is another number', async (t) => {
  const numbers = [1, 2].map((incarnation) => {
    const summary = new Summary()
    move(summary, stranger(nameOf(1), incarnation), 5)
    return summary.value(all)
  })
  t.not(numbers[0], numbers[1])
})

t.test('whether one lives makes a difference', async (t) => {
  const summary = new Summary()
  const [a] = trio() as [Member]
  move(summary, a, 3)
  const alive = summary.value(all)
  a.state = 'suspect'
  summary.touch(a)
  t.equal(summary.value(all), alive)
  a.state = 'dead'
  summary.touch(a)
  t.not(summary.value(all), alive)
})

t.test('one who no longer counts leaves no trace, and may count again', async (t) => {
  const summary = new Summary()
  const [a, b] = trio() as [Member, Member]
  move(summary, a, 3)
  const without = summary.value(all)
  move(summary, b, 4)
  const both = summary.value(all)
  summary.touch(b)
  t.equal(
    summary.value((member) => member !== b),
    without,
  )
  t.equal(summary.value(all), without, 'who was not touched is not looked at')
  summary.touch(b)
  t.equal(summary.value(all), both)
})

t.test('nothing held is zero', async (t) => {
  t.equal(new Summary().value(all), 0)
  t.not(numberOf([0, 0, 0]), 0, 'to know of somebody is something')
})

t.test('the numbers of late are remembered, and only those', async (t) => {
  const summary = new Summary()
  const [a] = trio() as [Member]
  const numbers: number[] = []
  for (let version = 1; version <= 100; version++) {
    move(summary, a, version)
    numbers.push(summary.value(all))
  }
  t.ok(summary.passed(numbers.at(-1) as number))
  t.ok(summary.passed(numbers.at(-64) as number))
  t.notOk(summary.passed(numbers.at(-65) as number))
  t.notOk(summary.passed(numberOf([101, 0, 0])))
})
