import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { FlowControl } from '../../lib/gossip/flow.js'
import { holds } from './fixtures/holds.js'

const rateMin = 4 << 10
const rateMax = 512 << 20
const rateFirst = 128 << 20

const mega = 1 << 20

/** Has just sent so many bytes a second, the last of them as version 2, a second and a half before `now`. */
const sending = (bytesPerSecond: number, now = 10_000): FlowControl => {
  const flow = new FlowControl()
  flow.made(1, 1, now - 3_000)
  flow.made(1, 2, now - 1_500)
  flow.spend(2 * bytesPerSecond, now)
  return flow
}

/** Hears at `now` and half a second later that `partners` know nothing after version 1. */
const hearsBehind = (flow: FlowControl, partners: readonly string[], now = 10_000): void => {
  for (const at of [now, now + 500]) for (const partner of partners) flow.reported(partner, 1, at)
}

/** One whose rate fell at about the time 0, to three quarters of what it had been sending. */
const slowed = (bytesPerSecond: number): FlowControl => {
  const flow = sending(bytesPerSecond * Math.exp(0.25), -500)
  hearsBehind(flow, ['a'], -500)
  return flow
}

const about = (actual: number, expected: number): boolean => Math.abs(actual - expected) <= expected / 1_000 + 1

t.test('where most lack what is a second old, twice in a row, one sends less than before', async (t) => {
  const flow = sending(10 * mega)
  flow.reported('a', 1, 10_000)
  t.ok(flow.rate >= rateFirst, 'once may be chance')
  flow.reported('a', 1, 10_400)
  t.ok(flow.rate >= rateFirst, 'too soon to look again')
  flow.reported('a', 1, 10_500)
  t.ok(about(flow.rate, 7.5 * mega * Math.exp(-0.25)), String(flow.rate / mega))
})

t.test('one slow partner among several changes nothing, nor one that is up to date or nearly so', async (t) => {
  for (const others of [
    ['b', 'c'],
    ['b'],
  ]) {
    const flow = sending(10 * mega)
    for (const other of others) flow.reported(other, 2, 9_900)
    hearsBehind(flow, ['a'])
    t.ok(flow.rate >= rateFirst)
  }
  const young = new FlowControl()
  young.made(1, 1, 9_500)
  young.spend(mega, 10_000)
  for (const at of [10_000, 10_400]) young.reported('a', 0, at)
  t.ok(young.rate >= rateFirst, 'what it lacks is less than a second old')
})

t.test('what was heard long ago does not count', async (t) => {
  const flow = sending(10 * mega)
  for (const other of ['b', 'c', 'd']) flow.reported(other, 2, 6_000)
  hearsBehind(flow, ['a'])
  t.ok(flow.rate < 10 * mega)
})

t.test('the rate grows by steps that double, until somebody is behind', async (t) => {
  const flow = slowed(10 * mega)
  const { rate } = flow
  const grown = [1, 2, 3].map((i) => {
    flow.reported('a', 2, i * 500)
    return flow.rate - rate
  })
  t.same(grown, [8 << 10, 24 << 10, 56 << 10])
  hearsBehind(flow, ['a'], 2_000)
  flow.reported('a', 2, 3_000)
  const after = flow.rate
  flow.reported('a', 2, 3_500)
  t.equal(flow.rate - after, 16 << 10, 'the second step from the beginning')
})

t.test('who sends little is not slowed down, however far a partner lags', async (t) => {
  const flow = sending(1_000)
  for (let i = 0; i < 10; i++) hearsBehind(flow, ['a'], 10_000 + i * 1_000)
  t.ok(flow.rate >= rateFirst)
})

t.test('the rate stays within its bounds', async (t) => {
  const flow = sending(mega)
  for (let now = 10_000; now < 40_000; now += 500) {
    flow.spend(mega, now)
    flow.reported('a', 1, now)
  }
  t.equal(flow.rate, rateMin)
  for (let now = 40_000; now < 80_000; now += 500) {
    flow.spend(mega, now)
    flow.reported('a', 2, now)
  }
  t.equal(flow.rate, rateMax)
})

t.test('a rate that was never put to the test gives way to one that was', async (t) => {
  const [fresh, tested] = [new FlowControl(), slowed(10 * mega)]
  const { rate } = tested
  tested.share(0, fresh.rate, 60_000)
  t.equal(tested.rate, rate, 'and is nothing to share')
  fresh.share(0, rate, 60_000)
  t.equal(fresh.rate, rate)
})

