import root, { type Test } from 'tap'
import type { OpenOptions, Transport } from '../../lib/net/transport.js'
import { message, Station } from '../net/fixtures/station.js'

/** A way to open the transport under test. */
export interface Variant {
  readonly open: () => Partial<OpenOptions>
  /** What a datagram takes besides what it holds; undefined if there are none. */
  readonly datagramOverheadBytes: number | undefined
}

const plain: Variant = { open: () => ({}), datagramOverheadBytes: 0 }

/** Duties of every transport (see lib/net/transport.ts), on two or three that can reach each other on loopback. */
export async function transportContract(make: () => Transport, variant = plain, t: Test = root): Promise<void> {
  const { open, datagramOverheadBytes } = variant
  const stations = async (t: Test, count: number): Promise<Station[]> => {
    const all = await Promise.all(Array.from({ length: count }, () => new Station(make()).open(open())))
    t.teardown(() => Promise.all(all.map((each) => each.transport.close(0))))
    return all
  }

  const noDatagrams = datagramOverheadBytes === undefined && 'there are none'
  await t.test('a datagram arrives whole, its parts as one', { skip: noDatagrams }, async (t) => {
    const bytes = 13 + (datagramOverheadBytes ?? 0)
    const [a, b] = (await stations(t, 2)) as [Station, Station]
    a.transport.sendDatagram(b.name, [Buffer.from('one '), Buffer.from('two '), Buffer.from('three')])
    t.equal((await b.until('datagram')).text, 'one two three')
    t.match(a.transport.traffic, { datagramsOut: 1, datagramBytesOut: bytes })
    t.match(b.transport.traffic, { datagramsIn: 1, datagramBytesIn: bytes, rejected: 0 })
  })

  await t.test('frames arrive whole, in order, under the name of who sent them', async (t) => {
    const [a, b] = (await stations(t, 2)) as [Station, Station]
    const sent = Array.from({ length: 500 }, (_, i) => `frame ${i} ${'x'.repeat((i * 37) % 3_000)}`)
    for (const text of sent) a.transport.sendFrame(b.name, [Buffer.from(text.slice(0, 3)), Buffer.from(text.slice(3))])
    t.ok(a.transport.backlog(b.name) > 0, 'they wait until the link is up')
    await b.until('frame', (told) => told.text.startsWith('frame 499 '))
    t.strictSame(b.all('frame').map(({ bytes }) => Buffer.from(bytes).toString()), sent)
    t.ok(b.all('frame').every(({ from }) => from === a.name))
    t.equal(a.transport.backlog(b.name), 0)
    t.match(a.transport.traffic, { framesOut: 500, dropped: 0 })
    t.match(b.transport.traffic, { framesIn: 500 })
  })

  await t.test('an answer goes back over the same link', async (t) => {
    const [a, b] = (await stations(t, 2)) as [Station, Station]
    a.transport.sendFrame(b.name, message('question'))
    await b.until('frame')
    b.transport.sendFrame(a.name, message('answer'))
    t.match(await a.until('frame'), { text: 'answer', from: b.name })
    t.strictSame([a, b].map((each) => each.all('linkUp').map(({ peer }) => peer)), [[b.name], [a.name]])
  })

  await t.test('the bytes of a frame are those that were sent, at every size about the chunk', async (t) => {
    const [a, b] = (await stations(t, 2)) as [Station, Station]
    const sizes = [0, 1, 65_535, 65_536, 65_537, 131_072, 131_073, 1_000_000]
    for (const size of sizes) {
      const bytes = Buffer.from(Uint8Array.from({ length: size }, (_, i) => (i * 31) % 251))
      a.transport.sendFrame(b.name, [bytes])
      const told = await b.until('frame', (told) => told.bytes.length === size)
      t.ok(bytes.equals(told.bytes), `${size} bytes`)
    }
  })

  await t.test('a peer that is not there is told of, and its frames are dropped', async (t) => {
    const [a, b] = (await stations(t, 2)) as [Station, Station]
    await b.transport.close()
    a.transport.sendFrame(b.name, message('anybody?'))
    t.match(await a.until('linkDown'), { peer: b.name, how: 'refused' })
    t.equal(a.transport.backlog(b.name), 0)
    t.equal(a.transport.traffic.dropped, 1)
    a.transport.sendDatagram(b.name, message('anybody?'))
  })

  await t.test('what is sent just before closing arrives', async (t) => {
    const [a, b] = (await stations(t, 2)) as [Station, Station]
    a.transport.sendFrame(b.name, [Buffer.alloc(3_000_000)])
    a.transport.sendFrame(b.name, message('goodbye'))
    await a.transport.close(5_000)
    t.equal((await b.until('frame', ({ bytes }) => bytes.length === 3_000_000)).from, a.name)
    await b.until('frame', ({ text }) => text === 'goodbye')
    await b.until('linkDown', ({ peer }) => peer === a.name)
  })

  await t.test('nothing is told after closing, and closing twice is as good as once', async (t) => {
    const [a, b] = (await stations(t, 2)) as [Station, Station]
    a.transport.sendFrame(b.name, message('hello'))
    await b.until('frame')
    await Promise.all([b.transport.close(), b.transport.close()])
    const before = b.told.length
    await a.until('linkDown', ({ peer }) => peer === b.name)
    await b.transport.close()
    b.transport.sendDatagram(a.name, message('ghost'))
    t.equal(b.transport.sendFrame(a.name, message('ghost')), 0)
    if (!noDatagrams) {
      a.transport.sendDatagram(a.name, message('self'))
      await a.until('datagram')
      t.equal(a.all('datagram').length, 1)
    }
    t.equal(b.told.length, before)
  })

  await t.test('both dial at once, and each frame arrives once', async (t) => {
    const [a, b] = (await stations(t, 2)) as [Station, Station]
    const numbers = Array.from({ length: 50 }, (_, i) => `${i}`)
    a.transport.keep([b.name])
    b.transport.keep([a.name])
    for (const number of numbers) {
      a.transport.sendFrame(b.name, message(number))
      b.transport.sendFrame(a.name, message(number))
    }
    await Promise.all([a, b].map((each) => each.until('frame', () => each.all('frame').length >= numbers.length)))
    for (const each of [a, b]) t.strictSame(each.texts().sort(), [...numbers].sort())
    t.strictSame([...a.all('linkDown'), ...b.all('linkDown')], [])
  })

  await t.test('a kept link that ends because the process is gone is told of as refused', async (t) => {
    const [a, b, c] = (await stations(t, 3)) as [Station, Station, Station]
    a.transport.keep([b.name, c.name])
    await a.until('linkUp', ({ peer }) => peer === b.name)
    await a.until('linkUp', ({ peer }) => peer === c.name)
    await b.transport.close(0)
    await a.until('linkDown', ({ peer, how }) => peer === b.name && how === 'refused')
    t.strictSame(a.all('linkDown').filter(({ peer }) => peer === c.name), [])
  })

  await t.test('a peer that is dropped is not told of, and can be reached again', async (t) => {
    const [a, b] = (await stations(t, 2)) as [Station, Station]
    a.transport.sendFrame(b.name, message('one'))
    await b.until('frame')
    a.transport.drop(b.name)
    await b.until('linkDown', ({ peer, how }) => peer === a.name && how === 'closed')
    a.transport.sendFrame(b.name, message('two'))
    await b.until('frame', ({ text }) => text === 'two')
    t.strictSame(a.all('linkDown'), [])
  })

  await t.test('names that are no addresses do no harm', async (t) => {
    const [a] = (await stations(t, 1)) as [Station]
    for (const name of ['', ':', 'nonsense', '1.2.3:5', '127.0.0.1:0', '__proto__', 'a'.repeat(10_000)]) {
      a.transport.sendDatagram(name, message('x'))
      a.transport.sendFrame(name, message('x'))
      await a.until('linkDown', ({ peer, how }) => peer === name && how === 'unreachable')
    }
    t.equal(a.all('error').length, 0)
  })
}
