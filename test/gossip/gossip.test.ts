import assert from 'node:assert/strict'
import t from 'tap'
import { defaultConfig } from '../../lib/gossip/config.js'
import type { Notice } from '../../lib/gossip/effects.js'
import { Gossip } from '../../lib/gossip/gossip.js'
import { sumBytes, sumStart } from '../../lib/gossip/hash.js'
import { kindName } from '../../lib/gossip/message.js'
import { seededRandom } from '../../lib/gossip/random.js'
import { Cluster, type Peer } from './fixtures/cluster.js'
import { bytesOf, nameOf, textOf } from './fixtures/members.js'

/** Peers of a cluster by place; there have to be as many. */
const first = (cluster: Cluster): [Peer, Peer, ...Peer[]] => cluster.peers as [Peer, Peer, ...Peer[]]

const everybodyKnows = (cluster: Cluster, key: string, value: string | undefined, of: Peer) => () =>
  cluster.peers.every((peer) => !peer.up || peer.get(of, key) === value)

/** Everybody up but `gone` was told that it stopped. */
const allToldOfStop = (cluster: Cluster, gone: Peer) => () =>
  cluster.peers.every((peer) => peer === gone || !peer.up || peer.toldAt('peer:stop', gone) !== undefined)

t.test('life with others', async (t) => {
  t.test('peers that join through one seed get to know each other, once each', async (t) => {
    const cluster = new Cluster()
    for (let i = 0; i < 6; i++) cluster.add({ metadata: bytesOf(`m${i}`) }).start(100 + i, cluster.peers.slice(0, 1))
    cluster.until(() => cluster.isWhole(), 500)
    cluster.run(5_000)
    for (const peer of cluster.peers) {
      const others = cluster.peers.filter((other) => other !== peer)
      t.same(peer.live(), others.map(({ name }) => name).sort())
      for (const kind of ['peer:new', 'peer:start'] as const) {
        t.same(
          peer
            .told(kind)
            .map((notice) => notice.peer)
            .sort(),
          peer.live(),
        )
      }
      for (const { peer: name, incarnation, metadata } of peer.told('peer:new')) {
        const i = cluster.peers.findIndex((other) => other.name === name)
        t.same([incarnation, textOf(metadata)], [100 + i, `m${i}`])
      }
      t.same(peer.gossip.peers('dead'), [])
      t.same(peer.told('rejected'), [])
    }
  })

  t.test('a seed that is not there yet is found when it comes', async (t) => {
    const cluster = new Cluster()
    const [early, late] = [cluster.add(), cluster.add()]
    early.start(1, [late])
    cluster.run(10_000)
    t.same(early.live(), [])
    late.start(1)
    t.ok(cluster.until(() => cluster.isWhole(), 2_000) <= 1_100)
  })

  t.test('a peer is told about itself nothing', async (t) => {
    const cluster = Cluster.formed(3)
    const [one] = first(cluster)
    one.set('a', '1', 1_000)
    one.say('hello')
    one.delete('a')
    cluster.run(3_000)
    t.same(
      one.notices.filter(({ notice }) => 'peer' in notice && notice.peer === one.name),
      [],
    )
    t.notOk(one.gossip.join(one.name))
    t.notOk(one.gossip.peers('all').includes(one.name))
    t.equal(one.gossip.peer(one.name)?.state, 'alive')
  })

  t.test('one who comes late learns all', async (t) => {
    const cluster = Cluster.formed(4)
    const [one] = first(cluster)
    one.set('a', '1')
    one.set('b', '2')
    one.delete('b')
    one.say('lasting', 'x', 60_000)
    one.say('short', 'y', 1_000)
    cluster.run(2_000)
    const late = cluster.add().start(1, [cluster.peers[1] as Peer])
    cluster.until(() => cluster.isWhole() && late.get(one, 'a') === '1', 1_000)
    cluster.run(1_000)
    t.same(late.keys(one), ['a'])
    t.same(
      late.told('event').map(({ event }) => event),
      ['lasting'],
    )
    t.same(late.told('delete'), [])
  })
})

