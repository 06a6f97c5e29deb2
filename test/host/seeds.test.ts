import t from 'tap'
import { Seeds } from '../../lib/host/seeds.js'

t.test('seeds are spelled in one way, each once', async (t) => {
  const seeds = new Seeds({})
  t.equal(seeds.add(':9000'), '127.0.0.1:9000')
  t.equal(seeds.add('[0:0::1]:9000'), '[::1]:9000')
  seeds.add('127.0.0.1:9000')
  seeds.add('Localhost:9001')
  t.strictSame(seeds.of('127.0.0.1:1'), ['127.0.0.1:9000', '[::1]:9000', 'localhost:9001'])
})

t.test('the own address is left out, by whatever name', async (t) => {
  const seeds = new Seeds({ '203.0.113.1': '10.0.0.1' })
  for (const seed of ['127.0.0.1:9000', 'localhost:9000', '203.0.113.1:9000', ':9001']) seeds.add(seed)
  t.strictSame(seeds.of('127.0.0.1:9000'), ['203.0.113.1:9000', '127.0.0.1:9001'])
  t.strictSame(seeds.of('10.0.0.1:9000'), ['127.0.0.1:9000', 'localhost:9000', '127.0.0.1:9001'])
})

t.test('what is no address is refused and named', async (t) => {
  for (const seed of ['', ':', '127.0.0.1:', '127.0.0.1', 'a b:1', ':0', ':65536', '::1:9000', 7, null, undefined]) {
    t.throws(() => new Seeds({}).add(seed), { code: 'ERR_ADDRESS' }, String(seed))
  }
  t.throws(() => new Seeds({}).add('127.0.0.1:'), { message: /"127\.0\.0\.1:"/ })
})
