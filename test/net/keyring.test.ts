import { inspect } from 'node:util'
import t from 'tap'
import { Keyring } from '../../lib/net/keyring.js'

const secret = 'correct horse battery staple'

t.test('the first key seals, all are found', async (t) => {
  const ring = new Keyring([secret, 'another key of some length'], 'test')
  const other = new Keyring(['another key of some length'], 'test').first
  t.equal(ring.find(ring.first.id), ring.first)
  t.strictSame(ring.find(other.id), other)
  t.strictSame(ring.identified(other.identity), other)
  t.equal(ring.find(other.id ^ 1), undefined)
  t.equal(ring.identified('__proto__'), undefined)
})

t.test('what is derived differs by key, cluster and purpose, and is the same everywhere', async (t) => {
  const rings = [new Keyring([secret], 'test'), new Keyring([secret], 'other'), new Keyring([`${secret} `], 'test')]
  const derived = rings.flatMap(({ first: { id, datagrams, connections } }) =>
    [id, ...[datagrams, connections].map((key) => key.export().toString('hex'))])
  t.equal(new Set(derived).size, 9)
  t.equal(derived[1]?.toString().length, 64)
  // Pinned: peers of different versions have to understand each other.
  t.equal(new Keyring([secret], 'test').first.identity, pinnedIdentity)
})

t.test('replaced keys are gone', async (t) => {
  const ring = new Keyring([secret], 'test')
  const { id } = ring.first
  ring.replace(['another key of some length'])
  t.equal(ring.find(id), undefined)
  t.not(ring.first.id, id)
})

t.test('printing shows nothing', async (t) => {
  const shown = inspect(new Keyring([secret], 'test').first, { depth: 9, showHidden: true })
  t.match(shown, /SecretKeyObject/)
  t.notMatch(shown, /correct|\d{20}/)
})

const pinnedIdentity = 'cf7cbc47'
