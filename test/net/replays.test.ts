import t from 'tap'
import { Replays } from '../../lib/net/replays.js'
import { seededRandom } from '../../lib/gossip/random.js'

t.test('a number is let through once, in whatever order, as long as it is not too late', async (t) => {
  const random = seededRandom(Number(process.env['FC_SEED'] ?? 1))
  const replays = new Replays(1_000, 0)
  const came = new Set<number>()
  let highest = -1
  let [base, taken, late] = [0, 0, 0]
  for (let i = 0; i < 100_000; i++) {
    base += random.below(10_000) === 0 ? random.below(5_000) : random.below(2)
    const number = base + random.below(1_200)
    const isNew = replays.isNew('sender', number, 0)
    if (number > highest - 992) {
      if (isNew === came.has(number)) t.fail(`${number} of ${highest}: ${isNew}`)
      came.add(number)
      taken += isNew ? 1 : 0
    } else {
      late++
      if (isNew) t.fail(`${number} is too late, after ${highest}`)
    }
    highest = Math.max(highest, number)
  }
  t.ok(taken > 10_000 && late > 1_000, `${taken} taken, ${late} late`)
})

t.test('numbers go up to 2^32 - 1', async (t) => {
  const replays = new Replays(1_000, 0)
  for (const number of [2 ** 32 - 1, 2 ** 32 - 2, 2 ** 31, 0]) {
    t.equal(replays.isNew('sender', number, 0), number > 2 ** 32 - 900, String(number))
    t.equal(replays.isNew('sender', number, 0), false)
  }
})

t.test('senders do not get into each other\'s way', async (t) => {
  const replays = new Replays(1_000, 0)
  for (const sender of ['a', 'b', '__proto__', '']) {
    t.ok(replays.isNew(sender, 5, 0))
    t.notOk(replays.isNew(sender, 5, 0))
  }
})

t.test('who is heard is remembered, who was silent for two turns is forgotten', async (t) => {
  const replays = new Replays(1_000, 0)
  t.ok(replays.isNew('quiet', 1, 0))
  t.ok(replays.isNew('loud', 1, 0))
  for (let now = 100; now <= 1_900; now += 100) t.ok(replays.isNew('loud', now, now))
  t.notOk(replays.isNew('quiet', 1, 1_950), 'not yet')
  for (let now = 2_000; now <= 5_000; now += 100) t.ok(replays.isNew('loud', now, now))
  t.equal(replays.senders, 1)
  t.notOk(replays.isNew('loud', 4_900, 5_000))
  t.ok(replays.isNew('quiet', 1, 5_000))
})

t.test('memory is bounded, however many senders there are', async (t) => {
  const replays = new Replays(1_000, 0)
  for (let i = 0; i < 100_000; i++) replays.isNew(`sender ${i}`, 0, 0)
  t.ok(replays.senders <= 65_536, String(replays.senders))
  t.notOk(replays.isNew('sender 99999', 0, 0))
})
