import t from 'tap'
import { Unsent } from '../../lib/netcluster/unsent.js'

function frames(...lengths: number[]): Uint8Array[] {
  return lengths.map((length, i) => new Uint8Array(length).fill(i + 1))
}

function shown(list: readonly Uint8Array[]): string[] {
  return list.map(frame => `${frame[0]}x${frame.length}`)
}

t.test('frames go out in order, as far as the window lets them', async t => {
  const unsent = new Unsent(1_000)
  for (const frame of frames(10, 10, 10)) unsent.add(frame)
  t.strictSame(shown(unsent.take(25)), ['1x10', '2x10'])
  t.strictSame(shown(unsent.take(25)), [])
  unsent.settle(1)
  t.strictSame(shown(unsent.take(25)), ['3x10'])
  unsent.settle(2)
  t.ok(unsent.isEmpty)
})

t.test('one that is larger than the window goes alone', async t => {
  const unsent = new Unsent(1_000)
  for (const frame of frames(100, 10)) unsent.add(frame)
  t.strictSame(shown(unsent.take(25)), ['1x100'])
  t.strictSame(shown(unsent.take(25)), [])
  unsent.settle(1)
  t.strictSame(shown(unsent.take(25)), ['2x10'])
})

t.test('a copy is kept', async t => {
  const unsent = new Unsent(1_000)
  const frame = new Uint8Array(10).fill(1)
  unsent.add(frame)
  frame.fill(2)
  t.strictSame(shown(unsent.take(25)), ['1x10'])
})

t.test('it says when it is half full, and refuses what is too much', async t => {
  const unsent = new Unsent(100)
  t.equal(unsent.add(new Uint8Array(50)), true)
  t.equal(unsent.add(new Uint8Array(50)), false)
  t.throws(() => unsent.add(new Uint8Array(1)), { code: 'ERR_OVERLOAD', message: /2 messages of 100 bytes wait/ })
  unsent.take(1_000)
  unsent.settle(1)
  t.ok(unsent.hasRoom)
})

t.test('those in flight can be taken out, the others stay', async t => {
  const unsent = new Unsent(1_000)
  for (const frame of frames(10, 10, 10, 10)) unsent.add(frame)
  unsent.take(30)
  unsent.settle(1)
  t.strictSame(shown(unsent.dropInFlight()), ['2x10', '3x10'])
  t.strictSame(shown(unsent.dropInFlight()), [])
  t.strictSame(shown(unsent.take(30)), ['4x10'])
  t.strictSame(shown(unsent.dropAll()), ['4x10'])
  t.ok(unsent.isEmpty)
})

t.test('more confirmations than frames are no harm', async t => {
  const unsent = new Unsent(1_000_000)
  for (let i = 0; i < 5_000; i++) unsent.add(Uint8Array.of(i % 256))
  t.equal(unsent.take(3_000).length, 3_000)
  unsent.settle(4_000)
  t.equal(unsent.take(9_000).length, 2_000, 'those that were not in flight are still there')
  t.equal(unsent.dropAll().length, 2_000)
})