t.test('partners share what both may send, by demand, and lose nothing of it', async () => {
  const bytes = fc.integer({ min: 10_000, max: 100 * mega })
  holds(
    fc.property(bytes, bytes, bytes, bytes, (beforeA, beforeB, madeA, madeB) => {
      const [a, b] = [slowed(beforeA), slowed(beforeB)]
      const now = 60_000
      a.made(madeA, 3, now)
      b.made(madeB, 3, now)
      const [demandA, demandB, rateA, rateB] = [a.demand(now), b.demand(now), a.rate, b.rate]
      const total = rateA + rateB
      a.share(demandB, rateB, now)
      b.share(demandA, rateA, now)
      const least = Math.max(rateMin, total / 16)
      assert.ok(a.rate >= least && b.rate >= least, 'something is left to each')
      const above = a.rate + b.rate - total
      assert.ok(above > -1 && above <= (a.rate === least || b.rate === least ? least : 0) + 1, 'the total stays')
      if (demandA + demandB <= total) assert.ok(a.rate >= demandA && b.rate >= demandB, 'who needs, gets')
      else
        for (const [flow, demand] of [
          [a, demandA],
          [b, demandB],
        ] as const)
          assert.ok(flow.rate >= Math.min(demand, total / 2) - 1, 'half is for each')
    }),
    500,
  )
})

t.test('what was found to be too much does not come back from a partner for five seconds', async (t) => {
  const flow = slowed(10 * mega)
  const { rate } = flow
  flow.share(0, 100 * mega, 4_999)
  t.equal(flow.rate, rate)
  flow.share(0, 100 * mega, 5_000)
  t.ok(flow.rate > rate)
})

t.test('demand fades', async (t) => {
  const flow = new FlowControl()
  flow.made(2_000, 1, 0)
  t.equal(flow.demand(0), 1_000)
  t.ok(Math.abs(flow.demand(2_000) - 1_000 / Math.E) < 0.001)
  t.ok(flow.demand(60_000) < 1e-6)
})

t.test('a steady flow is demanded as it flows', async (t) => {
  const flow = new FlowControl()
  for (let now = 0; now <= 20_000; now += 10) flow.made(1_000, now, now)
  t.ok(Math.abs(flow.demand(20_000) - 100_000) < 2_000, String(flow.demand(20_000)))
})

t.test('what goes out in any second is the rate and one burst, and an overdraft of one message', async () => {
  const sends = fc.array(fc.record({ after: fc.nat(300), bytes: fc.integer({ min: 1, max: 16_384 }) }), {
    maxLength: 300,
    size: 'max',
  })
  holds(
    fc.property(sends, fc.integer({ min: 10_000, max: 4 * mega }), (sends, bytesPerSecond) => {
      const flow = slowed(bytesPerSecond)
      const burst = Math.max(16 << 10, flow.rate / 10)
      let now = 1_000
      let sent = 0
      flow.allowance(now)
      for (const { after, bytes } of sends) {
        now += after
        if (flow.allowance(now) <= 0) continue
        flow.spend(bytes, now)
        sent += bytes
      }
      assert.ok(sent <= burst + (flow.rate * (now - 1_000)) / 1_000 + 16_384)
    }),
  )
})

t.test('what was overdrawn has to come in first, and when is known from the beginning', async (t) => {
  const flow = slowed(5_000)
  const allowed = flow.allowance(1_000)
  t.equal(flow.readyAt(1_000), 1_000)
  flow.spend(allowed + rateMin / 2, 1_000)
  t.equal(flow.readyAt(1_000), 1_500)
  t.equal(flow.readyAt(1_400), 1_500, 'it does not move away while one waits')
  t.ok(flow.allowance(1_499) <= 0)
  t.ok(flow.allowance(1_501) > 0)
  t.equal(flow.readyAt(1_501), 1_501)
})

t.test('an overdraft is never larger than a burst, so nobody falls silent for long', async (t) => {
  const flow = slowed(5_000)
  flow.allowance(1_000)
  flow.spend(100 * mega, 1_000)
  t.equal(flow.readyAt(1_000), 5_000)
})

t.test('a message is no larger than what may go out at once, within the limit', async (t) => {
  t.equal(slowed(5_000).messageBytes(60 << 10), 16 << 10)
  t.equal(new FlowControl().messageBytes(60 << 10), 60 << 10)
})

t.test('what takes a second to send may wait, within the limit', async (t) => {
  t.ok(about(slowed(10 * mega).patience(100 * mega), 7.5 * mega))
  t.equal(slowed(10 * mega).patience(mega), mega)
  t.equal(slowed(5_000).patience(mega), 16 << 10)
})

t.test('a partner that claims to may send anything at all gives no more than the most there is', async (t) => {
  const [flow, honest] = [new FlowControl(), new FlowControl()]
  flow.share(0, Number.MAX_SAFE_INTEGER, 0)
  honest.share(0, rateMax, 0)
  t.equal(flow.rate, honest.rate)
  flow.share(Number.MAX_SAFE_INTEGER, 1, 0)
  t.ok(flow.rate >= rateMin)
})

t.test('the lag is the age of the first update that the one furthest behind lacks, as heard of late', async (t) => {
  const flow = sending(10 * mega)
  t.equal(flow.lagMs(10_000), 0)
  flow.reported('a', 2, 10_000)
  t.equal(flow.lagMs(10_000), 0, 'it lacks nothing')
  flow.reported('b', 1, 10_000)
  t.equal(flow.lagMs(10_000), 1_500)
  flow.reported('c', 0, 10_000)
  t.equal(flow.lagMs(10_000), 3_000)
  flow.reported('c', 2, 10_100)
  t.equal(flow.lagMs(10_100), 1_500)
  t.equal(flow.lagMs(13_050), 0)
})
