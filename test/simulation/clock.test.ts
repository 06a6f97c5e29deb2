import t from 'tap'
import type { VirtualClock } from '../../simulation/clock.js'
import type { Machine } from '../../simulation/machine.js'
import { World } from '../../simulation/world.js'

function machine(): { world: World; machine: Machine; clock: VirtualClock } {
  const world = new World({ seed: 1 })
  const made = world.addMachine()
  return { world, machine: made, clock: made.boot() }
}

t.test('timers run at their time, once, unless they are taken back', async (t) => {
  const { world, clock } = machine()
  const ran: string[] = []
  clock.after(10, () => void ran.push(`10 at ${clock.now()}`))
  clock.after(5, () => void ran.push(`5 at ${clock.now()}`))
  const cancel = clock.after(7, () => void ran.push('never'))
  clock.soon(() => void ran.push(`soon at ${clock.now()}`))
  t.equal(clock.pending, 4)
  cancel()
  cancel()
  t.equal(clock.pending, 3)
  world.run(100)
  t.strictSame(ran, ['soon at 0', '5 at 5', '10 at 10'])
  t.equal(clock.pending, 0)
})

t.test('a timer that sets itself anew at once does not stop time', async (t) => {
  const { world, clock } = machine()
  let runs = 0
  const again = (): void => {
    runs++
    clock.after(0, again)
  }
  again()
  world.run(1)
  t.ok(runs > 1)
  t.equal(clock.now(), 1)
})

t.test('the date is what the machine takes it for; time is the same everywhere', async (t) => {
  const { world, machine: skewed, clock } = machine()
  const right = world.addMachine().boot()
  skewed.clockSkewMs = -3_600_000
  world.run(1_000)
  t.equal(clock.now(), right.now())
  t.equal(right.wall() - clock.wall(), 3_600_000)
})

t.test('a stalled event loop sees overdue timers first, then input, then the rest', async (t) => {
  const { world, machine: stalled, clock } = machine()
  const ran: string[] = []
  const input = { happen: () => void (stalled.holds('input', input) || ran.push(`input at ${clock.now()}`)) }
  stalled.pause(100)
  world.time.after(10_000, input)
  clock.soon(() => void ran.push(`soon at ${clock.now()}`))
  clock.after(20, () => {
    ran.push(`timer at ${clock.now()}`)
    clock.soon(() => void ran.push('soon after it'))
  })
  world.run(99)
  t.strictSame(ran, [])
  world.run(1)
  t.strictSame(ran, ['timer at 100', 'input at 100', 'soon at 100', 'soon after it'])
})

t.test('the kernel keeps only so many datagrams for a stalled process', async (t) => {
  const { machine: stalled } = machine()
  stalled.pause(100)
  let kept = 0
  const before = { happen: () => void kept++ }
  for (let i = 0; i < 1_000; i++) stalled.holdsDatagram(1_400, before)
  stalled.time.step(200_000)
  while (stalled.time.step(200_000));
  t.equal(kept, Math.ceil(212_992 / (1_400 + 768)))
})

t.test('timers die with the life they were set in', async (t) => {
  const { world, machine: mortal, clock } = machine()
  const ran: string[] = []
  clock.after(10, () => void ran.push('old'))
  mortal.crash(true)
  const next = mortal.boot()
  clock.after(10, () => void ran.push('old, set late'))
  next.after(10, () => void ran.push('new'))
  world.run(100)
  t.strictSame(ran, ['new'])
})
