import t from 'tap'
import { Beacons } from '../../lib/netcluster/beacon.js'

const beacon = { cluster: 'blue', port: 9_000, session: 'one' }
const key = 'a key of some length'

t.test('without a key it is plain', async t => {
  t.strictSame(new Beacons(undefined).decode(new Beacons(undefined).encode(beacon)), beacon)
})

t.test('with keys the first seals and all open', async t => {
  const sealed = new Beacons([key, 'another']).encode(beacon)
  t.strictSame(new Beacons(['another', key]).decode(sealed), beacon)
  t.strictSame(new Beacons(key).decode(sealed), beacon)
  t.notMatch(sealed.toString('latin1'), /blue/)
  t.notSame(new Beacons(key).encode(beacon), sealed, 'never twice the same bytes')
})

t.test('without the key it means nothing, and a plain one is not believed', async t => {
  const sealed = new Beacons(key).encode(beacon)
  const plain = new Beacons(undefined).encode(beacon)
  t.equal(new Beacons('another').decode(sealed), undefined)
  t.equal(new Beacons(undefined).decode(sealed), undefined)
  t.equal(new Beacons(key).decode(plain), undefined)
})

t.test('a changed bit or a missing byte spoils it', async t => {
  const sealed = new Beacons(key).encode(beacon)
  for (let i = 0; i < sealed.length; i++) {
    const changed = Buffer.from(sealed)
    changed[i]! ^= 1
    t.equal(new Beacons(key).decode(changed), undefined)
    t.equal(new Beacons(key).decode(sealed.subarray(0, i)), undefined)
  }
})

t.test('what is no beacon is none', async t => {
  const plain = (text: string) => new Beacons(undefined).decode(Buffer.from(`NCB0${text}`))
  const wrong = ['{"cluster":"a","port":0,"session":"b"}', '{"cluster":1,"port":1,"session":"b"}']
  for (const text of ['', '7', 'null', '{}', ...wrong]) {
    t.equal(plain(text), undefined, text)
  }
  t.equal(plain(`{"cluster":"a","port":1,"session":"${'x'.repeat(1_100)}"}`), undefined)
})
