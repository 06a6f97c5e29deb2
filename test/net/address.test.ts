import t from 'tap'
import { addressLookup, familyOf, formatAddress, isLoopback, parseAddress, parseHost } from '../../lib/net/address.js'

t.test('addresses are read, and written in their one spelling', async (t) => {
  const table: Record<string, [host: string, port: number, written: string]> = {
    '127.0.0.1:9000': ['127.0.0.1', 9_000, '127.0.0.1:9000'],
    ':9000': ['127.0.0.1', 9_000, '127.0.0.1:9000'],
    'localhost:9000': ['localhost', 9_000, 'localhost:9000'],
    'Peer-1.Example.COM:1': ['peer-1.example.com', 1, 'peer-1.example.com:1'],
    'example.com.:65535': ['example.com', 65_535, 'example.com:65535'],
    'my_service:80': ['my_service', 80, 'my_service:80'],
    '3com.example:80': ['3com.example', 80, '3com.example:80'],
    '[::1]:9000': ['::1', 9_000, '[::1]:9000'],
    '[::]:9000': ['::', 9_000, '[::]:9000'],
    '[2001:DB8:0:0:0:0:0:1]:9000': ['2001:db8::1', 9_000, '[2001:db8::1]:9000'],
    '[::ffff:10.0.0.1]:9000': ['10.0.0.1', 9_000, '10.0.0.1:9000'],
    '[fe80::1%eth0]:9000': ['fe80::1%eth0', 9_000, '[fe80::1%eth0]:9000'],
    '0.0.0.0:0': ['0.0.0.0', 0, '0.0.0.0:0'],
  }
  for (const [text, [host, port, written]] of Object.entries(table)) {
    t.strictSame(parseAddress(text), { host, port }, text)
    t.equal(formatAddress(host, port), written)
    t.strictSame(parseAddress(written), { host, port }, `${written} reads back`)
  }
})

t.test('malformed addresses are refused by name, with what is allowed', async (t) => {
  const malformed = [
    '', ':', '127.0.0.1:', '127.0.0.1', 'localhost', '9000',
    ':65536', ':99999', ':-1', ':+1', ':1.5', ':1e3', ':0x10', ': 1', ':1 ', ':01', 'a:1:2', 'a:1\n', '\na:1',
    '1.2.3:5', '1.2.3.4.5:6', '256.1.1.1:5', '01.2.3.4:5', '1:5', '0x7f:5', '0x7f.0.0.0x1:5',
    '::1:9000', '::1', '[::1]', '[::1]:', '[::1:9000', '::1]:9000', '[]:9000', '[::g]:9000',
    '[127.0.0.1]:9000', '[localhost]:9000',
    'a..b:1', '.a:1', '-a:1', 'a-:1', 'a b:1', 'ä:1', 'a/b:1', 'http://a:1', 'user@a:1',
    `${'a'.repeat(64)}:1`, `${'a.'.repeat(127)}a:1`,
  ]
  for (const text of malformed) {
    t.throws(() => parseAddress(text), { code: 'ERR_ADDRESS', message: JSON.stringify(text) }, JSON.stringify(text))
  }
  for (const value of [undefined, null, 9_000, {}, [':9000'], Symbol('x')]) {
    t.throws(() => parseAddress(value), { code: 'ERR_ADDRESS' })
  }
  const message = '":" is not an address: allowed is host:port, :port or [v6]:port, with a port in 0..65535'
  t.throws(() => parseAddress(':'), { message })
})

t.test('an address to dial needs a port', async (t) => {
  t.throws(() => parseAddress(':0', 1), { code: 'ERR_ADDRESS', message: /1\.\.65535/ })
  t.strictSame(parseAddress(':1', 1), { host: '127.0.0.1', port: 1 })
})

t.test('hosts have one spelling too', async (t) => {
  const table = {
    '::1': '::1',
    '[::1]': '::1',
    'FE80::0:1': 'fe80::1',
    '::ffff:1.2.3.4': '1.2.3.4',
    LocalHost: 'localhost',
    '10.0.0.1': '10.0.0.1',
  }
  for (const [text, host] of Object.entries(table)) t.equal(parseHost(text), host)
  for (const text of ['', '1.2.3', 'a:1', '[::1', '::1]', '[a]', 'a b', 7]) {
    t.throws(() => parseHost(text), { code: 'ERR_ADDRESS' })
  }
})

t.test('a host is of a family, and loopback or not', async (t) => {
  t.strictSame(['::1', '127.0.0.1', 'localhost', 'example.com'].map(familyOf), [6, 4, 0, 0])
  t.strictSame(['::1', '127.0.0.1', '127.9.9.9', 'localhost'].map(isLoopback), [true, true, true, true])
  t.strictSame(['::', '10.0.0.1', 'example.com', 'fe80::1%eth0'].map(isLoopback), [false, false, false, false])
})

t.test('the address map rewrites hosts and whole addresses, whole ones first and one step only', async (t) => {
  const look = addressLookup({
    '10.0.0.1': 'Gateway',
    '10.0.0.1:9001': '[::1]:19001',
    gateway: 'never',
    '[2001:db8::0]': '::1',
    '[2001:db8::0:5]:80': ':8080',
  })
  const at = (text: string): string => {
    const { host, port } = look(parseAddress(text))
    return formatAddress(host, port)
  }
  t.equal(at('10.0.0.1:9000'), 'gateway:9000')
  t.equal(at('10.0.0.1:9001'), '[::1]:19001')
  t.equal(at('[2001:db8::]:7'), '[::1]:7')
  t.equal(at('[2001:db8::5]:80'), '127.0.0.1:8080')
  t.equal(at('10.0.0.2:9000'), '10.0.0.2:9000')
})

t.test('an address map with malformed entries is refused', async (t) => {
  const odd = [['a', 'b:1'], ['a:1', 'b'], ['a b', 'c'], ['a', ''], ['', 'a'], ['a:0', 'b:1'], ['a:1', 'b:0']] as const
  for (const [from, to] of odd) {
    t.throws(() => addressLookup({ [from]: to }), { code: 'ERR_ADDRESS' }, `${from} to ${to}`)
  }
})