t.test('state', async (t) => {
  t.test('what one sets all others know within milliseconds, and are told once', async (t) => {
    const cluster = Cluster.formed(12)
    const [one, ...others] = first(cluster)
    one.set('colour', 'green')
    t.ok(cluster.until(everybodyKnows(cluster, 'colour', 'green', one), 100) <= 20)
    cluster.run(5_000)
    for (const other of others) {
      t.same(other.told('set'), [
        { kind: 'set', peer: one.name, key: 'colour', value: bytesOf('green'), deadline: undefined },
      ])
    }
  })

  t.test('what is lost along one ring comes along the other', async (t) => {
    const cluster = Cluster.formed(30, {}, 2)
    const [one, ...others] = first(cluster)
    cluster.loss = 0.1
    let reached = 0
    for (let i = 0; i < 30; i++) {
      one.set('k', String(i))
      // sooner than anything could be mended
      cluster.run(8)
      reached += others.filter((other) => other.get(one, 'k') === String(i)).length
      cluster.run(492)
    }
    t.ok(reached / 30 / others.length > 0.93, `${reached} of ${30 * others.length}`)
  })

  t.test('what is lost on the way is mended', async (t) => {
    const cluster = Cluster.formed(12, {}, 3)
    const [one] = first(cluster)
    cluster.loss = 0.3
    for (let i = 0; i < 20; i++) {
      one.set(`k${i}`, String(i))
      cluster.run(50)
    }
    t.ok(cluster.until(() => cluster.peers.every((peer) => peer.keys(one).length === 20), 2_000) < 1_000)
    cluster.run(1_000)
    for (const peer of cluster.peers.slice(1)) t.equal(peer.told('set').length, 20)
  })

  t.test('a deleted key is gone everywhere, and told as such', async (t) => {
    const cluster = Cluster.formed(5)
    const [one, ...others] = first(cluster)
    one.set('a', '1')
    cluster.run(50)
    t.ok(one.delete('a'))
    t.notOk(one.delete('a'))
    t.equal(one.get(one, 'a'), undefined)
    cluster.run(50)
    for (const other of others) {
      t.equal(other.get(one, 'a'), undefined)
      t.same(other.told('delete'), [{ kind: 'delete', peer: one.name, key: 'a' }])
    }
    cluster.run(130_000)
    for (const other of others) t.same(other.keys(one), [])
  })

  t.test('a key ends in its time, at its owner and at all others, and all are told once', async (t) => {
    const cluster = Cluster.formed(4)
    const [one] = first(cluster)
    const start = cluster.now
    one.set('a', '1', 1_000)
    cluster.run(900)
    t.ok(everybodyKnows(cluster, 'a', '1', one)())
    cluster.run(140)
    t.ok(everybodyKnows(cluster, 'a', undefined, one)())
    cluster.run(5_000)
    for (const peer of cluster.peers) {
      const expired = peer.told('expired')
      t.equal(expired.length, 1)
      t.same([expired[0]?.key, expired[0] && textOf(expired[0].value)], ['a', '1'])
      const at = peer.toldAt('expired', one) as number
      t.ok(at >= start + 1_000 && at <= start + 1_040, `after ${at - start} ms`)
      t.same(peer.told('delete'), [])
    }
  })

  t.test('a key set again in time does not end', async (t) => {
    const cluster = Cluster.formed(3)
    const [one, other] = first(cluster)
    one.set('a', '1', 1_000)
    cluster.run(500)
    one.set('a', '2')
    cluster.run(5_000)
    t.equal(other.get(one, 'a'), '2')
    t.same(other.told('expired'), [])
  })

  t.test('a value of a megabyte arrives as it left', async (t) => {
    const cluster = Cluster.formed(5)
    const [one, ...others] = first(cluster)
    const value = new Uint8Array(1 << 20).map((_, i) => (i * 31) & 255)
    one.gossip.set('large', value, undefined, cluster.now)
    one.tick()
    cluster.until(() => others.every((other) => other.keys(one).includes('large')), 1_000)
    for (const other of others)
      t.ok(Buffer.from(value).equals(other.gossip.get(one.name, 'large', cluster.now)?.value as Uint8Array))
  })

  t.test('ten thousand keys come in bulk to one who joins, and the peer is there before they are', async (t) => {
    const cluster = Cluster.formed(2)
    const [one] = first(cluster)
    for (let i = 0; i < 10_000; i++)
      one.gossip.set(`key ${i}`, bytesOf(`value ${i}`.padEnd(80, '.')), undefined, cluster.now)
    one.tick()
    cluster.until(() => cluster.peers.every((peer) => peer.keys(one).length === 10_000), 5_000)
    cluster.streamBytesPerMs = 10_000
    const late = cluster.add().start(1, [cluster.peers[1] as Peer])
    const sent = cluster.sent.stream
    cluster.until(() => late.live().length === 2, 500)
    t.ok(late.keys(one).length < 10_000)
    t.ok(cluster.until(() => late.keys(one).length === 10_000, 5_000) < 500)
    t.ok(cluster.sent.stream - sent < 200, `${cluster.sent.stream - sent} messages`)
    t.equal(late.get(one, 'key 9999'), 'value 9999'.padEnd(80, '.'))
    t.equal(late.told('set').length, 10_000)
  })

  t.test('a partition heals, and both sides end with the same', async (t) => {
    const cluster = Cluster.formed(6)
    const [left, right] = [cluster.peers.slice(0, 3), cluster.peers.slice(3)]
    const cut = (isCut: boolean): void => left.forEach((a) => right.forEach((b) => cluster.cut(a, b, isCut)))
    const whole = (peer: Peer) =>
      cluster.peers.filter((other) => other !== peer).every((other) => peer.keys(other).includes('meanwhile'))
    cut(true)
    cluster.run(10_000)
    for (const peer of cluster.peers) {
      t.equal(peer.live().length, 2)
      peer.set('meanwhile', peer.name)
    }
    cluster.run(10_000)
    cut(false)
    t.ok(cluster.until(() => cluster.isWhole() && cluster.peers.every(whole), 10_000) < 5_000)
    for (const peer of cluster.peers) t.equal(peer.told('peer:new').length, 5, 'they are not new')
  })
})

