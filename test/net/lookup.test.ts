import t from 'tap'
import { seededRandom } from '../../lib/gossip/random.js'
import { anyAddress } from '../../lib/net/lookup.js'
import type { FindAll } from '../../lib/net/lookup.js'

const hosts = ['10.0.0.1', '10.0.0.2', '10.0.0.3']
const peers: FindAll = (_host, _options, found) => found(null, hosts.map(address => ({ address, family: 4 })))

t.test('each of the addresses of a name comes first now and then', async t => {
  const random = seededRandom(1)
  const find = anyAddress(() => random.unit(), peers)
  const first = new Map<string, number>()
  for (let i = 0; i < 300; i++) {
    find('peers', { all: true }, (error, addresses) => {
      t.notOk(error)
      const found = Array.isArray(addresses) ? addresses.map(({ address }) => address) : []
      t.strictSame([...found].sort(), hosts, 'all of them, whatever the order')
      first.set(found[0] ?? '', (first.get(found[0] ?? '') ?? 0) + 1)
    })
  }
  for (const host of hosts) t.ok((first.get(host) ?? 0) > 60, `${host}: ${first.get(host)}`)
})

t.test('who wants one address gets one, and any', async t => {
  const random = seededRandom(1)
  const find = anyAddress(() => random.unit(), peers)
  const found = new Set<unknown>()
  for (let i = 0; i < 50; i++) {
    find('peers', {}, (_error, address, family) => {
      t.equal(family, 4)
      found.add(address)
    })
  }
  t.strictSame([...found].sort(), hosts)
})

t.test('the family asked for is passed on, and so are errors', async t => {
  const asked: unknown[] = []
  const failing: FindAll = (host, options, found) => {
    asked.push([host, options])
    found(Object.assign(new Error('no'), { code: 'EAI_AGAIN' }), [])
  }
  anyAddress(undefined, failing)('a', { family: 6 }, error => t.equal(error?.code, 'EAI_AGAIN'))
  const nobody: FindAll = (_host, _options, found) => found(null, [])
  anyAddress(undefined, nobody)('b', {}, error => t.equal(error?.code, 'ENOTFOUND'))
  t.strictSame(asked, [['a', { all: true, family: 6 }]])
})

t.test('without anything given it asks the system', async t => {
  const found = await new Promise(resolve => anyAddress()('localhost', {}, (_error, address) => resolve(address)))
  t.match(found, /^(127\.0\.0\.1|::1)$/)
})
