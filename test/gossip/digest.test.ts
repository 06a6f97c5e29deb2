import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { counterMax, Reader, varintLength, Writer } from '../../lib/gossip/bytes.js'
import {
  entryBytesMax,
  entryBytesMin,
  readEntries,
  readEntry,
  writeCounted,
  writeEntry,
  writeUnknown,
} from '../../lib/gossip/digest.js'
import { holds } from './fixtures/holds.js'
import { nameOf, stranger } from './fixtures/members.js'

t.test('an entry comes back, within the bytes it is said to take', async () => {
  const counter = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: counterMax }), fc.constant(counterMax))
  holds(
    fc.property(fc.nat(500), counter, counter, fc.boolean(), fc.boolean(), (who, max, gc, incoming, alive) => {
      const member = stranger(nameOf(who))
      member.space.maxVersion = max
      member.space.gcVersion = gc
      if (!alive) member.state = 'dead'
      if (incoming) member.note().incomingUntil = 2_000
      const writer = new Writer()
      writeEntry(writer, member, 1_000)
      const bytes = writer.take()
      assert.deepEqual(readEntry(new Reader(bytes)), { id: member.identity.id, max, gc, alive, incoming })
      assert.ok(bytes.length >= entryBytesMin && bytes.length <= entryBytesMax)
      assert.equal(bytes.length, 6 + varintLength(max) + varintLength(gc * 4 + 3))
    }),
  )
})

t.test('what one has never heard of stands at zero', async (t) => {
  const writer = new Writer()
  writeUnknown(writer, 123_456)
  t.equal(writer.length, entryBytesMin)
  t.same(readEntry(new Reader(writer.take())), { id: 123_456, max: 0, gc: 0, alive: false, incoming: false })
})

t.test('a list comes back in order', async (t) => {
  const members = Array.from({ length: 200 }, (_, i) => stranger(nameOf(i)))
  members.forEach((member, i) => (member.space.maxVersion = i))
  const writer = new Writer()
  writeCounted(writer, members, 0)
  const reader = new Reader(writer.take())
  t.same(
    readEntries(reader).map(({ id, max }) => [id, max]),
    members.map((member, i) => [member.identity.id, i]),
  )
  t.equal(reader.left, 0)
})

t.test('a list that cannot be as long as it says is refused before anything is made of it', async (t) => {
  for (const count of [2, 1_000, Number.MAX_SAFE_INTEGER]) {
    const writer = new Writer()
    writer.varint(count)
    writer.raw(new Uint8Array(entryBytesMin))
    t.throws(() => readEntries(new Reader(writer.take())), { name: 'Malformed' })
  }
})

t.test('a version beyond belief is refused', async (t) => {
  const writer = new Writer()
  writer.u48(1)
  writer.varint(counterMax + 1)
  writer.varint(0)
  t.throws(() => readEntry(new Reader(writer.take())), { name: 'Malformed', message: 'number too large' })
})