t.test('events', async (t) => {
  t.test('each is heard once by everybody else, in the order they were said, whatever is lost', async (t) => {
    const cluster = Cluster.formed(10, {}, 5)
    const speakers = cluster.peers.slice(0, 3)
    cluster.loss = 0.1
    for (let i = 0; i < 100; i++) {
      for (const speaker of speakers) speaker.say('count', String(i))
      cluster.run(i % 10 === 0 ? 30 : 1)
    }
    cluster.loss = 0
    cluster.run(3_000)
    for (const peer of cluster.peers) {
      for (const speaker of speakers) {
        const heard = peer
          .told('event')
          .filter((notice) => notice.peer === speaker.name)
          .map(({ value }) => Number(textOf(value)))
        t.same(heard, peer === speaker ? [] : Array.from({ length: 100 }, (_, i) => i))
      }
      t.same(peer.told('missed'), [])
    }
  })

  t.test('what a bound has dropped before it was heard is reported with its number', async (t) => {
    const cluster = Cluster.formed(4, { maxEventBytes: 2_000 })
    const [one, other, ...rest] = first(cluster)
    one.say('before')
    cluster.run(100)
    for (const peer of [one, ...rest]) cluster.cut(peer, other)
    for (let i = 0; i < 100; i++) one.say('count', String(i))
    cluster.run(300)
    for (const peer of [one, ...rest]) cluster.cut(peer, other, false)
    cluster.run(3_000)
    const heard = other
      .told('event')
      .filter(({ event }) => event === 'count')
      .map(({ value }) => Number(textOf(value)))
    const missed = other.told('missed')
    t.ok(heard.length > 0 && heard.length < 20)
    t.same(
      heard,
      heard.map((_, i) => 100 - heard.length + i),
      'the last ones',
    )
    t.same(missed, [{ kind: 'missed', peer: one.name, count: 100 - heard.length }])
    for (const peer of rest) t.equal(peer.told('event').length, 101)
  })

  t.test('one that may wait goes out with the next word, or soon', async (t) => {
    const cluster = Cluster.formed(3)
    const [one, other] = first(cluster)
    one.gossip.say('patient', bytesOf(''), 20_000, true, cluster.now)
    one.tick()
    cluster.run(1_200)
    t.same(
      other.told('event').map(({ event }) => event),
      ['patient'],
    )
    one.gossip.say('patient too', bytesOf(''), 20_000, true, cluster.now)
    one.set('urgent', '')
    cluster.run(20)
    t.equal(other.told('event').length, 2)
  })
})

