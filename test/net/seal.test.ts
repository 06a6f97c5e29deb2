import { randomBytes } from 'node:crypto'
import t from 'tap'
import { Keyring } from '../../lib/net/keyring.js'
import { Seal, sealBytes } from '../../lib/net/seal.js'

const [old, young] = ['the old key of the cluster', 'the new key of the cluster']
function sealOf(keys: string[], wall?: () => number, cluster = 'test'): Seal {
  return new Seal(new Keyring(keys, cluster), wall)
}

function text(opened: Uint8Array | string): string {
  return typeof opened === 'string' ? `! ${opened}` : Buffer.from(opened).toString()
}

const parts = [Buffer.from('one '), Buffer.from('two')]

t.test('what one seals another opens, whatever its length, and it is so much longer', async (t) => {
  const [a, b] = [sealOf([old]), sealOf([old])]
  t.equal(text(b.open(a.seal(parts))), 'one two')
  for (const length of [0, 1, 100, 1_360, 70_000]) {
    const message = randomBytes(length)
    const sealed = a.seal([message])
    t.equal(sealed.length, length + sealBytes)
    t.ok(message.equals(b.open(sealed) as Uint8Array))
  }
})

t.test('nothing of the message shows, and equal messages look different', async (t) => {
  const a = sealOf([old])
  const secret = Buffer.alloc(64, 'secret')
  const [one, two] = [a.seal([secret]), a.seal([secret])]
  t.equal(one.indexOf('secret'), -1)
  t.notOk(one.subarray(18).equals(two.subarray(18)))
})

t.test('no nonce comes twice', async (t) => {
  const seals = [sealOf([old]), sealOf([old]), sealOf([old])]
  const nonces = new Set<string>()
  for (let i = 0; i < 3_000; i++) nonces.add(seals[i % 3]!.seal(parts).toString('hex', 6, 18))
  t.equal(nonces.size, 3_000)
})

t.test('each changed, missing or added byte is noticed', async (t) => {
  const b = sealOf([old])
  const sealed = sealOf([old]).seal(parts)
  for (let i = 0; i < sealed.length; i++) {
    const changed = Buffer.from(sealed)
    changed[i]! ^= 1 << (i % 8)
    t.match(text(b.open(changed)), /^! (not )?sealed/, `byte ${i}`)
    t.match(text(b.open(sealed.subarray(0, i))), /^! (not )?sealed/, `${i} bytes`)
  }
  t.match(text(b.open(Buffer.concat([sealed, Buffer.alloc(1)]))), /forged or damaged/)
  t.equal(text(b.open(sealed)), 'one two', 'and none of that spoilt the real one')
})

t.test('other keys and other clusters are told apart from damage', async (t) => {
  const sealed = sealOf([old]).seal(parts)
  t.match(text(sealOf([young]).open(sealed)), /another network key, or for another cluster/)
  t.match(text(sealOf([old], Date.now, 'other').open(sealed)), /another network key, or for another cluster/)
  t.match(text(sealOf([old]).open(Buffer.from('t plain as plain can be, and long enough to be sealed'))), /not sealed/)
})

t.test('keys rotate: peers one step apart understand each other', async (t) => {
  const steps = [[old], [old, young], [young, old], [young]]
  for (const [i, keys] of steps.entries()) {
    for (const other of steps.slice(Math.max(0, i - 1), i + 2)) {
      t.equal(text(sealOf(other).open(sealOf(keys).seal(parts))), 'one two', `${keys} to ${other}`)
    }
  }
})

t.test('a replayed datagram is refused', async (t) => {
  let now = 1_800_000_000_000
  const b = sealOf([old], () => now)
  const a = sealOf([old], () => now)
  const datagrams = Array.from({ length: 500 }, () => a.seal(parts))
  for (const datagram of datagrams) t.equal(text(b.open(datagram)), 'one two')
  for (const datagram of datagrams) t.equal(text(b.open(datagram)), '! replayed')
  now += 29_000
  for (const datagram of datagrams) t.equal(text(b.open(datagram)), '! replayed')
  now += 2_000
  for (const datagram of datagrams) t.match(text(b.open(datagram)), /replayed, or clocks differ: 31 s/)
})

t.test('to one who has just started, what is older than half a minute means nothing', async (t) => {
  const then = 1_800_000_000_000
  const datagrams = [0, 10_000, 20_000].map((ms) => sealOf([old], () => then + ms).seal(parts))
  const fresh = sealOf([old], () => then + 45_000)
  t.strictSame(datagrams.map((each) => text(fresh.open(each))), [
    '! replayed, or clocks differ: 45 s', '! replayed, or clocks differ: 35 s', 'one two',
  ])
})

t.test('a clock that is ahead is as bad as one that is behind', async (t) => {
  const now = 1_800_000_000_000
  const b = sealOf([old], () => now)
  t.equal(text(b.open(sealOf([old], () => now + 29_000).seal(parts))), 'one two')
  t.match(text(b.open(sealOf([old], () => now + 31_000).seal(parts))), /clocks differ/)
})
