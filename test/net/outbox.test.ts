import t from 'tap'
import { chunkBytesMax, FrameSplitter } from '../../lib/net/frame.js'
import { type Batch, Outbox } from '../../lib/net/outbox.js'

/** What a receiver makes of batches. */
const received = (batches: readonly Batch[]): number[] => {
  const lengths: number[] = []
  const splitter = new FrameSplitter(1 << 24, (bytes) => lengths.push(bytes.length))
  for (const { buffers } of batches) for (const buffer of buffers) splitter.push(buffer)
  return lengths
}

const takeAll = (outbox: Outbox): Batch[] => {
  const batches: Batch[] = []
  for (let batch = outbox.take(); batch !== undefined; batch = outbox.take()) batches.push(batch)
  return batches
}

const of = (...lengths: number[]): Outbox => {
  const outbox = new Outbox()
  for (const length of lengths) outbox.add([Buffer.alloc(length)])
  return outbox
}

t.test('an empty one has nothing to take', async (t) => {
  t.equal(new Outbox().take(), undefined)
})

t.test('frames of one turn go out in one batch', async (t) => {
  const outbox = of(1, 2, 3)
  const batch = outbox.take()
  t.match(batch, { bytes: 18, frames: 3, buffers: { length: 1 } })
  t.equal(outbox.take(), undefined)
})

t.test('bytes tell exactly what will go out', async (t) => {
  const [one, two, three] = [chunkBytesMax, 2 * chunkBytesMax, 3 * chunkBytesMax]
  for (const lengths of [[0], [1, 2], [one], [one + 1], [5, three, 7], [two, two + 9]]) {
    const outbox = of(...lengths)
    const { bytes, frames } = outbox
    const batches = takeAll(outbox)
    t.equal(batches.reduce((sum, batch) => sum + batch.bytes, 0), bytes, lengths.join())
    t.equal(batches.flatMap(({ buffers }) => buffers).reduce((sum, buffer) => sum + buffer.length, 0), bytes)
    t.equal(batches.reduce((sum, batch) => sum + batch.frames, 0), frames)
    t.strictSame([outbox.bytes, outbox.frames], [0, 0])
  }
})

t.test('a small frame goes before the next chunk of bulk that is under way', async (t) => {
  const outbox = of(10 * chunkBytesMax)
  const batches = [outbox.take()!]
  t.ok(batches[0]!.bytes <= chunkBytesMax + 4, 'one chunk at a time')
  outbox.add([Buffer.alloc(9)])
  batches.push(outbox.take()!)
  t.strictSame(received(batches), [9])
  t.strictSame(received([...batches, ...takeAll(outbox)]), [9, 10 * chunkBytesMax])
})

t.test('many small frames leave in bounded batches and in order', async (t) => {
  const lengths = Array.from({ length: 20_000 }, (_, i) => i % 97)
  const batches = takeAll(of(...lengths))
  t.ok(batches.length > 1)
  t.ok(batches.every(({ bytes }) => bytes < 256 * 1024 + chunkBytesMax + 8))
  t.strictSame(received(batches), lengths)
})

t.test('after a rewind a bulk frame starts anew', async (t) => {
  const outbox = of(3 * chunkBytesMax + 5)
  const { bytes } = outbox
  outbox.take()
  outbox.take()
  t.ok(outbox.bytes < bytes)
  outbox.rewind()
  t.equal(outbox.bytes, bytes)
  t.strictSame(received(takeAll(outbox)), [3 * chunkBytesMax + 5])
})

t.test('frames move to the end of another', async (t) => {
  const outbox = of(1, 2 * chunkBytesMax)
  const other = of(7, 8, 3 * chunkBytesMax)
  other.take()
  const bytes = outbox.bytes + other.bytes
  other.moveTo(outbox)
  t.equal(outbox.bytes, bytes + chunkBytesMax + 4, 'the bulk under way counts whole again')
  t.strictSame([other.bytes, other.frames, other.take()], [0, 0, undefined])
  t.strictSame(received(takeAll(outbox)), [1, 2 * chunkBytesMax, 3 * chunkBytesMax])
})

t.test('clearing tells how many frames are lost', async (t) => {
  const outbox = of(1, 2, 3 * chunkBytesMax)
  outbox.take()
  t.equal(outbox.clear(), 1)
  t.strictSame([outbox.bytes, outbox.frames, outbox.take()], [0, 0, undefined])
})