t.test('death and return', async (t) => {
  t.test('who leaves is known to have left at once, and is not missed', async (t) => {
    const cluster = Cluster.formed(10)
    const [one, ...others] = first(cluster)
    one.set('a', '1')
    cluster.run(100)
    one.leave()
    t.ok(cluster.until(allToldOfStop(cluster, one), 1_000) <= 20)
    cluster.run(10_000)
    for (const other of others) {
      t.same(other.told('peer:stop'), [{ kind: 'peer:stop', peer: one.name, reason: 'left' }])
      t.same(other.gossip.peers('dead'), [one.name])
      t.equal(other.gossip.peer(one.name)?.state, 'left')
      t.equal(other.get(one, 'a'), '1', 'what it said is still known')
    }
    t.equal(one.gossip.nextWake(), Infinity)
  })

  for (const size of [2, 3, 5, 16]) {
    t.test(`of ${size}, one that falls silent is known to be dead in less than three seconds`, async (t) => {
      const cluster = Cluster.formed(size, {}, size)
      const silent = cluster.peers.at(-1) as Peer
      silent.silent = true
      const took = cluster.until(allToldOfStop(cluster, silent), 5_000)
      t.ok(took > 1_000 && took < 3_000, `${took} ms`)
      for (const peer of cluster.peers) {
        if (peer !== silent)
          t.same(peer.told('peer:stop'), [{ kind: 'peer:stop', peer: silent.name, reason: 'failed' }])
      }
    })
  }

  t.test('where nobody listens any more, all know at once', async (t) => {
    const cluster = Cluster.formed(12)
    const [, other] = first(cluster)
    other.crash()
    t.ok(cluster.until(allToldOfStop(cluster, other), 1_000) <= 20)
  })

  t.test('heavy loss convicts nobody', async (t) => {
    const cluster = Cluster.formed(8, {}, 11)
    cluster.loss = 0.2
    cluster.run(60_000)
    for (const peer of cluster.peers) t.same(peer.told('peer:stop'), [])
  })

  t.test('a suspect that gives a sign of life in time is acquitted, and nobody is told', async (t) => {
    const cluster = Cluster.formed(6)
    const [suspect, ...others] = first(cluster)
    const isSuspected = (peer: Peer): boolean => peer.gossip.peer(suspect.name)?.state === 'suspect'
    suspect.silent = true
    cluster.until(() => others.some(isSuspected), 5_000)
    t.ok(
      others.every((other) => other.live().includes(suspect.name)),
      'a suspect still lives',
    )
    suspect.silent = false
    t.ok(cluster.until(() => !others.some(isSuspected), 2_000) < 600)
    cluster.run(20_000)
    for (const peer of cluster.peers) t.same(peer.told('peer:stop'), [])
    for (const other of others) t.equal(other.gossip.peer(suspect.name)?.state, 'alive')
  })

  t.test('two that do not hear each other, but are heard by others, do not take each other for dead', async (t) => {
    const cluster = Cluster.formed(6)
    const [one, other] = first(cluster)
    cluster.cut(one, other)
    cluster.run(30_000)
    for (const peer of cluster.peers) t.same(peer.told('peer:stop'), [])
    one.set('a', '1')
    t.ok(cluster.until(everybodyKnows(cluster, 'a', '1', one), 5_000) < 3_000)
  })

  t.test('one held for dead comes back when it is heard again', async (t) => {
    const cluster = Cluster.formed(5)
    const [one, ...others] = first(cluster)
    one.silent = true
    cluster.until(allToldOfStop(cluster, one), 5_000)
    cluster.run(5_000)
    one.silent = false
    t.ok(cluster.until(() => cluster.isWhole(), 10_000) < 5_000)
    for (const other of others) t.equal(other.told('peer:start').filter(({ peer }) => peer === one.name).length, 2)
  })

  t.test('one that slept convicts nobody, and is taken back', async (t) => {
    const cluster = Cluster.formed(6)
    const [sleeper, ...others] = first(cluster)
    sleeper.stalledUntil = cluster.now + 8_000
    cluster.run(7_000)
    for (const other of others)
      t.same(
        other.told('peer:stop').map(({ peer }) => peer),
        [sleeper.name],
      )
    cluster.run(5_000)
    t.same(sleeper.told('peer:stop'), [])
    t.ok(cluster.isWhole())
  })

  t.test('one that slept and missed all that was sent meanwhile suspects nobody when it wakes', async (t) => {
    const cluster = Cluster.formed(6)
    const [sleeper, ...others] = first(cluster)
    sleeper.stalledUntil = cluster.now + 2_200
    sleeper.silent = true
    cluster.run(2_199)
    sleeper.silent = false
    for (let ms = 0; ms < 600; ms += 2) {
      cluster.run(2)
      for (const { name } of others) assert.equal(sleeper.gossip.peer(name)?.state, 'alive', `${ms} ms after`)
    }
    t.ok(cluster.isWhole())
  })

  t.test('a new life under an old name: none of the old keys remain, and none of them return', async (t) => {
    const cluster = Cluster.formed(5)
    const [old, ...others] = first(cluster)
    old.set('a', '1')
    old.set('b', '2')
    cluster.run(100)
    old.crash()
    const anew = cluster.again(old).start(2, others.slice(0, 1))
    anew.set('b', '3')
    cluster.until(() => cluster.isWhole() && others.every((other) => other.get(anew, 'b') === '3'), 2_000)
    cluster.run(10_000)
    for (const other of others) {
      t.same(other.keys(anew), ['b'])
      t.same(
        other
          .told('delete')
          .map(({ key }) => key)
          .sort(),
        ['a', 'b'],
      )
      t.equal(other.gossip.peer(anew.name)?.incarnation, 2)
      t.same(
        other
          .told('peer:new')
          .filter(({ peer }) => peer === anew.name)
          .map(({ incarnation }) => incarnation),
        [1, 2],
      )
      t.equal(other.get(anew, 'b'), '3')
    }
  })

  t.test('a life that is told too low a number takes one beyond what others remember', async (t) => {
    const cluster = Cluster.formed(4)
    const [old, ...others] = first(cluster)
    old.set('a', '1')
    cluster.run(50)
    old.crash()
    cluster.again(old).start(5_000, others.slice(0, 1))
    cluster.until(() => cluster.isWhole(), 3_000)
    const higher = cluster.named(old.name) as Peer
    higher.crash()
    const lower = cluster.again(higher).start(40, others.slice(0, 1))
    lower.set('b', '2')
    cluster.until(() => others.every((other) => other.get(lower, 'b') === '2'), 3_000)
    t.ok(lower.gossip.incarnation > 5_000)
    cluster.run(3_000)
    for (const other of others) {
      t.equal(other.gossip.peer(lower.name)?.incarnation, lower.gossip.incarnation)
      t.same(other.keys(lower), ['b'])
    }
  })

  t.test('the dead are forgotten in time, and do not rise when some forget later than others', async (t) => {
    const cluster = Cluster.formed(6, { forgetAfterMs: 4_000 })
    const [one, ...others] = first(cluster)
    one.set('a', '1')
    one.silent = true
    cluster.until(() => others.every((other) => other.toldAt('peer:forgotten', one) !== undefined), 12_000)
    cluster.run(30_000)
    for (const other of others) {
      t.equal(other.told('peer:forgotten').length, 1)
      t.equal(other.told('peer:new').filter(({ peer }) => peer === one.name).length, 1)
      t.same(other.gossip.peers('dead'), [])
      t.equal(other.gossip.peer(one.name), undefined)
      t.same(other.keys(one), [])
    }
  })

  t.test('one that was forgotten and lives after all is met again', async () => {
    const cluster = Cluster.formed(4, { forgetAfterMs: 4_000 })
    const [one, other, ...rest] = first(cluster)
    const others = [other, ...rest]
    one.set('a', '1')
    one.silent = true
    cluster.run(20_000)
    one.silent = false
    one.gossip.join(other.name)
    cluster.until(() => cluster.isWhole() && others.every((other) => other.get(one, 'a') === '1'), 10_000)
  })

  t.test('the same instance may leave and start again: its keys are still its own, its events are not', async (t) => {
    const cluster = Cluster.formed(3)
    const [one, ...others] = first(cluster)
    one.set('a', '1')
    one.set('timed', '2', 60_000)
    one.say('hello', '', 600_000)
    cluster.run(100)
    one.leave()
    cluster.run(1_000)
    one.set('b', 'while away')
    one.start(2, others.slice(0, 1))
    cluster.until(() => cluster.isWhole() && others.every((other) => other.keys(one).length === 3), 3_000)
    cluster.run(3_000)
    for (const other of others) {
      t.same(other.keys(one), ['a', 'b', 'timed'])
      t.equal(other.told('event').length, 1)
    }
    t.same(one.live().length, 2)
  })
})

