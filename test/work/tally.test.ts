import t from 'tap'
import { readFigures, Tally, tellFigures, type Figures } from '../../lib/work/tally.js'

const slots = { running: 2, waiting: 1 }

t.test('rates and durations are those since the last time', async t => {
  const tally = new Tally()
  t.ok(tally.isEmpty)
  for (let ms = 1; ms <= 100; ms++) tally.done(ms, ms > 90)
  tally.refuse()
  t.notOk(tally.isEmpty)
  const { p50 = 0, p99 = 0, ...rest } = tally.take(2_000, slots)
  t.strictSame(rest, { running: 2, waiting: 1, calls: 50, errors: 5, refused: 0.5 })
  t.ok(p50 >= 50 && p50 < 60, `${p50}`)
  t.ok(p99 >= 99 && p99 < 119, `${p99}`)
  t.ok(tally.isEmpty)
  t.match(tally.take(1_000, slots), { calls: 0, p50: undefined, p99: undefined })
})

t.test('any duration is counted', async t => {
  const tally = new Tally()
  for (const ms of [0, 0.001, 1e12]) tally.done(ms, false)
  t.match(tally.take(1_000, slots), { calls: 3, p50: 0.05, p99: Number })
})

t.test('figures are told within a bound and read back, and nonsense is none', async t => {
  const figures: Figures = { running: 1, waiting: 2, calls: 3, errors: 4, refused: 5, p50: 6, p99: undefined }
  t.strictSame(readFigures(tellFigures(new Map([['sum', figures]]))), new Map([['sum', figures]]))
  const many = new Map(Array.from({ length: 100 }, (_, i) => [`${i}${'x'.repeat(500)}`, figures]))
  t.ok(JSON.stringify(tellFigures(many)).length < 16_384)
  for (const nonsense of [undefined, null, 1, 'x', {}, [1], [[1, 2]], [[]]]) t.equal(readFigures(nonsense).size, 0)
  t.match(readFigures([['a', -1, 'x', Infinity]]).get('a'), { running: 0, waiting: 0, calls: 0, p50: undefined })
})
