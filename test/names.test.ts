import fc from 'fast-check'
import t from 'tap'
import { isSystems, storedKey, systemKey, systemName, userKey } from '../lib/names.js'

t.test('any key of a user comes back, and none is taken for the system\'s', async (t) => {
  const key = fc.oneof(fc.string({ minLength: 1 }), fc.string().map((rest) => `\0${rest}`))
  fc.assert(fc.property(key, (text) => userKey(storedKey(text)) === text))
  t.equal(storedKey('plain'), 'plain')
})

t.test('names of the system are nobody else\'s', async (t) => {
  for (const name of ['wl', 'wsjob', 'x']) {
    t.equal(userKey(systemKey(name)), undefined)
    t.equal(systemName(systemKey(name)), name)
    t.ok(isSystems(systemKey(name)))
    t.notOk(isSystems(name))
  }
})
