import t from 'tap'
import { parseCall } from '../../../lib/cli/ncclient/call.js'

t.test('a name and literals', async t => {
  t.strictSame(parseCall('showconfig()'), { name: 'showconfig', values: [] })
  t.strictSame(parseCall(' nc.showchannel ( "A" ) ; '), { name: 'showchannel', values: ['A'] })
  t.strictSame(parseCall(`showclient('A', "b")`), { name: 'showclient', values: ['A', 'b'] })
  t.strictSame(parseCall(`reloadconfig('C:\\\\dir\\\\config.json')`).values, ['C:\\dir\\config.json'])
  t.strictSame(parseCall(`emit('a', { b: [1, true, null] })`).values, ['a', { b: [1, true, null] }])
  t.strictSame(parseCall('nc'), { name: 'nc', values: undefined })
})

t.test('anything else is refused with what can be typed', async t => {
  for (const line of ['1', 'a.b()', 'a;b', 'a = 1', 'a`b`', '(a)()', 'nc.nc.a()']) {
    t.throws(() => parseCall(line), { message: /type a name and literals/ }, line)
  }
  const calls = ['a(b)', 'a(1], [2)', 'a(b())', 'a(1 + 1)', 'a("b)', 'a(,)', 'a(() => 1)', 'a(`x`)', 'a(1), b(2)']
  for (const line of calls) {
    t.throws(() => parseCall(line), { message: /its values are literals|type a name/ }, line)
  }
})
