import t from 'tap'
import { seededRandom } from '../../lib/gossip/random.js'
import { RetryBudget } from '../../lib/work/budget.js'
import { Refusal } from '../../lib/work/frame.js'
import { backoffMs, nextStep, type Failure, type Trials } from '../../lib/work/retry.js'

const fresh = (idempotent = false): Trials => ({ idempotent, isTold: false, bounces: 0, moves: 0, losses: 0 })
const refused = (why: Refusal): Failure => ({ kind: 'refused', why, retryAfterMs: 1 })

t.test('busy: two more tries, within the budget', async (t) => {
  const trials = fresh()
  const steps = [1, 2, 3].map(() => nextStep(refused(Refusal.busy), trials, new RetryBudget()))
  t.strictSame(steps, ['elsewhere', 'elsewhere', 'settle'])
})

t.test('about to go, unknown there, or never sent: elsewhere, idempotent or not, but not forever', async (t) => {
  for (const failure of [refused(Refusal.draining), refused(Refusal.unknown), { kind: 'unsent' } as const]) {
    const trials = fresh()
    t.equal(nextStep(failure, trials, new RetryBudget()), 'elsewhere')
    for (let i = 0; i < 15; i++) nextStep(failure, trials, new RetryBudget())
    t.equal(nextStep(failure, trials, new RetryBudget()), 'settle')
  }
})

t.test('lost: only if idempotent, three times in all, and not once something was told', async (t) => {
  const budget = new RetryBudget()
  const lost = { kind: 'lost' } as const
  t.equal(nextStep(lost, fresh(), budget), 'settle')
  const trials = fresh(true)
  t.strictSame([1, 2, 3].map(() => nextStep(lost, trials, budget)), ['later', 'later', 'settle'])
  t.equal(nextStep(lost, { ...fresh(true), isTold: true }, budget), 'settle')
})

t.test('what will not change is not tried again', async (t) => {
  for (const why of [Refusal.denied, Refusal.keyReused, Refusal.tooLarge, Refusal.malformed, Refusal.expired]) {
    t.equal(nextStep(refused(why), fresh(true), new RetryBudget()), 'settle')
  }
})

t.test('the budget: a fifth of the calls in the long run, nothing while most workers are busy', async (t) => {
  const budget = new RetryBudget()
  for (let i = 0; i < 100; i++) budget.spend()
  t.notOk(budget.spend(), 'spent')
  let bounces = 0
  for (let i = 0; i < 1_000; i++) {
    budget.deposit()
    budget.answered(false)
    if (budget.spend()) bounces++
  }
  t.ok(bounces >= 195 && bounces <= 200, String(bounces))
  for (let i = 0; i < 1_000; i++) budget.deposit()
  for (let i = 0; i < 60; i++) budget.answered(true)
  t.notOk(budget.spend(), 'no use')
  for (let i = 0; i < 60; i++) budget.answered(false)
  t.ok(budget.spend())
})

t.test('pauses are drawn from 0 to 50 ms, doubled with each loss', async (t) => {
  const random = seededRandom(1)
  for (const [losses, mostMs] of [[1, 50], [2, 100]] as const) {
    const pauses = Array.from({ length: 500 }, () => backoffMs(losses, random))
    t.ok(Math.min(...pauses) < mostMs / 10 && Math.max(...pauses) > mostMs * 0.9 && Math.max(...pauses) <= mostMs)
  }
})
