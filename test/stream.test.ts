import t from 'tap'
import { Stream, type StreamOptions } from '../lib/stream.js'

function streamOf(options: StreamOptions = {}) {
  let push: ((item: number) => void) | undefined
  let closed = 0
  const stream = new Stream<number>(options, (to) => {
    push = to
    return () => closed++
  })
  return { stream, push: (item: number) => push?.(item), closed: () => closed }
}

t.test('items come in order, those that wait and those that are waited for', async (t) => {
  const { stream, push } = streamOf()
  push(1)
  push(2)
  t.strictSame([await stream.next(), await stream.next()], [{ done: false, value: 1 }, { done: false, value: 2 }])
  const waiting = [stream.next(), stream.next()]
  push(3)
  push(4)
  t.strictSame((await Promise.all(waiting)).map(({ value }) => value as number), [3, 4])
})

t.test('a slow reader loses the oldest, which are counted', async (t) => {
  const { stream, push } = streamOf({ buffer: 2 })
  for (const item of [1, 2, 3, 4]) push(item)
  t.equal(stream.missed, 2)
  t.equal((await stream.next()).value, 3)
})

t.test('leaving the loop, an abort and the end each close it once', async (t) => {
  const left = streamOf()
  left.push(1)
  for await (const item of left.stream) if (item === 1) break
  t.equal(left.closed(), 1)

  const controller = new AbortController()
  const aborted = streamOf({ signal: controller.signal })
  aborted.push(1)
  const reading = aborted.stream.next().then(() => aborted.stream.next())
  controller.abort()
  t.equal((await reading).done, true)
  t.equal(aborted.closed(), 1)

  const ended = streamOf()
  ended.push(1)
  ended.stream.end()
  ended.stream.end()
  const seen: number[] = []
  for await (const item of ended.stream) seen.push(item)
  t.strictSame(seen, [1], 'what waited is still given')
  t.equal(ended.closed(), 1)
})

t.test('with a signal that has aborted it is over before it begins', async (t) => {
  const { stream, closed } = streamOf({ signal: AbortSignal.abort() })
  t.equal((await stream.next()).done, true)
  t.equal(closed(), 1)
})

t.test('a buffer or signal that is none is refused', async (t) => {
  for (const buffer of [0, -1, 1.5, NaN, '5' as unknown as number]) {
    t.throws(() => streamOf({ buffer }), { code: 'ERR_OPTION' })
  }
  t.throws(() => streamOf({ signal: {} as AbortSignal }), { code: 'ERR_OPTION' })
})
