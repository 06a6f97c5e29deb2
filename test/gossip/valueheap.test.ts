import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { Entry, Kind } from '../../lib/gossip/entry.js'
import { copyOfValue, ValueHeap, valueOf, type Chunk } from '../../lib/gossip/valueheap.js'
import { holds } from './fixtures/holds.js'

const chunkBytesMax = 64 << 10

/** A heap beside a plain map that it must agree with. */
class Model {
  readonly heap = new ValueHeap()
  readonly values = new Map<Entry, Uint8Array>()
  #next = 0

  put(length: number): Entry {
    const entry = new Entry(Kind.set, `k${this.#next}`, ++this.#next, Infinity)
    const value = new Uint8Array(length + 2).fill(this.#next & 255)
    this.heap.put(entry, value, 1, 1 + length)
    this.values.set(entry, value.slice(1, 1 + length))
    return entry
  }

  release(pick: number): void {
    const entry = [...this.values.keys()][pick % this.values.size]
    if (entry === undefined) return
    this.heap.release(entry)
    this.values.delete(entry)
    assert.equal(valueOf(entry).length, 0)
  }

  check(): void {
    const chunks = new Set<Chunk>()
    let live = 0
    for (const [entry, value] of this.values) {
      assert.deepEqual(valueOf(entry), value)
      if (entry.chunk !== undefined) chunks.add(entry.chunk)
      live += value.length
    }
    let held = 0
    for (const chunk of chunks) held += chunk.bytes.length
    assert.ok(held <= 2 * live + chunkBytesMax, `${held} bytes are held for ${live}`)
  }
}

t.test(
  'values stay what they are while others come and go, in no more than twice their memory and a chunk',
  async () => {
    const step = fc.record({
      put: fc.boolean(),
      size: fc.oneof(fc.nat(20), fc.nat(200), fc.nat(3_000)),
      pick: fc.nat(),
    })
    holds(
      fc.property(fc.array(step, { maxLength: 150, size: 'max' }), (steps) => {
        const model = new Model()
        for (const { put, size, pick } of steps) {
          if (put || model.values.size === 0) model.put(size)
          else model.release(pick)
        }
        model.check()
      }),
    )
  },
)

t.test('a million bytes in, and most of them out again: memory comes back', async () => {
  for (const stride of [3, 10, 400]) {
    const model = new Model()
    const entries = Array.from({ length: 20_000 }, () => model.put(50))
    entries.forEach((entry, i) => {
      if (i % stride === 0) return
      model.heap.release(entry)
      model.values.delete(entry)
    })
    model.check()
  }
})

t.test('a value larger than a chunk gets one of its own and leaves the current one open', async (t) => {
  const model = new Model()
  const small = model.put(10)
  const large = model.put(chunkBytesMax + 1)
  const next = model.put(10)
  t.equal(large.chunk?.bytes.length, chunkBytesMax + 1)
  t.equal(next.chunk, small.chunk)
  model.check()
})

t.test('an empty value takes nothing', async (t) => {
  const model = new Model()
  const entry = model.put(0)
  t.equal(entry.chunk, undefined)
  t.same(valueOf(entry), new Uint8Array(0))
  model.heap.release(entry)
})

t.test('to release twice is to release once', async (t) => {
  const model = new Model()
  const [kept, gone] = [model.put(40), model.put(40)]
  model.heap.release(gone)
  model.heap.release(gone)
  t.equal(kept.chunk?.live, 40)
})

t.test('a copy is a copy', async (t) => {
  const model = new Model()
  const entry = model.put(5)
  const copy = copyOfValue(entry)
  copy.fill(0)
  t.not(valueOf(entry)[0], 0)
})
