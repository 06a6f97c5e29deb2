import t from 'tap'
import { Detection } from '../../../simulation/checks/detection.js'
import { Court } from '../fixtures/court.js'

const failed = { kind: 'peer:stop', peer: 'peer1', reason: 'failed' } as const

function court(): Court<Detection> {
  const made = new Court((bench) => new Detection(bench, 5_000))
  made.meets()
  made.observer.sees('peer1', { state: 'alive' })
  return made
}

function crash(c: Court<Detection>): void {
  c.check.crashed(c.owner, [c.observer])
  c.referee.ended(c.owner, 'crashed')
}

t.test('a crash that is noticed in time is well, and timed', async (t) => {
  const c = court()
  crash(c)
  c.nowMs = 1_500
  c.hears(failed)
  c.nowMs = 9_000
  c.sweeps()
  t.strictSame(c.found, [])
  t.strictSame(c.check.deaths[0]?.tookMs, [1_500])
  t.equal(c.check.falseVerdicts, 0)
})

t.test('a crash that is noticed too late is caught, once', async (t) => {
  const c = court()
  crash(c)
  c.nowMs = 5_001
  c.sweeps()
  c.sweeps()
  t.strictSame(c.found, ['crashes are detected'])
})

t.test('a verdict on one that runs is counted, again only after it was taken back', async (t) => {
  const c = court()
  c.hears(failed)
  t.strictSame([c.check.falseDeaths, c.check.falseVerdicts], [1, 1])
  c.hears({ kind: 'peer:start', peer: 'peer1' }, failed)
  t.strictSame([c.check.falseDeaths, c.check.falseVerdicts], [2, 2])
})

t.test('who knows but an earlier life has nothing to notice of this one', async (t) => {
  const c = court()
  c.referee.began(c.owner, 2)
  crash(c)
  c.nowMs = 5_001
  c.sweeps()
  t.strictSame(c.found, [])
})

t.test('while an observer stood still does not count', async (t) => {
  let stoodStillMs = 100
  const c = new Court((bench) => new Detection(bench, 5_000, () => stoodStillMs))
  c.meets()
  c.observer.sees('peer1', { state: 'alive' })
  crash(c)
  c.nowMs = 2_500
  stoodStillMs = 800
  c.hears(failed)
  t.strictSame(c.check.deaths[0]?.tookMs, [1_800])
  t.equal(c.check.deaths[0]?.tookWithStallsMs, 2_500)
})
