import t from 'tap'
import { toJSON } from '../../lib/http/json.js'

t.test('what JSON knows is written as it is', async t => {
  for (const value of [1, 'text', true, null, [1, [2]], { a: { b: 'c' } }]) {
    t.equal(toJSON(value), JSON.stringify(value))
  }
})

t.test('what JSON does not know is written as the nearest thing', async t => {
  t.equal(toJSON(undefined), 'null')
  t.equal(toJSON([undefined, Number.NaN, Infinity]), '[null,null,null]')
  t.equal(toJSON(12_345_678_901_234_567_890n), '"12345678901234567890"')
  t.equal(toJSON(new Map([['a', new Set([1])]])), '[["a",[1]]]')
  t.equal(toJSON({ at: new Date(0), match: /x/i }), '{"at":"1970-01-01T00:00:00.000Z","match":"/x/i"}')
  t.equal(toJSON({ bytes: Buffer.from('hi'), words: new Uint16Array([1]) }), '{"bytes":"aGk=","words":"AQA="}')
  const error = Object.assign(new TypeError('no'), { code: 'E' })
  t.equal(toJSON(error), '{"name":"TypeError","message":"no","code":"E"}')
})