t.test('ways', async (t) => {
  t.test('where datagrams do not get through, connections carry all; and datagrams again when they do', async (t) => {
    const cluster = Cluster.formed(5)
    const [one] = first(cluster)
    const streams = (ms: number): number => {
      const before = cluster.sent.stream
      cluster.run(ms)
      return cluster.sent.stream - before
    }
    const usual = streams(10_000)
    cluster.udp = false
    cluster.run(20_000)
    one.set('a', '1')
    t.ok(cluster.until(everybodyKnows(cluster, 'a', '1', one), 2_000) < 200)
    t.ok(streams(10_000) > 5 * 10, 'heartbeats go over connections')
    cluster.udp = true
    cluster.run(60_000)
    t.ok(streams(10_000) <= usual + 5, 'and no more')
    for (const peer of cluster.peers) t.same(peer.told('peer:stop'), [])
  })

  t.test('exchanges that nobody answers show heartbeats the other way', async (t) => {
    const cluster = Cluster.formed(2)
    cluster.run(9_000)
    cluster.udp = false
    // three exchanges go unanswered; by itself an observer would be asked for an echo after ten seconds
    cluster.run(6_000)
    cluster.keepsMessages = true
    cluster.run(2_000)
    const ways = cluster.messages.filter(({ bytes }) => kindName(bytes) === 'heartbeat').map(({ via }) => via)
    const streams = ways.filter((via) => via === 'stream').length
    t.ok(streams >= 2 * 3 && ways.length - streams <= 3, ways.join())
  })

  t.test('with datagrams switched off none is sent', async (t) => {
    const cluster = Cluster.formed(4, { udp: false })
    const [one] = first(cluster)
    one.set('a', '1')
    t.ok(cluster.until(everybodyKnows(cluster, 'a', '1', one), 1_000) <= 20)
    cluster.run(10_000)
    t.equal(cluster.sent.datagram, 0)
    for (const peer of cluster.peers) t.same(peer.told('peer:stop'), [])
  })

  t.test('connections are kept to neighbours, and to nobody twice', async (t) => {
    const cluster = Cluster.formed(20, { observers: 3 })
    for (const peer of cluster.peers) {
      t.equal(peer.links.length, 6)
      t.equal(new Set(peer.links).size, 6)
      t.notOk(peer.links.includes(peer.name))
    }
  })

  t.test('a quiet cluster is quiet', async (t) => {
    const cluster = Cluster.formed(10)
    const before = { ...cluster.sent }
    cluster.run(10_000)
    const each = (cluster.sent.datagram - before.datagram) / 10 / 10
    t.ok(each < 8 * 2 * 1.1 + 6, `${each} datagrams a second`)
    t.equal(cluster.sent.stream, before.stream)
  })

  t.test('heartbeats that say nothing new come to nothing, and only those', async (t) => {
    const cluster = Cluster.formed(10)
    cluster.run(20_000)
    const [one, two] = first(cluster)
    const idle = (): number => cluster.peers.reduce((sum, peer) => sum + peer.idle, 0)
    const [heartbeats, before] = [cluster.sent.datagram, idle()]
    cluster.run(10_000)
    const share = (idle() - before) / (cluster.sent.datagram - heartbeats)
    t.ok(share > 0.8 && share < 1, `${share} of all messages`)
    one.set('a', '1')
    const told = two.idle
    cluster.run(5)
    t.equal(two.get(one, 'a'), '1')
    t.equal(two.idle, told)
  })
})

