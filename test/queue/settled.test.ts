import t from 'tap'
import { settled } from '../../lib/queue/settled.js'

t.test('what is settled is waited for, whichever way, and what is not only for so long', async () => {
  await settled(Promise.resolve(), 2 ** 31 - 1)
  await settled(Promise.reject(new Error('no')), 2 ** 31 - 1)
  await settled(new Promise(() => undefined), 1)
})
