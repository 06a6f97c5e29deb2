import t from 'tap'
import { World } from '../fixtures/world.js'

/** Names that mean something to JavaScript, to patterns, to terminals, or to nobody. */
const names = [
  '__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', '_listeners', 'then', 'length', '0',
  '-1', 'NaN', 'null', 'undefined', '*', '**', ':', '::', 'a::b', ':a', 'a:', ' ', '\0', '\u001b[2J', '\r\n', '\u202e',
  '\ud800', '\udfff\ud800', '\ufeff', '\uffff', '𝄞', 'e\u0301', 'é', 'x'.repeat(1_024), 'constructor:prototype',
  '__proto__:polluted',
]
const tooLong = 'x'.repeat(65_536)

t.test('keys and events of any name are what they are, once each, and set off nothing else', async (t) => {
  const world = new World()
  const a = world.peer(9_000).start()
  const b = world.peer(9_001, [':9000']).start()
  await world.until(() => b.livePeers().length === 1 && a.livePeers().length === 1)
  const known: string[] = []
  const heard: string[] = []
  const single = new Map<string, unknown[]>()
  const errors: unknown[] = []
  b.on('error', (error) => errors.push(error))
  b.know('**', (_peer, value, key) => known.push(`${key} ${String(value)}`))
  b.hear('**', function (data) {
    heard.push(`${this.event} ${String(data)}`)
  })
  for (const name of names) b.on(`own ${name}`, () => t.fail(name))
  for (const [i, name] of names.entries()) {
    if (!name.includes('*')) b.know(name, (_peer, value) => single.set(name, [...(single.get(name) ?? []), value]))
    a.set(name, i)
    a.say(name, i)
    await world.run(20)
    t.equal(a.get(name), i)
    t.equal(b.getRemote(a.name, name), i, JSON.stringify(name.slice(0, 20)))
  }
  await world.run(2_000)
  const all = names.map((name, i) => `${name} ${i}`)
  t.strictSame(known, all)
  t.strictSame(heard, all)
  for (const [name, values] of single) t.strictSame(values, [names.indexOf(name)], JSON.stringify(name))
  t.strictSame(new Set(b.getRemoteKeys(a.name)), new Set(names))
  t.strictSame(new Map(b.entries(a.name)).size, names.length)
  for (const name of names) t.equal(a.delete(name), true)
  await world.run(2_000)
  t.strictSame(b.getRemoteKeys(a.name), [])
  t.equal(({} as Record<string, unknown>)['polluted'], undefined)
  t.strictSame(errors, [])
  await world.stop()
})

t.test('names that cannot be are refused, and nothing has changed', async (t) => {
  const world = new World()
  const a = world.peer(9_000).start()
  await world.run(10)
  for (const use of [(name: string) => a.set(name, 1), (name: string) => a.say(name)]) {
    t.throws(() => use(''), { code: 'ERR_KEY' })
    t.throws(() => use(tooLong), { code: 'ERR_TOO_LARGE' })
    t.throws(() => use('ä'.repeat(513)), { code: 'ERR_TOO_LARGE' })
    for (const wrong of [null, undefined, 7, {}, []] as unknown[]) {
      t.throws(() => use(wrong as string), { code: 'ERR_KEY' })
    }
  }
  t.strictSame(a.keys(), [])
  await world.stop()
})

t.test('peers may be called what objects are made of', async (t) => {
  const world = new World()
  const hosts = ['__proto__', 'constructor', 'tostring', 'localhost']
  const peers = hosts.map((address, i) => world.peer(9_000, i === 0 ? [] : ['__proto__:9000'], { address }).start())
  await world.until(() => peers.every((peer) => peer.livePeers().length === hosts.length - 1))
  for (const peer of peers) peer.set('name', peer.name)
  await world.run(1_000)
  for (const peer of peers) {
    for (const other of peers) t.equal(peer.getRemote(other.name, 'name'), other.name)
    for (const stranger of ['hasOwnProperty', '__proto__', 'valueOf']) {
      t.strictSame([peer.getRemoteKeys(stranger), peer.getRemote(stranger, 'constructor')], [[], undefined])
    }
  }
  await world.stop()
})

t.test('properties of such names arrive as properties, or not at all, and change nothing else', async (t) => {
  const world = new World()
  const a = world.peer(9_000).start()
  const b = world.peer(9_001, [':9000']).start()
  await world.until(() => b.livePeers().length === 1)
  const inner = '{"polluted":true}'
  const value = JSON.parse(`{"__proto__":${inner},"constructor":{"prototype":${inner}},"ok":1}`) as object
  a.set('key', value)
  await world.run(1_000)
  const got = b.getRemote<Record<string, unknown>>(a.name, 'key')
  t.equal(got?.['ok'], 1)
  t.strictSame(got?.['constructor'], { prototype: { polluted: true } })
  t.equal(Object.getPrototypeOf(got), Object.prototype)
  t.equal(got?.['polluted'], undefined)
  t.equal(({} as Record<string, unknown>)['polluted'], undefined)
  await world.stop()
})
