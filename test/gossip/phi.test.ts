import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { PhiAccrualDetector, phiOfNormal } from '../../lib/gossip/phi.js'
import { holds } from './fixtures/holds.js'

/** -log10 of the upper normal tail, by Simpson's rule; the peak is factored out, so that nothing underflows. */
function phiBySumming(z: number): number {
  if (z < 0) return -Math.log10(1 - 10 ** -phiBySumming(-z))
  const width = 40 / (z + 4)
  const parts = 20_000
  let sum = 0
  for (let i = 0; i <= parts; i++) {
    const x = (width * i) / parts
    sum += Math.exp(-z * x - (x * x) / 2) * (i === 0 || i === parts ? 1 : i % 2 === 1 ? 4 : 2)
  }
  const tail = (sum * width) / parts / 3 / Math.sqrt(2 * Math.PI)
  return (z * z) / 2 / Math.LN10 - Math.log10(tail)
}

t.test('phi is what the normal distribution says, to six digits, far out too', async (t) => {
  for (const z of [-6, -3, -1, -0.1, 0, 0.1, 0.5, 1, 2, 3, 5, 8, 12, 20, 30]) {
    const [phi, reference] = [phiOfNormal(z), phiBySumming(z)]
    t.ok(Math.abs(phi - reference) <= 1e-6 * Math.max(1, reference), `${z}: ${phi} and ${reference}`)
  }
  t.ok(Math.abs(phiOfNormal(0) - Math.log10(2)) < 1e-7)
  t.ok(Math.abs(phiOfNormal(1.2815515655446004) - 1) < 1e-6, 'one in ten')
  t.ok(Number.isFinite(phiOfNormal(1e6)))
})

t.test('phi rises with the silence and never falls', async () => {
  const intervals = fc.array(fc.integer({ min: 1, max: 3_000 }), { maxLength: 150 })
  holds(
    fc.property(intervals, fc.nat(20_000), fc.nat(20_000), (intervals, a, b) => {
      const detector = new PhiAccrualDetector({ firstIntervalMs: 500 })
      let now = 0
      detector.heartbeat(now)
      for (const interval of intervals) detector.heartbeat((now += interval))
      const [less, more] = [detector.phi(now + Math.min(a, b)), detector.phi(now + Math.max(a, b))]
      assert.ok(less >= 0 && less <= more, `${less} then ${more}`)
    }),
  )
})

t.test('the deadline is when phi reaches the threshold', async () => {
  const intervals = fc.array(fc.integer({ min: 1, max: 3_000 }), { maxLength: 150 })
  holds(
    fc.property(intervals, fc.double({ min: 0.5, max: 300, noNaN: true }), (intervals, threshold) => {
      const detector = new PhiAccrualDetector({ firstIntervalMs: 500, acceptablePauseMs: 100 })
      let now = 0
      detector.heartbeat(now)
      for (const interval of intervals) detector.heartbeat((now += interval))
      const phi = detector.phi(detector.deadline(threshold))
      assert.ok(Math.abs(phi - threshold) < 1e-5 * threshold, `${phi} at the deadline for ${threshold}`)
    }),
  )
})

t.test('before the first heartbeat there is nothing to worry about', async (t) => {
  const detector = new PhiAccrualDetector()
  t.equal(detector.phi(1e9), 0)
  t.equal(detector.deadline(8), Infinity)
  t.equal(detector.lastHeartbeat, undefined)
  detector.forgive(100, 1e9)
  t.equal(detector.phi(1e9), 0)
})

t.test('to expect is to begin the watch without counting an interval', async (t) => {
  const [expected, beaten] = [new PhiAccrualDetector(), new PhiAccrualDetector()]
  expected.expect(5_000)
  beaten.heartbeat(5_000)
  t.equal(expected.phi(6_500), beaten.phi(6_500))
  t.equal(expected.lastHeartbeat, 5_000)
  expected.expect(5_500)
  t.equal(expected.phi(7_000), beaten.phi(6_500))
})

t.test('regular heartbeats do not make a small delay alarming, nor does an acceptable pause', async (t) => {
  const strict = new PhiAccrualDetector({ firstIntervalMs: 500 })
  const patient = new PhiAccrualDetector({ firstIntervalMs: 500, acceptablePauseMs: 1_000 })
  for (let now = 0; now <= 100_000; now += 500) for (const detector of [strict, patient]) detector.heartbeat(now)
  t.ok(strict.phi(100_625) < 1, 'one deviation late')
  t.ok(strict.phi(101_400) > 8)
  t.equal(patient.phi(101_625), strict.phi(100_625))
})

t.test('only the window counts', async (t) => {
  const detector = new PhiAccrualDetector({ firstIntervalMs: 100, windowSize: 10 })
  const fresh = new PhiAccrualDetector({ firstIntervalMs: 100, windowSize: 10 })
  let now = 0
  detector.heartbeat(now)
  for (let i = 0; i < 50; i++) detector.heartbeat((now += 5_000))
  for (let i = 0; i < 10; i++) detector.heartbeat((now += 100))
  let then = 0
  fresh.heartbeat(then)
  for (let i = 0; i < 10; i++) fresh.heartbeat((then += 100))
  t.equal(detector.phi(now + 250), fresh.phi(then + 250))
})

t.test('what the observer slept through is taken out of the silence, and no more than that', async (t) => {
  const detector = new PhiAccrualDetector({ firstIntervalMs: 500 })
  detector.heartbeat(0)
  const usual = detector.phi(600)
  detector.forgive(3_000, 3_600)
  t.equal(detector.phi(3_600), usual)
  detector.forgive(1e9, 4_000)
  t.equal(detector.lastHeartbeat, 4_000, 'never into the future')
})

t.test('a heartbeat of the same moment counts no interval', async (t) => {
  const detector = new PhiAccrualDetector({ firstIntervalMs: 500 })
  const before = new PhiAccrualDetector({ firstIntervalMs: 500 })
  before.heartbeat(0)
  for (let i = 0; i < 100; i++) detector.heartbeat(0)
  t.equal(detector.phi(1_000), before.phi(1_000))
})
