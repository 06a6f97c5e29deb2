import t from 'tap'
import { preamble, sniff } from '../../lib/net/sniff.js'

t.test('the first bytes tell the protocol', async (t) => {
  t.equal(sniff(preamble), 'peer')
  t.equal(sniff(Buffer.concat([preamble, Buffer.from('more')])), 'peer')
  t.equal(sniff(Uint8Array.of(0x16, 3, 1, 0, 5)), 'tls')
  const lines = ['GET / HTTP/1.1', 'POST /x', 'PUT /', 'DELETE /', 'OPTIONS *', 'CONNECT a:1', 'PATCH /', 'PRI *']
  for (const line of lines) {
    t.equal(sniff(Buffer.from(line)), 'http', line)
  }
  const others = ['get / ', 'GETS / ', 'SSH-2.0-', '\0', ' GET', '\x16\x01', '\x89PNG\r\n\x1a\n', '\x89TELEPA\r']
  for (const text of others) {
    t.equal(sniff(Buffer.from(text, 'latin1')), 'unknown', JSON.stringify(text))
  }
})

t.test('it waits while the bytes could still be anything, and never after the eighth', async (t) => {
  t.equal(sniff(new Uint8Array(0)), undefined)
  for (const whole of [preamble, Buffer.from('GET '), Buffer.from('CONNECT '), Uint8Array.of(0x16, 3)]) {
    for (let length = 1; length < whole.length; length++) t.equal(sniff(whole.subarray(0, length)), undefined)
    t.not(sniff(whole), undefined)
  }
  for (let first = 0; first < 256; first++) t.not(sniff(new Uint8Array(8).fill(first)), undefined)
})
