import t from 'tap'
import { Mirror } from '../../../lib/http/live/mirror.js'
import { samplesMax, type LiveSnapshot, type PeerRow } from '../../../lib/http/live/protocol.js'

const row: PeerRow = {
  key: 'a:1', state: 'alive', incarnation: 1, since: 0, place: 0, phi: null,
  version: 1, keys: 0, bytes: 0, metadata: '',
}

const snapshot: LiveSnapshot = {
  type: 'snapshot',
  version: 1,
  at: 1,
  self: {
    name: 'a:1', cluster: 'x', incarnation: 1, writes: 'open', mayWrite: true,
    phiThreshold: 8, heartbeatIntervalMs: 500,
  },
  tables: { peers: [row], rumours: [], workers: [], apps: [], queues: [] },
  queue: null,
  history: [[1]],
}

t.test('a snapshot and what follows it make the picture', async t => {
  const mirror = new Mirror()
  t.strictSame(mirror.apply(snapshot), ['peers', 'rumours', 'workers', 'apps', 'queues'])
  const b = { ...row, key: 'b:1' }
  const peers = { set: [b, { key: 'a:1', phi: 3 }] }
  t.strictSame(mirror.apply({ type: 'delta', at: 2, tables: { peers } }), ['peers'])
  t.strictSame([...mirror.peers.values()], [{ ...row, phi: 3 }, b])
  t.strictSame(mirror.apply({ type: 'delta', at: 3, sample: [3] }), [])
  t.strictSame([mirror.at, mirror.history], [3, [[1], [3]]])
  mirror.apply({ type: 'delta', at: 4, tables: { peers: { gone: ['a:1'] } } })
  t.strictSame([...mirror.peers.keys()], ['b:1'])
  mirror.apply(snapshot)
  t.strictSame([[...mirror.peers.keys()], mirror.history], [['a:1'], [[1]]], 'another snapshot takes the place of all')
  for (let at = 0; at < samplesMax + 10; at++) mirror.apply({ type: 'delta', at, sample: [at] })
  t.equal(mirror.history.length, samplesMax)
})
