import fc from 'fast-check'
import t from 'tap'
import {
  decodeCount, decodeNote, decodePacket, encodeCount, encodeHead, encodeNote, kinds, messageParts,
} from '../../lib/netcluster/packet.js'
import { encodeValue } from '../../lib/values.js'

function message(channel: string, event: string, data: unknown, broadcast = false): Uint8Array {
  const head = encodeHead(channel, event, broadcast)
  return Buffer.concat([head, Buffer.from(encodeValue(data, 1 << 20))])
}

t.test('a message comes back as it was', async t => {
  for (const data of [undefined, null, 0, 'text', { a: [1, { b: true }] }, new Date(5), Buffer.from('bytes'), 7n]) {
    t.same(decodePacket(message('A', 'log', data)), { channel: 'A', broadcast: false, event: 'log', data })
  }
  t.match(decodePacket(message('ü', 'ö:*', 1, true)), { channel: 'ü', broadcast: true, event: 'ö:*' })
  t.equal(message('A', 'log', 'TESTE').length, 5 + 1 + 3 + 6)
})

t.test('a packet prints as in the original', async t => {
  const printed = '{"channel":"A","broadcast":false,"event":"log","data":"TESTE"}'
  t.equal(JSON.stringify(decodePacket(message('A', 'log', 'TESTE'))), printed)
})

t.test('whatever the bytes, they are a message or refused', async t => {
  const whole = message('A', 'log', 'TESTE')
  for (let length = 0; length < whole.length; length++) {
    t.throws(() => decodePacket(whole.subarray(0, length)), { code: 'ERR_VALUE' }, `cut to ${length}`)
  }
  t.equal(messageParts(Buffer.of(kinds.message, 0, 0, 0, 1, 65, 0xc0)), undefined, 'no channel')
  t.equal(messageParts(Buffer.of(kinds.message, 0, 1, 65, 0, 0, 0xc0)), undefined, 'no event')
  t.equal(messageParts(Buffer.of(kinds.message, 2, 1, 65, 0, 1, 65, 0xc0)), undefined, 'flags that mean nothing')
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), bytes => {
    bytes[0] = kinds.message
    try {
      decodePacket(bytes)
      return true
    } catch (error) {
      return (error as { code?: string }).code === 'ERR_VALUE'
    }
  }))
})

t.test('notes and counts come back, and other bytes are none', async t => {
  t.strictSame(decodeNote(kinds.hello, encodeNote(kinds.hello, { a: 1 })), { a: 1 })
  t.equal(decodeNote(kinds.welcome, encodeNote(kinds.hello, { a: 1 })), undefined)
  t.equal(decodeNote(kinds.hello, Buffer.from([kinds.hello, 0x7b])), undefined)
  t.equal(decodeNote(kinds.hello, Buffer.from([kinds.hello, 0x37])), undefined)
  t.equal(decodeCount(encodeCount(kinds.settled, 4_000_000_000)), 4_000_000_000)
  t.equal(decodeCount(Buffer.of(kinds.settled, 1)), 0)
})
