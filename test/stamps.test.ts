import t from 'tap'
import { isLater, isSameValue, stampBytes, Stamps } from '../lib/stamps.js'

const hour = 3_600_000

function stamped(stamps: Stamps, ...rest: number[]): Uint8Array {
  const bytes = Uint8Array.from([...Array.from({ length: stampBytes }, () => 0), ...rest])
  stamps.write(bytes)
  return bytes
}

t.test('every stamp is later than the ones before, also when the clock stands still or falls', async (t) => {
  let wall = Date.UTC(2026, 0)
  const stamps = new Stamps(() => wall)
  let before = stamped(stamps)
  for (const step of [0, 0, 1, -hour, 5, 2 * hour]) {
    wall += step
    const next = stamped(stamps)
    t.ok(isLater(next, before))
    before = next
  }
})

t.test('a stamp is later than all that its writer has seen, whatever the clocks say', async (t) => {
  const fast = new Stamps(() => Date.UTC(2026, 0) + hour)
  const slow = new Stamps(() => Date.UTC(2026, 0))
  const first = stamped(fast)
  t.notOk(isLater(stamped(slow), first))
  slow.see(first)
  t.ok(isLater(stamped(slow), first))
})

t.test('a stamp from a future that cannot be, or too short to be one, moves no clock', async (t) => {
  const wall = Date.UTC(2026, 0)
  const stamps = new Stamps(() => wall)
  const absurd = Uint8Array.from([0x1f, 255, 255, 255, 255, 255, 255, 1])
  stamps.see(absurd)
  stamps.see(Uint8Array.from([255, 255]))
  t.ok(isLater(absurd, stamped(stamps)))
  const expected = wall * 1_024
  t.equal(stamped(stamps).reduce((sum, byte) => sum * 256 + byte, 0), expected + 1)
})

t.test('of two values of the same time one wins, the same for all; equal values are recognised', async (t) => {
  const wall = () => Date.UTC(2026, 0)
  const a = stamped(new Stamps(wall), 1)
  const b = stamped(new Stamps(wall), 2)
  t.not(isLater(a, b), isLater(b, a))
  t.notOk(isSameValue(a, b))
  const stamps = new Stamps(wall)
  t.ok(isSameValue(stamped(stamps, 7), stamped(stamps, 7)))
})
