import t from 'tap'
import { Actor } from '../../lib/nanite/index.js'
import { Routes } from '../../lib/nanite/routes.js'

class Foo extends Actor {
  static expose: unknown = ['bar', 'bar', 'index']
  bar(): void {}
  index(): void {}
}

t.test('the longest prefix says which actor, what follows is the method, and nothing is index', async (t) => {
  const [foo, namespaced, plain] = [new Foo(), new Foo(), new Foo()]
  const routes = new Routes()
  routes.register(foo)
  routes.register(namespaced, 'foo/baz')
  routes.register(plain, '/rack//')
  const prefixes = ['/foo', '/foo/baz', '/rack']
  t.strictSame(routes.services, prefixes.flatMap((prefix) => [`${prefix}/bar`, `${prefix}/index`]))
  const led = (route: string): unknown => {
    const action = routes.find(route)
    return action && [action.actor, action.method]
  }
  t.strictSame(led('/foo/bar'), [foo, 'bar'])
  t.strictSame(led('/foo'), [foo, 'index'])
  t.strictSame(led('//foo//index/'), [foo, 'index'])
  t.strictSame(led('/foo/baz/bar'), [namespaced, 'bar'])
  t.strictSame(led('/foo/baz'), [namespaced, 'index'])
  t.strictSame(led('/rack/bar'), [plain, 'bar'])
  for (const none of ['/', '', '/bar', '/foo/none', '/foo/baz/none', '/foo/constructor', '/foo/request']) {
    t.equal(led(none), undefined, none)
  }
})

t.test('an actor takes the place of another with its prefix', async (t) => {
  const routes = new Routes()
  const other = new Foo()
  routes.register(new Foo())
  routes.register(other)
  t.strictSame(routes.services, ['/foo/bar', '/foo/index'])
  t.equal(routes.find('/foo')?.actor, other)
})

t.test('what is exposed and is no method is warned of and left out', async (t) => {
  class Wrong extends Actor {
    static expose = ['nothing', 'text', 'request', 'a/b', 'right', '__proto__']
    text = 'no method'
    'a/b'(): void {}
    right(): void {}
  }
  const warnings = t.capture(process, 'emitWarning')
  const routes = new Routes()
  routes.register(new Wrong())
  t.strictSame(routes.services, ['/wrong/right'])
  t.strictSame(warnings().map(({ args: [text] }) => /exposes "(.*?)"/.exec(String(text))?.[1]), [
    'nothing', 'text', 'request', 'a/b', '__proto__',
  ])
})

t.test('what is no actor is refused', async (t) => {
  const routes = new Routes()
  for (const none of [undefined, null, {}, Foo, 'Foo', new Date()]) {
    t.throws(() => routes.register(none), { code: 'ERR_OPTION', message: /^actor: .* extends Actor$/ })
  }
  t.throws(() => routes.register(new (class extends Actor {})()), { code: 'ERR_KEY' })
  t.throws(() => routes.register(new Foo(), ''), { code: 'ERR_KEY' })
  class Odd extends Foo {
    static override expose = 5
  }
  t.throws(() => routes.register(new Odd()), { code: 'ERR_OPTION', message: /^expose of Odd: 5 given/ })
  class One extends Foo {
    static override expose = 'bar'
  }
  routes.register(new One())
  t.strictSame(routes.services, ['/one/bar'], 'one name need not be in a list')
})
