import t from 'tap'
import type { Outcome, Scenario, Settings } from '../../../simulation/scenarios/scenario.js'
import { isWell, replay, shrink } from '../../../simulation/scenarios/shrink.js'
import { nothing } from '../fixtures/settings.js'

const asked: Settings = { ...nothing, seed: 5 }

/** Fails as soon as there are pauses, and 37 steps. */
const scenario: Scenario = {
  name: 'chaos',
  about: '',
  options: ['count', 'steps', 'without', 'shrink'],
  run(settings): Outcome {
    const steps = Math.min(300, settings.steps ?? 300)
    const isWrong = steps >= 37 && !settings.without.includes('pause')
    const violation = { invariant: 'x', atMs: 0, peers: [], expected: '', found: '' }
    const violations = isWrong ? [violation] : []
    return { figures: { steps }, violations, isConverged: true, virtualMs: 0, trace: '', curve: [] }
  },
}

t.test('what does not matter is left out, and the run is cut as short as it still fails', async (t) => {
  const least = await shrink(scenario, asked, () => {})
  t.equal(least.steps, 37)
  t.notOk(least.without.includes('pause'))
  t.ok(least.without.includes('clog') && least.without.includes('set'))
  t.notOk(isWell(await scenario.run(least, () => {})))
  t.match(replay(scenario, least, 'simulate'), /^simulate chaos --seed 5 --steps 37 --without stranger,corruption,/)
})

t.test('a run is well when nothing was violated and it converged', async (t) => {
  const well = await scenario.run({ ...asked, steps: 1 }, () => {})
  t.ok(isWell(well))
  t.notOk(isWell({ ...well, isConverged: false }))
})

t.test('the command names all that was asked for', async (t) => {
  const settings: Settings = { ...asked, peers: 4, loss: 0.5, latencyMs: [1, 2], times: 7, seconds: 9, pausing: 0.1 }
  t.equal(
    replay({ ...scenario, name: 'crash', options: ['crashes', 'seconds'] }, settings, 'simulate'),
    'simulate crash --seed 5 --peers 4 --loss 0.5 --latency 1,2 --crashes 7 --seconds 9 --pausing 0.1',
  )
})
