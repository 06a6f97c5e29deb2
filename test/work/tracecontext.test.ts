import t from 'tap'
import { decodeTrace, encodeTrace, stateBytesMax, traceBytesMax } from '../../lib/work/tracecontext.js'

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

t.test('a trace context reads as it was written', async (t) => {
  for (const tracestate of ['', 'congo=t61rcWkgMzE,rojo=00f067aa0ba902b7', `a=${'x'.repeat(stateBytesMax - 2)}`]) {
    const bytes = encodeTrace({ traceparent, tracestate })
    t.equal(bytes?.length, 25 + tracestate.length)
    t.strictSame(decodeTrace(bytes ?? new Uint8Array(0)), { traceparent, tracestate })
  }
})

t.test('what is no trace parent is not sent', async (t) => {
  for (const bad of [
    '', 'nonsense', traceparent.toUpperCase(), `${traceparent}-00`, traceparent.replace('00-', 'ff-'),
    traceparent.replace(/0af[\da-f]+/, '0'.repeat(32)), traceparent.replace('b7ad6b7169203331', '0'.repeat(16)),
  ]) t.equal(encodeTrace({ traceparent: bad, tracestate: '' }), undefined, bad)
})

t.test('a trace state that is too long or no text is left out, and the parent kept', async (t) => {
  for (const tracestate of [`a=${'x'.repeat(stateBytesMax)}`, 'a=ü', 'a=1\r\nx: y']) {
    const bytes = encodeTrace({ traceparent, tracestate }) ?? new Uint8Array(0)
    t.strictSame(decodeTrace(bytes), { traceparent, tracestate: '' })
  }
})

t.test('bytes that are no trace context are none', async (t) => {
  const whole = encodeTrace({ traceparent, tracestate: 'a=1' }) ?? Buffer.alloc(0)
  for (let length = 0; length < 25; length++) t.equal(decodeTrace(whole.subarray(0, length)), undefined)
  t.equal(decodeTrace(new Uint8Array(25)), undefined, 'ids of nothing but zeros')
  t.equal(decodeTrace(Buffer.concat([whole, Buffer.alloc(traceBytesMax)])), undefined, 'too long')
  t.equal(decodeTrace(Buffer.concat([whole, Buffer.from('\u0007')])), undefined, 'control characters')
})