t.test('limits', async (t) => {
  const alone = (config = {}): Gossip => {
    const gossip = new Gossip({ ...defaultConfig, ...config }, seededRandom(1))
    gossip.start(nameOf(1), 1, 1_000)
    return gossip
  }

  t.test('too long a key, too large a value or too full a space is refused, and nothing changes', async (t) => {
    const gossip = alone({ maxKeyBytes: 10, maxValueBytes: 100, maxStateBytes: 400 })
    const refused = (run: () => unknown): void => {
      t.throws(run, { name: 'TelepathineError', code: 'ERR_TOO_LARGE' })
    }
    refused(() => gossip.set('x'.repeat(11), bytesOf(''), undefined, 1_000))
    refused(() => gossip.set('ääääää', bytesOf(''), undefined, 1_000))
    refused(() => gossip.say('x'.repeat(11), bytesOf(''), 1_000, false, 1_000))
    refused(() => gossip.set('a', new Uint8Array(101), undefined, 1_000))
    refused(() => gossip.say('a', new Uint8Array(101), 1_000, false, 1_000))
    gossip.set('äääää', new Uint8Array(90), undefined, 1_000)
    refused(() => gossip.set('b', new Uint8Array(100), undefined, 1_000))
    t.same(gossip.keys(nameOf(1), 1_000), ['äääää'])
    gossip.set('äääää', new Uint8Array(95), undefined, 1_000)
    t.equal(gossip.get(nameOf(1), 'äääää', 1_000)?.value.length, 95, 'in its own place there is room')
  })

  t.test('set and say are false above the budget, and a drain follows when there is room again', async (t) => {
    const cluster = Cluster.formed(3, { sendBudgetBytes: 10_000 })
    const [one, other] = first(cluster)
    let count = 0
    while (one.gossip.set(`k${count}`, new Uint8Array(1_000), undefined, cluster.now)) count++
    t.ok(count >= 8 && count < 10)
    t.same(one.told('drain'), [])
    one.tick()
    cluster.run(20)
    t.equal(one.told('drain').length, 1)
    t.equal(other.keys(one).length, count + 1, 'what was above it went out all the same')
    t.ok(one.set('small', ''))
    cluster.run(1_000)
    t.equal(one.told('drain').length, 1)
  })

  t.test('at the hard bound they throw, and go on when there is room', async (t) => {
    const cluster = Cluster.formed(3, { sendBudgetBytes: 10_000, maxBacklogBytes: 20_000 })
    const [one, other] = first(cluster)
    const fill = (): void => {
      for (let i = 0; i < 30; i++) one.gossip.set(`k${i}`, new Uint8Array(1_000), undefined, cluster.now)
    }
    t.throws(fill, { code: 'ERR_OVERLOAD' })
    t.throws(() => one.gossip.say('e', bytesOf(''), 1_000, false, cluster.now), { code: 'ERR_OVERLOAD' })
    const count = one.keys(one).length
    t.ok(count < 21)
    one.tick()
    cluster.run(50)
    t.equal(one.told('drain').length, 1)
    t.equal(other.keys(one).length, count)
    t.ok(one.set('again', ''))
  })

  t.test('alone there is nobody to wait for', async (t) => {
    const gossip = alone({ sendBudgetBytes: 1_000, maxBacklogBytes: 2_000 })
    for (let i = 0; i < 100; i++) t.ok(gossip.set(`k${i}`, new Uint8Array(100), undefined, 1_000))
    t.equal(gossip.stats.pendingBytes, 0)
  })

  t.test('a slow link holds up nobody but the one behind it', async (t) => {
    const cluster = Cluster.formed(6)
    const [one, ...others] = first(cluster)
    cluster.streamBytesPerMs = 1_000
    for (let i = 0; i < 20; i++) one.gossip.set(`k${i}`, new Uint8Array(100_000), undefined, cluster.now)
    one.tick()
    one.set('small', 'x')
    t.ok(cluster.until(() => others.every((other) => other.keys(one).length === 21), 30_000) < 15_000)
    for (const peer of cluster.peers) t.same(peer.told('peer:stop'), [])
  })
})

