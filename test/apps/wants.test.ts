import t from 'tap'
import { chosenPeers, newOrder, readStanding, readWant, type Want } from '../../lib/apps/wants.js'

const want = (peers?: number): Want => ({ run: true, order: newOrder(), peers, hash: undefined, version: undefined })
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

t.test('what makes no sense is no order and no standing', async t => {
  const order = newOrder()
  t.strictSame(readWant({ run: true, order, more: 1 }), { ...want(), order })
  for (const value of [undefined, 1, {}, { run: 1, order }, { run: true, order: '' }, { run: true, order, peers: 0.5 },
    { run: true, order, hash: 'x' }, { run: true, order, version: '1' }]) t.equal(readWant(value), undefined)
  t.match(readStanding({ state: 'failed', order, error: 'x'.repeat(9_999) }), { state: 'failed', error: /^x{2000}$/ })
  const none = [null, {}, { state: 'great', order }, { state: 'running' }]
  for (const value of none) t.equal(readStanding(value), undefined)
})
