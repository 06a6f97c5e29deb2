import t from 'tap'
import { kindOf, rejectionKinds, Rejections } from '../lib/rejections.js'
import type { Rejection } from '../lib/types.js'

t.test('each host and reason is told of once in an interval, and all are counted', async (t) => {
  let now = 0
  const told: Rejection[] = []
  const rejections = new Rejections(() => now, (rejection) => told.push(rejection))
  for (let port = 1; port <= 100; port++) rejections.add(`10.0.0.1:${port}`, 'noise')
  rejections.add('10.0.0.1:101', 'no key')
  rejections.add('[::1]:7', 'noise')
  rejections.add('[::1]:8', 'noise')
  now = 9_999
  rejections.add('10.0.0.1:7', 'noise')
  t.strictSame(told, [
    { address: '10.0.0.1:1', reason: 'noise', count: 1 },
    { address: '10.0.0.1:101', reason: 'no key', count: 100 },
    { address: '[::1]:7', reason: 'noise', count: 1 },
  ])
  now = 10_000
  rejections.add('10.0.0.1:7', 'noise')
  t.strictSame(told.at(-1), { address: '10.0.0.1:7', reason: 'noise', count: 3 })
  t.equal(rejections.total, 105)
  t.equal(told.reduce((sum, { count }) => sum + count, 0), 105)
})

t.test('however many hosts there are, only so many are told of', async (t) => {
  let now = 5
  const told: Rejection[] = []
  const rejections = new Rejections(() => now, (rejection) => told.push(rejection))
  for (let i = 0; i < 10_000; i++) rejections.add(`10.0.${i >> 8}.${i & 255}:1`, 'noise')
  t.equal(told.length, 16)
  now += 10_000
  rejections.add('10.9.9.9:1', 'noise')
  t.strictSame(told.at(-1), { address: '10.9.9.9:1', reason: 'noise', count: 10_000 - 15 })
})

t.test('whatever the reason, it is of one of a few kinds', async (t) => {
  const reasons = {
    cluster: ['another cluster', 'another version', 'of cluster "b", not "a"'],
    security: [
      'not sealed with a network key', 'sealed with another network key, or for another cluster', 'replayed',
      'speaks openly, without a key', 'speaks TLS, and no key is set here', 'speaks in the name of 10.0.0.1:9000',
      'not signed by 10.0.0.1:9000', 'has our own name, 10.0.0.1:9000', 'no certificate that counts: EXPIRED',
      'vouched for by a former authority', 'no network key in common',
    ],
    protocol: ['not a peer', 'not a peer: speaks HTTP', 'speaks HTTP', 'not a message', 'not a frame of work'],
    size: ['datagram of 9000 bytes, more than 1400', 'over the limit', 'frame of 99 bytes, more than 9'],
    slow: ['no hello within 5000 ms', 'half a frame for 20000 ms', 'slow to say who it is, and others wait'],
    limit: ['more than 64 connections from 10.0.0.1', 'more than 1024 connections'],
    malformed: ['ends too early', 'unknown kind of message', 'not a peer name', 'malformed hello', 'anything else'],
  }
  for (const [kind, texts] of Object.entries(reasons)) {
    for (const reason of texts) t.equal(kindOf(reason), kind, reason)
  }
  const rejections = new Rejections(() => 0, () => undefined)
  for (const reason of ['not a peer', 'not a peer', 'replayed']) rejections.add('10.0.0.1:1', reason)
  t.match(rejections.byKind, { protocol: 2, security: 1, malformed: 0 })
  t.strictSame(Object.keys(rejections.byKind), [...rejectionKinds])
})