t.test('strangers', async (t) => {
  t.test('where connections prove who speaks, nobody speaks in another\'s name', async (t) => {
    const cluster = new Cluster({ identified: true, udp: false })
    for (let i = 0; i < 3; i++) cluster.add().start(1, cluster.peers.slice(0, 1))
    cluster.run(2_000)
    const [one, two, three] = first(cluster)
    t.same(one.told('rejected'), [], 'nobody did')
    t.same(one.live(), [two.name, three!.name].sort())
    cluster.keepsMessages = true
    two.set('key', 'value')
    cluster.run(1_000)
    cluster.keepsMessages = false
    for (const { bytes } of cluster.messages) one.receive(bytes, 'stream', three!.name)
    const reasons = new Set(one.told('rejected').map(({ from, reason }) => `${from}: ${reason}`))
    t.same(reasons, new Set([one, two].map(({ name }) => `${three!.name}: speaks in the name of ${name}`)))
  })

  t.test('peers of another cluster are turned away, and reported', async (t) => {
    const cluster = Cluster.formed(2)
    const [one] = first(cluster)
    const foreign = cluster.add({ cluster: 'another' }).start(1, [one])
    cluster.run(5_000)
    t.same(foreign.gossip.peers('all'), [])
    t.equal(one.live().length, 1)
    t.same(one.told('rejected')[0], { kind: 'rejected', from: foreign.name, reason: 'another cluster' })
    t.equal(one.gossip.stats.rejected, one.told('rejected').length)
  })

  t.test('no more peers are known than are allowed', async (t) => {
    const cluster = new Cluster({ maxPeers: 3 })
    for (let i = 0; i < 8; i++) cluster.add().start(1, cluster.peers.slice(0, 1))
    cluster.run(10_000)
    for (const peer of cluster.peers) t.ok(peer.gossip.peers('all').length <= 3)
  })

  t.test('what no peer would write is dropped, whatever it is', async (t) => {
    const cluster = new Cluster(
      { maxEventBytes: 10_000, tombstoneGraceMs: 1_000, maxStateBytes: 100_000, maxPeers: 50 },
      9,
    )
    cluster.keepsMessages = true
    for (let i = 0; i < 5; i++) cluster.add().start(1, cluster.peers.slice(0, 1))
    const [one, other] = first(cluster)
    for (let i = 0; i < 40; i++) {
      one.set(`k${i % 7}`, 'x'.repeat(i * 10), i % 3 === 0 ? 200 : undefined)
      other.say(`e${i % 3}`, 'y'.repeat(i))
      if (i % 5 === 0) one.delete(`k${i % 7}`)
      cluster.run(60)
    }
    cluster.peers[4]?.leave()
    cluster.run(5_000)
    cluster.keepsMessages = false

    const victim = cluster.add().start(1)
    const random = seededRandom(Number(process.env['FC_SEED'] ?? 4))
    const { messages } = cluster
    let [fed, sent, largest] = [0, 0, 0]
    const notices: Notice[] = []
    for (let round = 0; round < 20_000; round++) {
      const message = messages[random.below(messages.length)] as (typeof messages)[number]
      const other = messages[random.below(messages.length)] as (typeof messages)[number]
      const hostile = mutated(bodyOf(message), bodyOf(other), random)
      if (random.below(2) === 0) victim.gossip.receive(hostile, 'stream', '6.6.6.6:666', cluster.now)
      else victim.gossip.receive(sealed(hostile), 'datagram', '6.6.6.6:666', cluster.now)
      if (round % 10 === 0) victim.gossip.tick((cluster.now += random.below(40)))
      fed += hostile.length
      const effects = victim.gossip.drain()
      for (const { via, parts } of effects.sends) {
        const length = parts.reduce((sum, part) => sum + part.length, 0)
        if (via === 'datagram') assert.ok(length <= defaultConfig.maxDatagramBytes)
        sent += length
        largest = Math.max(largest, length)
      }
      for (const notice of effects.notices) notices.push(notice)
    }
    t.ok(victim.gossip.stats.rejected > 5_000, `${victim.gossip.stats.rejected} of 20,000 were recognised as hostile`)
    t.ok(victim.gossip.stats.rejected < 20_000, 'and some were not')
    t.ok(victim.gossip.peers('all').length <= 50)
    t.ok(sent < 20 * fed, `${sent} bytes went out for ${fed}`)
    t.ok(largest < 1 << 20, `${largest} bytes in one message`)
    t.ok(
      notices.every((notice) => !('peer' in notice) || notice.peer !== victim.name),
      'nobody speaks for us',
    )
    victim.gossip.set('mine', bytesOf('still'), undefined, cluster.now)
    t.equal(textOf(victim.gossip.get(victim.name, 'mine', cluster.now)?.value as Uint8Array), 'still')
    t.same(victim.gossip.keys(victim.name, cluster.now), ['mine'])
  })

  t.test('one who was fed rubbish still speaks so that others understand', async (t) => {
    const cluster = Cluster.formed(4)
    const [one, ...others] = first(cluster)
    const recorder = new Cluster({}, 2)
    recorder.keepsMessages = true
    for (let i = 0; i < 3; i++) recorder.add({}, nameOf(100 + i)).start(1, recorder.peers.slice(0, 1))
    recorder.run(3_000)
    const random = seededRandom(Number(process.env['FC_SEED'] ?? 6))
    for (let round = 0; round < 3_000; round++) {
      const message = recorder.messages[random.below(recorder.messages.length)] as (typeof recorder.messages)[number]
      one.receive(sealed(mutated(bodyOf(message), bodyOf(message), random)), 'datagram', '6.6.6.6:666')
    }
    cluster.run(1_000)
    one.set('a', '1')
    cluster.until(() => others.every((other) => other.get(one, 'a') === '1'), 5_000)
    for (const other of others) t.same(other.told('rejected'), [])
  })
})

