import fc from 'fast-check'
import t from 'tap'
import { decodeHello, encodeHello } from '../../lib/net/hello.js'
import { preamble } from '../../lib/net/sniff.js'

const hello = { instance: '0123456789abcdef', serial: 0xfeed_beef, cluster: 'Größe 1', name: '[::1]:9000' }

const frameOf = (bytes: Uint8Array): Uint8Array => bytes.subarray(preamble.length + 4)

t.test('a hello reads back, behind preamble and length', async (t) => {
  const bytes = Buffer.from(encodeHello(hello))
  t.ok(bytes.subarray(0, 8).equals(preamble))
  t.equal(bytes.readUInt32BE(8), bytes.length - 12)
  t.strictSame(decodeHello(frameOf(bytes)), hello)
  t.equal(bytes.length, 8 + 4 + 17 + 9 + 10)
})

t.test('truncated or lengthened, it is no hello', async (t) => {
  const frame = frameOf(encodeHello(hello))
  for (let length = 0; length < frame.length; length++) {
    t.type(decodeHello(frame.subarray(0, length)), 'string', `${length} bytes`)
  }
  t.equal(decodeHello(Buffer.concat([frame, Buffer.from('x')])), 'malformed hello')
})

t.test('another version is told', async (t) => {
  const frame = Buffer.from(frameOf(encodeHello(hello)))
  frame[0] = 2
  t.equal(decodeHello(frame), 'protocol version 2, not 1')
})

t.test('a name that cannot be dialled, or has another spelling, is refused', async (t) => {
  for (const name of ['', ':9000', 'localhost', '127.0.0.1:0', 'LOCALHOST:1', '[0::1]:1', 'a:1\0']) {
    t.match(decodeHello(frameOf(encodeHello({ ...hello, name }))), /^malformed/, JSON.stringify(name))
  }
})

t.test('hostile bytes never throw', async () => {
  const bytes = fc.uint8Array({ maxLength: 80 })
  fc.assert(fc.property(bytes, (rest) => typeof decodeHello(Uint8Array.of(1, ...rest)) === 'string'))
})
