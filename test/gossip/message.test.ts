import t from 'tap'
import { counterMax, Reader, Writer } from '../../lib/gossip/bytes.js'
import { clusterTag, Message, protocolVersion, readHeader, readName, writeHeader } from '../../lib/gossip/message.js'

const tag = clusterTag('telepathine')
const sender = { name: '127.0.0.1:9000', incarnation: 1_800_000_000_000, beat: 300 }

const header = (change: (bytes: Uint8Array) => void = () => undefined, from = sender): Reader => {
  const writer = new Writer()
  writeHeader(writer, Message.delta, tag, from)
  const bytes = writer.take()
  change(bytes)
  return new Reader(bytes)
}

t.test('a head comes back, and takes as many bytes as it should', async (t) => {
  const reader = header()
  t.equal(reader.left, 11 + 15 + 6 + 2)
  t.same(readHeader(reader, tag), { kind: Message.delta, ...sender })
  t.equal(reader.left, 0)
})

t.test('the first bytes are the protocol, and pinned', async (t) => {
  t.same(header().source.slice(0, 3), Uint8Array.of(0x74, 1, 4))
  t.equal(protocolVersion, 1)
  t.same(Object.values(Message), [1, 2, 3, 4, 5])
})

t.test('what is not for us is told apart from what is broken', async (t) => {
  t.equal(
    readHeader(
      header((bytes) => (bytes[0] = 0x75)),
      tag,
    ),
    'not a message',
  )
  t.equal(readHeader(new Reader(new Uint8Array(10)), tag), 'not a message')
  t.equal(readHeader(new Reader(new Uint8Array(0)), tag), 'not a message')
  t.equal(
    readHeader(
      header((bytes) => (bytes[1] = 2)),
      tag,
    ),
    'another version',
  )
  t.equal(readHeader(header(), clusterTag('another')), 'another cluster')
  t.equal(
    readHeader(
      header((bytes) => (bytes[10]! ^= 1)),
      tag,
    ),
    'another cluster',
  )
})

t.test('a broken head is refused', async (t) => {
  const refused = (reader: Reader, message: string): void => {
    t.throws(() => readHeader(reader, tag), { name: 'Malformed', message })
  }
  const whole = header().source
  for (let length = 11; length < whole.length; length++) refused(new Reader(whole, 0, length), 'ends too early')
  refused(header(undefined, { ...sender, name: 'nobody' }), 'not a peer name')
  refused(header(undefined, { ...sender, name: `${'a'.repeat(300)}:1` }), 'over the limit')
  refused(header(undefined, { ...sender, incarnation: counterMax + 1 }), 'number too large')
  refused(header(undefined, { ...sender, beat: counterMax + 1 }), 'number too large')
})

t.test('clusters have tags of their own', async (t) => {
  const tags = new Set(['', 'a', 'b', 'telepathine', 'Telepathine'].map((cluster) => clusterTag(cluster).join()))
  t.equal(tags.size, 5)
})

t.test('a name is read and checked', async (t) => {
  const writer = new Writer()
  writer.text('[::1]:9000')
  t.equal(readName(new Reader(writer.take())), '[::1]:9000')
})
