import t from 'tap'
import { Memory } from '../../../simulation/checks/memory.js'

t.test('memory that does not come back is caught', async (t) => {
  const found: string[] = []
  let bytes = 100_000_000
  const memory = new Memory((invariant) => void found.push(invariant), () => bytes)
  memory.begin()
  bytes = 120_000_000
  memory.end()
  t.strictSame(found, [])
  bytes = 140_000_000
  memory.end()
  t.strictSame(found, ['memory comes back'])
})

t.test('what is held is seen, garbage is not', async (t) => {
  const found: string[] = []
  const memory = new Memory((invariant) => void found.push(invariant))
  memory.begin()
  const make = (): number[][] => Array.from({ length: 100 }, () => Array.from({ length: 200_000 }, () => 1))
  t.equal(make().length, 100)
  memory.end()
  t.strictSame(found, [])
  const held = make()
  memory.end()
  t.strictSame(found, ['memory comes back'])
  t.equal(held.length, 100)
})
