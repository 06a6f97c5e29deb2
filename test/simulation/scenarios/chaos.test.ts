import t from 'tap'
import { chaos, signed } from '../../../simulation/scenarios/chaos.js'
import { isWell, replay } from '../../../simulation/scenarios/shrink.js'
import { nothing } from '../fixtures/settings.js'

/** Every seed that ever found something wrong: none may do so again. In their time there was no stranger about. */
const seeds = [2, 5, 7, 9, 16, 20, 1020, 1130, 1164, 1172, 2012, 3054, 3057, 5051, 10501]

// on a busy machine they take their time
t.setTimeout(180_000)

for (const seed of seeds) {
  t.test(`seed ${seed}, which failed once, is well`, async (t) => {
    const settings = { ...nothing, seed, without: ['stranger'] }
    const outcome = await chaos.run(settings, () => {})
    t.strictSame(outcome.violations.slice(0, 3), [], replay(chaos, settings, 'npm run simulate --'))
    t.ok(isWell(outcome), 'and the cluster converges')
  })
}

for (const seed of [9, 23]) {
  t.test(`so is seed ${seed} among peers that sign`, async (t) => {
    const settings = { ...nothing, seed }
    const outcome = await signed.run(settings, () => {})
    t.strictSame(outcome.violations.slice(0, 3), [], replay(signed, settings, 'npm run simulate --'))
    t.ok(isWell(outcome), 'and the cluster converges')
  })
}

t.test('a seed draws its own run, and the same each time', async (t) => {
  const run = async (seed: number): Promise<string> => {
    const { trace } = await chaos.run({ ...nothing, seed, steps: 40 }, () => {})
    return trace
  }
  t.equal(await run(1), await run(1))
  t.not(await run(1), await run(2))
})