t.test('a machine that is not running', async (t) => {
  const gossip = new Gossip(defaultConfig, seededRandom(1))
  gossip.receive(Uint8Array.of(1, 2, 3), 'datagram', 'a:1', 1_000)
  gossip.tick(1_000)
  gossip.linkDown('a:1', 'refused', 1_000)
  gossip.backlog('a:1', 10, 1_000)
  gossip.exchange(1_000)
  t.same(gossip.drain(), { sends: [], notices: [], links: undefined, drops: [] })
  t.same([gossip.nextWake(), gossip.name, gossip.incarnation, gossip.peers('all')], [Infinity, '', 0, []])
  t.throws(() => gossip.leave(1_000), { code: 'ERR_STOPPED' })
})

t.test('the same seed gives the same bytes at the same times', async (t) => {
  const trace = (seed: number): string => {
    const cluster = Cluster.formed(6, {}, seed)
    cluster.keepsMessages = true
    cluster.loss = 0.1
    const [one, other] = first(cluster)
    for (let i = 0; i < 20; i++) {
      one.set(`k${i}`, 'x', i % 2 === 0 ? 300 : undefined)
      other.say('e', String(i))
      cluster.run(100)
    }
    other.silent = true
    cluster.run(5_000)
    return cluster.messages.map(({ via, bytes }) => `${via} ${Buffer.from(bytes).toString('base64')}`).join('\n')
  }
  t.ok(trace(1) === trace(1))
  t.notOk(trace(1) === trace(2))
})

/** A message without the checksum that datagrams end with. */
const bodyOf = ({ via, bytes }: { readonly via: 'datagram' | 'stream'; readonly bytes: Uint8Array }): Uint8Array =>
  via === 'datagram' ? bytes.subarray(0, -4) : bytes

/** A datagram with a checksum that fits. */
const sealed = (body: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(body.length + 4)
  bytes.set(body)
  new DataView(bytes.buffer).setUint32(body.length, sumBytes(sumStart, body))
  return bytes
}

/** A message after an accident: bytes changed, cut off, doubled, or continued with another message. */
function mutated(bytes: Uint8Array, other: Uint8Array, random: ReturnType<typeof seededRandom>): Uint8Array {
  const copy = bytes.slice()
  // most accidents spare the head, or nothing else would ever be looked at
  const from = random.below(10) === 0 ? 0 : Math.min(11, copy.length - 1)
  const at = from + random.below(copy.length - from)
  switch (random.below(5)) {
    case 0:
      copy[at] = random.below(256)
      return copy
    case 1:
      for (let i = 0; i < 4; i++)
        copy[from + random.below(copy.length - from)] = [0, 0x7f, 0x80, 0xff][random.below(4)] as number
      return copy
    case 2:
      return copy.subarray(0, at)
    case 3:
      return new Uint8Array(Buffer.concat([copy.subarray(0, at), other.subarray(random.below(other.length))]))
    default:
      return new Uint8Array(Buffer.concat([copy.subarray(0, at), copy.subarray(Math.max(from, at - random.below(40)))]))
  }
}
