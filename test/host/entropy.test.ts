import t from 'tap'
import { systemRandom } from '../../lib/host/entropy.js'

t.test('no two are alike', async (t) => {
  const draw = (): string => {
    const random = systemRandom()
    return [random.unit(), random.unit()].join()
  }
  t.equal(new Set(Array.from({ length: 100 }, draw)).size, 100)
})
