import t from 'tap'
import { Rejections } from '../lib/rejections.js'
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
