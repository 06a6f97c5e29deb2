import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { Orders } from '../../lib/apps/orders.js'
import { newOrder, type Want } from '../../lib/apps/wants.js'
import { tempFolder } from './fixtures/archive.js'

const now = Date.UTC(2026, 0, 1)
const want = (before?: Want): Want => {
  return { run: true, ...newOrder(before, now), peers: undefined, hash: undefined, version: undefined }
}

t.test('orders outlive their peer, the latest of each app', async t => {
  const folder = await tempFolder(t)
  const orders = new Orders(join(folder, 'orders.json'))
  await orders.load(now)
  const first = want()
  const second = want(first)
  t.ok(orders.take('zoo/echo', first))
  t.ok(orders.take('zoo/echo', second))
  t.notOk(orders.take('zoo/echo', first), 'not the one before')
  t.notOk(orders.take('zoo/echo', second), 'nor the same again')
  t.ok(orders.take('zoo/other', first))
  orders.prove('zoo/echo', first.order)
  t.equal(orders.all.get('zoo/echo')?.isProven, false, 'another order was seen to run')
  orders.prove('zoo/echo', second.order)
  await orders.written()
  t.strictSame(await readdir(folder), ['orders.json'])
  const again = new Orders(join(folder, 'orders.json'))
  await again.load(now)
  t.match([...again.all], [['zoo/echo', { want: second, isProven: true }], ['zoo/other', { isProven: false }]])
})

t.test('a file that makes no sense counts as none, one that makes some as that', async t => {
  const file = join(await tempFolder(t), 'orders.json')
  for (const text of ['', '{', 'null', '7', '{"a":1}', '[null,7,{}]', '[{"app":"../x","want":{}}]']) {
    await writeFile(file, text)
    const orders = new Orders(file)
    await orders.load(now)
    t.equal(orders.all.size, 0, text)
  }
  const good = { app: 'zoo/echo', want: want(), isProven: 'yes' }
  await writeFile(file, JSON.stringify([good, { ...good, app: 'zoo/late', want: { ...want(), at: now * 2 } }]))
  const orders = new Orders(file)
  await orders.load(now)
  t.strictSame([...orders.all.keys()], ['zoo/echo'])
  t.equal(orders.all.get('zoo/echo')?.isProven, false)
})

t.test('a disk that takes nothing does not stop anything', async t => {
  const orders = new Orders(join(await tempFolder(t), 'nowhere', 'orders.json'))
  t.ok(orders.take('zoo/echo', want()))
  await orders.written()
  t.equal(orders.all.size, 1)
})

t.test('names are not made up without end', async t => {
  const file = join(await tempFolder(t), 'orders.json')
  const orders = new Orders(file)
  for (let n = 0; n < 10_010; n++) orders.take(`zoo/${n}`, want())
  t.equal(orders.all.size, 10_000)
  t.ok(orders.take('zoo/7', want(orders.all.get('zoo/7')?.want)), 'those that are known can still be ordered')
  await orders.written()
  t.equal((JSON.parse(await readFile(file, 'utf8')) as unknown[]).length, 10_000)
})
