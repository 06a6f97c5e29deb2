import sinon from 'sinon'
import t from 'tap'
import type { Quantiles, SummaryFamily } from '../../lib/metrics/families.js'
import { LoopDelay } from '../../lib/metrics/loop.js'

function quantilesOf(loop: LoopDelay): Quantiles {
  const [[, quantiles]] = (loop.families[0] as SummaryFamily).read() as [readonly [object, Quantiles]]
  if (quantiles === undefined) throw new Error('no quantiles')
  return quantiles
}

/** Keeps the event loop from coming round. */
function stall(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;);
}

const rounds = (n: number): Promise<void> => new Promise((resolve) => {
  const immediate = (left: number): unknown => (left === 0 ? resolve() : setImmediate(() => immediate(left - 1)))
  immediate(n)
})

t.test('a stall shows in the highest quantile, and goes on to count when its window is over', async (t) => {
  const clock = sinon.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const loop = new LoopDelay()
  t.teardown(() => {
    loop.stop()
    clock.restore()
  })
  t.match(quantilesOf(loop), { count: 0, sum: 0 })
  loop.start()
  await until(() => quantilesOf(loop).count > 0)
  stall(150)
  await until(() => (quantilesOf(loop).quantiles.get(1) ?? 0) > 0.1)
  const before = quantilesOf(loop)
  t.ok(before.sum > 0.1)
  t.ok((before.quantiles.get(0.5) ?? NaN) <= (before.quantiles.get(1) ?? NaN))
  clock.tick(30_000)
  t.ok((quantilesOf(loop).quantiles.get(1) ?? 0) > 0.1, 'of the last minute, not of the window only')
  t.ok(quantilesOf(loop).count >= before.count && quantilesOf(loop).sum >= before.sum * 0.999, 'never falls')
  await rounds(10)
  clock.tick(30_000)
  t.ok(quantilesOf(loop).sum >= before.sum * 0.999)
  const active = loop.families[1]
  t.ok(active?.type === 'counter' && [...active.read()].every(([, seconds]) => seconds > 0.1))
})

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await rounds(1)
}
