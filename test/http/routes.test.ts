import t from 'tap'
import { Routes, routesOf, type Route } from '../../lib/http/routes.js'

const route = (method: Route['method'], path: string): Route => ({
  method, path, writes: false, summary: '', answer: () => undefined,
})

t.test('a path leads to its route, with what stands for the names', async t => {
  const routes = new Routes()
  const [get, put, app, dotted] = [
    route('GET', '/state/:key*'), route('PUT', '/state/:key*'),
    route('POST', '/apps/:dir/:worker'), route('GET', '/a.b'),
  ] as const
  routes.add([get, put, app, dotted])
  t.match(routes.find('GET', '/state/a/b%20c'), { route: get, names: new Map([['key', 'a/b%20c']]) })
  t.match(routes.find('HEAD', '/state/a'), { route: get })
  t.match(routes.find('POST', '/apps/x/y'), { route: app, names: new Map([['dir', 'x'], ['worker', 'y']]) })
  t.strictSame(routes.find('POST', '/apps/x/y/z'), { allowed: [] })
  t.strictSame(routes.find('GET', '/state/'), { allowed: [] })
  t.strictSame(routes.find('GET', '/aXb'), { allowed: [] }, 'a dot is a dot')
  t.strictSame(routes.find('DELETE', '/state/x'), { allowed: ['GET', 'HEAD', 'PUT'] })
})

t.test('routes can be taken off again, and belong to one peer', async t => {
  const [one, other] = [{}, {}]
  const off = routesOf(one).add([route('GET', '/x')])
  t.equal(routesOf(one).all.length, 1)
  t.equal(routesOf(other).all.length, 0)
  off()
  t.equal(routesOf(one).all.length, 0)
})
