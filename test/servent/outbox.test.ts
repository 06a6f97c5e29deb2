import t from 'tap'
import { Outbox } from '../../lib/servent/outbox.js'

/** An outbox whose batches are taken in one by one. */
function harness() {
  const batches: number[][] = []
  const errors: unknown[] = []
  let taken: { resolve: () => void; reject: (error: unknown) => void } | undefined
  const outbox = new Outbox({
    send: (batch) => {
      batches.push(batch.map(({ length }) => length))
      return new Promise<void>((resolve, reject) => {
        taken = { resolve, reject }
      })
    },
    failed: (error) => errors.push(error),
  })
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  const take = async (error?: Error): Promise<void> => {
    if (error === undefined) taken?.resolve()
    else taken?.reject(error)
    await settled()
  }
  const post = (...sizes: number[]): boolean[] => sizes.map((size) => outbox.post(Buffer.alloc(size)))
  return { batches, errors, post, settled, take }
}

t.test('what is put in at one go is sent together; what comes meanwhile when that was taken in', async (t) => {
  const { batches, post, settled, take } = harness()
  post(1, 2, 3)
  await settled()
  post(4)
  post(5)
  await settled()
  t.strictSame(batches, [[1, 2, 3]])
  await take()
  t.strictSame(batches, [[1, 2, 3], [4, 5]])
  await take()
  post(6)
  await settled()
  t.strictSame(batches, [[1, 2, 3], [4, 5], [6]])
})

t.test('no more than a MiB is sent together, and what is larger by itself', async (t) => {
  const { batches, post, settled, take } = harness()
  post(600_000, 600_000, 2_000_000, 10, 20)
  await settled()
  for (let i = 0; i < 3; i++) await take()
  t.strictSame(batches, [[600_000], [600_000], [2_000_000], [10, 20]])
})

t.test('what did not get through is reported, and does not keep up what follows', async (t) => {
  const { batches, errors, post, settled, take } = harness()
  post(1)
  await settled()
  post(2)
  await take(new Error('lost'))
  t.match(errors, [{ message: 'lost' }])
  t.strictSame(batches, [[1], [2]])
})

t.test('what waits is bounded, and there is room again when it has gone', async (t) => {
  const { batches, post, settled, take } = harness()
  t.strictSame(post(10 << 20, 20 << 20, 30 << 20, 10 << 20, 1), [true, true, true, false, true])
  await settled()
  await take()
  t.strictSame(post(10 << 20, 30 << 20), [true, false])
  for (let i = 0; i < 3; i++) await take()
  t.strictSame(batches, [[10 << 20], [20 << 20], [30 << 20], [1], [10 << 20]])
})
