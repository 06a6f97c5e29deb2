import t from 'tap'
import { checkPrefix, checkRoute, prefixOf, routeOf } from '../../lib/nanite/names.js'

const prefixes = {
  FooBar: 'foo_bar', fooBARBaz: 'foo_bar_baz', HeadlineCNNNews: 'headline_cnn_news', CNN: 'cnn', Foo1234: 'foo1234',
  '1234Foo': '1234_foo', 'FooBar::Baz': 'foo_bar/baz', MyHTTP: 'my_http', RackWorker: 'rack_worker', Mock: 'mock',
}

for (const [name, prefix] of Object.entries(prefixes)) {
  t.test(`${name} is ${prefix}`, async (t) => t.equal(prefixOf(name), prefix))
}

t.test('routes have single slashes', async (t) => {
  t.equal(routeOf('foo', 'bar'), '/foo/bar')
  t.equal(routeOf('/foo//baz/', 'bar'), '/foo/baz/bar')
})

t.test('prefixes and routes that are none are refused', async (t) => {
  t.equal(checkPrefix('/foo//bar/'), 'foo/bar')
  for (const none of ['', '/', 5, undefined, 'x'.repeat(2_000)]) {
    t.throws(() => checkPrefix(none), { code: 'ERR_KEY', message: /^prefix: / })
  }
  for (const none of ['', 5, undefined, null, '/'.repeat(2_000)]) {
    t.throws(() => checkRoute(none), { code: 'ERR_KEY', message: /^type: / })
  }
})
