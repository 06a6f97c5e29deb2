import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { FlowControl } from '../../lib/gossip/flow.js'
import { holds } from './fixtures/holds.js'

const rateMin = 64 << 10
const rateMax = 512 << 20

const mega = 1 << 20

/** One whose rate fell at the time 0, to three quarters of what it had been sending. */
const slowed = (bytesPerSecond: number): FlowControl => {
  const flow = new FlowControl()
  flow.made(2 * bytesPerSecond, 0)
  for (const _ of [1, 2]) flow.exchanged(1e9, 0)
  return flow
}

t.test('a partner that lags by more than a second of ours, twice in a row, makes us slower than we were', async (t) => {
  const flow = new FlowControl()
  const first = flow.rate
  flow.made(20 * mega, 0)
  flow.exchanged(11 * mega, 0)
  flow.exchanged(9 * mega, 0)
  flow.exchanged(11 * mega, 0)
  t.equal(flow.rate, first, 'one in between counts for nothing')
  flow.exchanged(11 * mega, 0)
  t.equal(flow.rate, 7.5 * mega)
})

t.test('four exchanges that show no such lag make us faster by a step', async (t) => {
  const flow = slowed(10 * mega)
  for (let i = 0; i < 3; i++) flow.exchanged(0, 0)
  t.equal(flow.rate, 7.5 * mega)
  flow.exchanged(0, 0)
  t.equal(flow.rate, 7.5 * mega + (256 << 10))
})

t.test('who sends little is not slowed down, however far a partner lags', async (t) => {
  const flow = new FlowControl()
  const first = flow.rate
  for (let i = 0; i < 10; i++) flow.exchanged(1e9, 0)
  t.ok(flow.rate >= first)
})

t.test('the rate stays within its bounds', async (t) => {
  const flow = slowed(rateMin)
  for (let i = 0; i < 200; i++) flow.exchanged(1e9, 0)
  t.equal(flow.rate, rateMin)
  for (let i = 0; i < 9_000; i++) flow.exchanged(0, 0)
  t.equal(flow.rate, rateMax)
})

t.test('partners share what both may send, by demand, and lose nothing of it', async () => {
  const bytes = fc.nat(400 * mega)
  holds(
    fc.property(bytes, bytes, bytes, bytes, (beforeA, beforeB, madeA, madeB) => {
      const [a, b] = [slowed(beforeA), slowed(beforeB)]
      const now = 60_000
      a.made(madeA, now)
      b.made(madeB, now)
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
  flow.share(0, rateMax, 4_999)
  t.equal(flow.rate, rate)
  flow.share(0, rateMax, 5_000)
  t.ok(flow.rate > rate)
})

t.test('demand fades', async (t) => {
  const flow = new FlowControl()
  flow.made(2_000, 0)
  t.equal(flow.demand(0), 1_000)
  t.ok(Math.abs(flow.demand(2_000) - 1_000 / Math.E) < 0.001)
  t.ok(flow.demand(60_000) < 1e-6)
})

t.test('a steady flow is demanded as it flows', async (t) => {
  const flow = new FlowControl()
  for (let now = 0; now <= 20_000; now += 10) flow.made(1_000, now)
  t.ok(Math.abs(flow.demand(20_000) - 100_000) < 2_000, String(flow.demand(20_000)))
})

t.test('what goes out in any second is the rate and one burst, and an overdraft of one message', async () => {
  const sends = fc.array(fc.record({ after: fc.nat(300), bytes: fc.integer({ min: 1, max: 65_536 }) }), {
    maxLength: 300,
    size: 'max',
  })
  holds(
    fc.property(sends, fc.nat(4 * mega), (sends, bytesPerSecond) => {
      const flow = slowed(bytesPerSecond)
      const burst = Math.max(64 << 10, flow.rate / 10)
      let now = 1_000
      let sent = 0
      flow.allowance(now)
      for (const { after, bytes } of sends) {
        now += after
        if (flow.allowance(now) <= 0) continue
        flow.spend(bytes)
        sent += bytes
      }
      assert.ok(sent <= burst + (flow.rate * (now - 1_000)) / 1_000 + 65_536)
    }),
  )
})

t.test('what was overdrawn has to come in first, and when is known from the beginning', async (t) => {
  const flow = slowed(rateMin)
  const allowed = flow.allowance(1_000)
  t.equal(flow.readyAt(1_000), 1_000)
  flow.spend(allowed + rateMin / 2)
  t.equal(flow.readyAt(1_000), 1_500)
  t.equal(flow.readyAt(1_400), 1_500, 'it does not move away while one waits')
  t.ok(flow.allowance(1_499) <= 0)
  t.ok(flow.allowance(1_501) > 0)
  t.equal(flow.readyAt(1_501), 1_501)
})

t.test('an overdraft is never larger than a burst, so nobody falls silent for long', async (t) => {
  const flow = slowed(rateMin)
  flow.allowance(1_000)
  flow.spend(100 * mega)
  t.equal(flow.readyAt(1_000), 2_000)
})

t.test('what takes a second to send may wait, within the limit', async (t) => {
  t.equal(slowed(10 * mega).patience(100 * mega), 7.5 * mega)
  t.equal(slowed(10 * mega).patience(mega), mega)
  t.equal(slowed(rateMin).patience(mega), 64 << 10)
})

t.test('a partner that claims to may send anything at all gives no more than the most there is', async (t) => {
  const [flow, honest] = [new FlowControl(), new FlowControl()]
  flow.share(0, Number.MAX_SAFE_INTEGER, 0)
  honest.share(0, rateMax, 0)
  t.equal(flow.rate, honest.rate)
  flow.share(Number.MAX_SAFE_INTEGER, 1, 0)
  t.ok(flow.rate >= rateMin)
})
