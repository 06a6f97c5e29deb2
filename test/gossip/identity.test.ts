import t from 'tap'
import { identify, isName, nameBytesMax } from '../../lib/gossip/identity.js'
import { nameOf } from './fixtures/members.js'

t.test('name and incarnation have one id of 48 bits', async (t) => {
  const ids = new Set<number>()
  for (let i = 0; i < 200; i++) {
    for (const incarnation of [1, 2, 2 ** 32, 2 ** 32 + 1, 1_800_000_000_000])
      ids.add(identify(nameOf(i), incarnation).id)
  }
  t.equal(ids.size, 1_000)
  for (const id of ids) if (!Number.isSafeInteger(id) || id < 0 || id >= 2 ** 48) t.fail(String(id))
  t.equal(identify(nameOf(1), 5).id, identify(nameOf(1), 5).id)
})

t.test('where a peer stands on the rings is a matter of its name alone', async (t) => {
  const [a, b] = [identify(nameOf(1), 1), identify(nameOf(1), 2)]
  t.same(a.places, b.places)
  t.not(a.places[0], a.places[1])
})

t.test('the two rings have orders of their own', async (t) => {
  const order = (ring: 0 | 1): string[] =>
    Array.from({ length: 20 }, (_, i) => identify(nameOf(i), 1))
      .sort((a, b) => a.places[ring] - b.places[ring])
      .map(({ name }) => name)
  t.not(order(0).join(), order(1).join())
})

t.test('what could be an address is a name', async (t) => {
  for (const name of [
    '127.0.0.1:9000',
    'localhost:1',
    'peer-7.example.com:65535',
    '[::1]:9000',
    '[fe80::1%eth0]:80'.replace('eth0', 'a0'),
  ]) {
    t.ok(isName(name), name)
  }
})

t.test('what could not is none', async (t) => {
  const long = `${'a'.repeat(nameBytesMax)}:1`
  for (const name of [
    '',
    ':',
    ':9000',
    '127.0.0.1',
    '127.0.0.1:',
    '127.0.0.1:123456',
    'a b:1',
    'a/b:1',
    '::1:9000',
    '[x]:1',
    'a:1\n',
    'a\u0000\n:1',
    long,
  ]) {
    t.notOk(isName(name), JSON.stringify(name))
  }
})
