import t from 'tap'
import { watching } from '../../lib/queue/watching.js'

t.test('what is known already is looked at, and what is not ends no watch', async (t) => {
  const seen: unknown[] = []
  const end = (): void => void t.fail('it goes on')
  t.equal(await watching(end, Promise.resolve(Uint8Array.of(1)), (outcome) => seen.push(outcome)), end)
  t.equal(await watching(end, Promise.resolve(undefined), (outcome) => seen.push(outcome)), end)
  t.strictSame(seen, [Uint8Array.of(1)])
})

t.test('a watch that cannot look is over', async (t) => {
  let isOver = false
  const begun = watching(() => void (isOver = true), Promise.reject(new Error('away')), () => t.fail('it saw nothing'))
  await t.rejects(begun, { message: 'away' })
  t.equal(isOver, true)
})
