import t from 'tap'
import { Census } from '../../lib/http/census.js'
import type { FaceView, Standing } from '../../lib/http/view.js'

/** A peer that knows what it is told here. */
function viewOf(seeds: readonly string[]) {
  const clock = { now: 1_000 }
  const standings = new Map<string, Standing>([['127.0.0.1:1', { state: 'alive', incarnation: 7 }]])
  const view: Pick<FaceView, 'name' | 'metadata' | 'now' | 'allPeers' | 'standing' | 'seeds'> = {
    name: '127.0.0.1:1',
    metadata: { me: true },
    now: () => clock.now,
    allPeers: () => [...standings.keys()].filter(peer => peer !== '127.0.0.1:1'),
    standing: peer => standings.get(peer),
    seeds: () => seeds,
  }
  return { clock, standings, census: new Census(view as FaceView) }
}

t.test('since when each is up or down', async t => {
  const { clock, standings, census } = viewOf(['127.0.0.1:2', '127.0.0.1:9'])
  t.notOk(census.hasJoined)
  t.strictSame(census.unmet(), ['127.0.0.1:2', '127.0.0.1:9'])
  clock.now = 2_000
  standings.set('127.0.0.1:2', { state: 'alive', incarnation: 3 })
  census.see({ kind: 'new', peer: '127.0.0.1:2', metadata: 'two' })
  census.see({ kind: 'start', peer: '127.0.0.1:2' })
  t.ok(census.hasJoined)
  t.strictSame(census.unmet(), ['127.0.0.1:9'])
  t.match(census.members(), [
    { name: '127.0.0.1:1', self: true, since: 1_000, metadata: { me: true }, incarnation: 7 },
    { name: '127.0.0.1:2', self: false, since: 2_000, metadata: 'two', state: 'alive', port: 2 },
  ])
  clock.now = 3_000
  standings.set('127.0.0.1:2', { state: 'dead', incarnation: 3 })
  census.see({ kind: 'stop', peer: '127.0.0.1:2', reason: 'failed' })
  t.match(census.members()[1], { state: 'dead', since: 3_000, metadata: 'two' })
  t.equal(census.firstSeen('127.0.0.1:2'), 2_000, 'not reset when it comes and goes')
  t.equal(census.ageMs, 2_000)
  standings.delete('127.0.0.1:2')
  census.see({ kind: 'forgotten', peer: '127.0.0.1:2' })
  t.equal(census.members().length, 1)
  t.equal(census.firstSeen('127.0.0.1:2'), 1_000, 'nothing is remembered')
})

t.test('who has nobody to meet has joined; the list is in the order of hosts and ports', async t => {
  const { standings, census } = viewOf([])
  t.ok(census.hasJoined)
  const others = ['127.0.0.1:10', '10.0.0.1:5', '127.0.0.1:2']
  for (const peer of others) standings.set(peer, { state: 'alive', incarnation: 1 })
  const names = census.members().map(({ name }) => name)
  t.strictSame(names, ['10.0.0.1:5', '127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:10'])
})
