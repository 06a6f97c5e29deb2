import t from 'tap'
import { Router } from '../../lib/net/router.js'

t.test('a route has the name asked for, and where the address map leads', async (t) => {
  const router = new Router({ '10.0.0.1': 'localhost', '10.0.0.2:1': '[::1]:2' })
  t.strictSame(router.route(':9000'), { name: '127.0.0.1:9000', host: '127.0.0.1', port: 9_000, family: 4 })
  t.strictSame(router.route('10.0.0.1:7'), { name: '10.0.0.1:7', host: 'localhost', port: 7, family: 0 })
  t.strictSame(router.route('10.0.0.2:1'), { name: '10.0.0.2:1', host: '::1', port: 2, family: 6 })
  t.equal(router.route('10.0.0.1:7'), router.route('10.0.0.1:7'), 'remembered')
})

t.test('what is no address has no route', async (t) => {
  const router = new Router({})
  for (const to of ['', ':', ':0', 'nonsense', '1.2.3:4']) t.equal(router.route(to), undefined)
})

t.test('however many names come by, it goes on', async (t) => {
  const router = new Router({})
  for (let i = 1; i <= 10_000; i++) router.route(`10.0.0.1:${i}`)
  t.match(router.route('10.0.0.1:1'), { port: 1 })
})

t.test('a host name is looked up once for all who ask, and the answer kept', async (t) => {
  const router = new Router({})
  const ask = (): Promise<unknown> => new Promise((resolve) => router.resolve('localhost', 4, resolve))
  const both = await Promise.all([ask(), ask()])
  t.strictSame(both, ['127.0.0.1', '127.0.0.1'])
  let now: string | undefined
  router.resolve('localhost', 4, (host) => (now = host))
  t.equal(now, '127.0.0.1', 'at once')
})

t.test('no more than so many wait for a host name, and one that does not exist is undefined', async (t) => {
  const router = new Router({})
  let refused = 0
  const ask = (): Promise<unknown> => new Promise((resolve) => router.resolve('nowhere.invalid', 4, resolve))
  const found = Array.from({ length: 64 }, ask)
  for (let i = 0; i < 10; i++) router.resolve('nowhere.invalid', 4, (host) => (refused += host === undefined ? 1 : 0))
  t.equal(refused, 10)
  t.strictSame(new Set(await Promise.all(found)), new Set([undefined]))
})
