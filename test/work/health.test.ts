import t from 'tap'
import { Health, healthy, mayEject } from '../../lib/work/health.js'

const fails = (health: Health, times: number): boolean[] => Array.from({ length: times }, () => health.failed())

t.test('five failures in a row, with no success between', async (t) => {
  const health = new Health()
  t.strictSame(fails(health, 4), [false, false, false, false])
  health.succeeded()
  t.strictSame(fails(health, 5), [false, false, false, false, true])
})

t.test('left alone for longer each time, until it does well', async (t) => {
  const health = new Health()
  t.equal(health.eject(0), 10_000)
  t.ok(health.isEjected(9_999))
  t.notOk(health.isEjected(10_000))
  t.equal(health.eject(10_000), 30_000)
  for (let i = 0; i < 10; i++) health.eject(0)
  t.equal(health.eject(0), 300_000)
  health.succeeded()
  t.equal(health.eject(0), 10_000)
})

t.test('never more than half of them', async (t) => {
  const places = Array.from({ length: 5 }, () => ({ health: new Health() }))
  let ejected = 0
  for (const { health } of places) {
    if (!mayEject(places, 0)) continue
    health.eject(0)
    ejected++
  }
  t.equal(ejected, 2)
  t.equal(healthy(places, 1).length, 3)
  t.equal(healthy(places, 20_000).length, 5)
  t.equal(healthy(places.slice(0, 3), 1).length, 3, 'more than half, as others have gone: then it is not them')
  t.notOk(mayEject(places.slice(0, 1), 20_000), 'never the only one')
})
