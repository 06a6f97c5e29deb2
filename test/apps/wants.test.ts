import t from 'tap'
import {
  chosenPeers, isLater, newOrder, rankedPeers, readStanding, readWant, type Want, wantedApp,
} from '../../lib/apps/wants.js'

const now = Date.UTC(2026, 0, 1)
const want = (peers?: number): Want => {
  return { run: true, ...newOrder(undefined, now), peers, hash: undefined, version: undefined }
}
const hosts = Array.from({ length: 20 }, (_, n) => `10.0.0.${n}:1`)

t.test('so many peers are chosen, the same ones by everybody', async t => {
  t.strictSame(chosenPeers('a/b', want(), hosts), hosts)
  t.strictSame(chosenPeers('a/b', want(30), hosts), hosts)
  const chosen = chosenPeers('a/b', want(5), hosts)
  t.equal(new Set(chosen).size, 5)
  t.strictSame(chosenPeers('a/b', want(5), hosts.toReversed()), chosen)
  t.notSame(chosenPeers('a/c', want(5), hosts), chosen)
})

t.test('one that comes or goes moves hardly anything', async t => {
  const chosen = chosenPeers('a/b', want(5), hosts)
  const without = chosenPeers('a/b', want(5), hosts.filter(peer => peer !== chosen[0]))
  t.strictSame(without.slice(0, 4), chosen.slice(1))
  const more = chosenPeers('a/b', want(5), [...hosts, '10.0.1.1:1'])
  t.ok(more.filter(peer => chosen.includes(peer)).length >= 4)
})

t.test('all have the same order in which to begin', async t => {
  t.strictSame(rankedPeers('a/b', hosts), rankedPeers('a/b', hosts.toReversed()))
  t.strictSame(rankedPeers('a/b', hosts).slice(0, 5), chosenPeers('a/b', want(5), hosts))
})

t.test('of two orders the later one counts, whatever the clocks say', async t => {
  const first = want()
  const second = { ...first, ...newOrder(first, now - 60_000) }
  t.ok(isLater(second, first), 'given by one whose clock is behind')
  t.notOk(isLater(first, second))
  t.notOk(isLater(first, first))
  t.ok(isLater(first, undefined))
  const [a, b] = [{ ...first, order: 'a' }, { ...first, order: 'b' }]
  t.ok(isLater(b, a) && !isLater(a, b), 'of two at once it is the same one for all')
})

t.test('what makes no sense is no order and no standing', async t => {
  const { order, at } = newOrder(undefined, now)
  t.strictSame(readWant({ run: true, order, at, more: 1 }, now), { ...want(), order, at })
  for (const value of [undefined, 1, {}, { run: 1, order, at }, { run: true, order: '', at }, { run: true, order },
    { run: true, order, at, peers: 0.5 }, { run: true, order, at, hash: 'x' }, { run: true, order, at, version: '1' },
    { run: true, order, at: 0 }, { run: true, order, at: now + 86_400_001 }]) t.equal(readWant(value, now), undefined)
  t.match(readStanding({ state: 'failed', order, error: 'x'.repeat(9_999) }), { error: /^x{2000}$/, tried: false })
  const none = [null, {}, { state: 'great', order }, { state: 'running' }]
  for (const value of none) t.equal(readStanding(value), undefined)
})

t.test('a key names an app, or nothing', async t => {
  t.equal(wantedApp('apps:want:zoo/echo'), 'zoo/echo')
  for (const key of ['apps:want:', 'apps:want:../x', 'apps:at:zoo/echo', 'zoo/echo']) t.equal(wantedApp(key), undefined)
})
