import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { Malformed, Reader, Writer } from '../../lib/gossip/bytes.js'
import { defaultConfig, entryOverheadBytes } from '../../lib/gossip/config.js'
import { Kind } from '../../lib/gossip/entry.js'
import { Expiry } from '../../lib/gossip/expiry.js'
import { costOf, KeySpace, mustReset, type SpaceLimits } from '../../lib/gossip/keyspace.js'
import { skipRecords } from '../../lib/gossip/records.js'
import { valueOf } from '../../lib/gossip/valueheap.js'
import { bytesOf, textOf, Witness, type Told } from './fixtures/members.js'
import { holds } from './fixtures/holds.js'

const graceMs = 1_000
const start = 1_600

/** A key space with its surroundings. */
class Held {
  readonly expiry = new Expiry()
  readonly witness = new Witness()
  readonly limits: SpaceLimits
  readonly space: KeySpace

  constructor(limits: Partial<SpaceLimits> = {}) {
    this.limits = { ...defaultConfig, tombstoneGraceMs: graceMs, ...limits }
    this.space = new KeySpace('10.0.0.1:9000', this.limits, this.expiry, this.witness)
  }

  set(key: string, value: string, deadline = Infinity): void {
    this.space.write(Kind.set, key, bytesOf(value), deadline, start)
  }

  delete(key: string, now = start): void {
    this.space.write(Kind.tombstone, key, bytesOf(''), now + graceMs, now)
  }

  say(event: string, value: string, deadline = Infinity): void {
    this.space.write(Kind.event, event, bytesOf(value), deadline, start)
  }

  expire(now: number): void {
    this.expiry.due(now, (space, entry) => space.end(entry, now))
  }

  /** What was told since the last call. */
  told(): Told[] {
    return this.witness.told.splice(0)
  }

  state(now = start): Record<string, string> {
    return Object.fromEntries(
      this.space
        .keys(now)
        .sort()
        .map((key) => [key, this.value(key, now) as string]),
    )
  }

  value(key: string, now = start): string | undefined {
    const entry = this.space.get(key, now)
    return entry && textOf(valueOf(entry))
  }

  /** Takes one delta from another; whether anything was left for it. */
  follow(other: Held, now = start, budgetBytes = 1e6): boolean {
    const { space } = this
    if (space.maxVersion >= other.space.maxVersion) return false
    if (mustReset(other.space, space.maxVersion, space.gcVersion)) space.startOver(other.space.gcVersion)
    const from = space.maxVersion
    const writer = new Writer()
    const to = other.space.writeRecords(writer, from, budgetBytes, true, now)
    space.readRecords(new Reader(writer.take()), from, now)
    const latest = other.space.maxVersion
    space.reach(to, latest, to === latest ? other.space.eventSequence : undefined)
    assert.ok(space.maxVersion > from, 'every delta goes further')
    return true
  }
}

const kinds = (told: readonly Told[]): string[] => told.map((one) => one.kind)

t.test('every word of the owner takes the next version, and the last one on a key counts', async (t) => {
  const owner = new Held()
  owner.set('a', '1')
  owner.set('b', '2')
  owner.set('a', '3')
  t.equal(owner.space.maxVersion, 3)
  t.same(owner.state(), { a: '3', b: '2' })
  owner.delete('b')
  t.same(owner.state(), { a: '3' })
  t.equal(owner.space.maxVersion, 4)
  t.same(owner.told(), [], 'the owner knows what it did')
})

t.test('metadata is not among the keys', async (t) => {
  const owner = new Held()
  owner.set('', 'metadata')
  t.same(owner.space.keys(start), [])
})

t.test(
  'a key is read until its deadline and not at it; then it is told once, and forgotten after the grace',
  async (t) => {
    const owner = new Held()
    owner.set('a', '1', start + 160)
    t.equal(owner.value('a', start + 159), '1')
    t.equal(owner.value('a', start + 160), undefined)
    owner.expire(start + 160)
    t.same(owner.told(), [{ kind: 'expired', key: 'a' }])
    t.equal(owner.space.gcVersion, 0)
    t.equal(owner.space.stateBytes, entryOverheadBytes + 1)
    owner.expire(start + 160 + graceMs + 16)
    t.equal(owner.space.gcVersion, 1)
    t.equal(owner.space.stateBytes, 0)
    t.same(owner.told(), [])
  },
)

t.test(
  'a key that is set again when its time is over, though nobody has noticed yet, is told as expired first',
  async (t) => {
    const owner = new Held()
    owner.set('a', '1', start - 1)
    owner.set('a', '2')
    t.same(owner.told(), [{ kind: 'expired', key: 'a' }])
    t.same(owner.state(), { a: '2' })
  },
)

t.test('time left travels, and is not lengthened by a second telling', async (t) => {
  const [owner, other] = [new Held(), new Held()]
  owner.set('a', '1', start + 100)
  other.follow(owner, start + 40)
  t.equal(other.space.get('a', start + 40)?.deadline, start + 100)
  t.equal(other.value('a', start + 99), '1')
})

t.test('what is told of a delta: changes, deletions of what was there, events', async (t) => {
  const [owner, other] = [new Held(), new Held()]
  owner.set('a', '1')
  owner.say('hello', 'x')
  other.follow(owner)
  t.same(other.told(), [
    { kind: 'changed', key: 'a', value: '1', version: 1 },
    { kind: 'said', key: 'hello', value: 'x', sequence: 1 },
  ])
  owner.delete('a')
  owner.delete('never')
  other.follow(owner)
  t.same(other.told(), [{ kind: 'removed', key: 'a' }])
})

t.test('a delta that overlaps what is known tells only the rest', async (t) => {
  const [owner, other] = [new Held(), new Held()]
  owner.set('a', '1')
  owner.say('hello', 'x')
  other.follow(owner)
  owner.set('b', '2')
  other.told()
  const writer = new Writer()
  owner.space.writeRecords(writer, 0, 1e6, false, start)
  other.space.readRecords(new Reader(writer.take()), 0, start)
  t.same(other.told(), [{ kind: 'changed', key: 'b', value: '2', version: 3 }])
})

t.test('records of a delta never take more than the budget, and what is reached is right', async () => {
  const word = fc.record({
    kind: fc.constantFrom(Kind.set, Kind.tombstone, Kind.event),
    key: fc.nat(6),
    size: fc.nat(300),
  })
  const before = fc.nat(20)
  holds(
    fc.property(fc.array(word, { maxLength: 40 }), fc.nat(40), fc.nat(900), before, (words, from, budget, before) => {
      const owner = new Held()
      for (const { kind, key, size } of words)
        owner.space.write(kind, `k${key}`, new Uint8Array(kind === Kind.tombstone ? 0 : size), start + graceMs, start)
      const { maxVersion } = owner.space
      if (from > maxVersion) return
      const writer = new Writer()
      for (let i = 0; i < before; i++) writer.u8(0)
      const to = owner.space.writeRecords(writer, from, before + 1 + budget, false, start)
      assert.ok(writer.length <= before + 1 + budget, `${writer.length} bytes for ${before} + 1 + ${budget}`)
      assert.ok(to >= from && to <= maxVersion)
      const other = new Held()
      other.space.reach(from, from, 0)
      const reader = new Reader(writer.take(), before)
      other.space.readRecords(reader, from, start)
      assert.equal(reader.left, 0)
      other.space.reach(to, to, undefined)
      assert.equal(other.space.maxVersion, to, 'no record is beyond what is reached')
    }),
    500,
  )
})

t.test('one record is written whatever its size, if need be', async (t) => {
  const owner = new Held()
  owner.set('a', 'x'.repeat(500))
  owner.set('b', 'y')
  t.equal(owner.space.writeRecords(new Writer(), 0, 100, false, start), 0)
  t.equal(owner.space.writeRecords(new Writer(), 0, 100, true, start), 1)
})

t.test('deltas cut at any size bring everything across in order', async () => {
  const word = fc.record({
    kind: fc.constantFrom(Kind.set, Kind.tombstone, Kind.event),
    key: fc.nat(6),
    size: fc.nat(100),
  })
  holds(
    fc.property(fc.array(word, { maxLength: 40 }), fc.integer({ min: 1, max: 500 }), (words, budget) => {
      const [owner, other] = [new Held(), new Held()]
      for (const { kind, key, size } of words)
        owner.space.write(kind, `k${key}`, new Uint8Array(kind === Kind.tombstone ? 0 : size), start + graceMs, start)
      while (other.follow(owner, start, budget)) assert.ok(other.space.maxVersion > 0)
      assert.deepEqual(other.state(), owner.state())
      assert.equal(other.space.maxVersion, owner.space.maxVersion)
      assert.equal(other.space.stateBytes, owner.space.stateBytes)
      assert.equal(other.space.eventBytes, owner.space.eventBytes)
      const sequences = other.told().flatMap((one) => (one.kind === 'said' ? one.sequence : []))
      assert.deepEqual(
        sequences,
        sequences.map((_, i) => i + 1),
      )
    }),
  )
})

t.test('the oldest events go when their bound is reached, and those who lacked them hear how many', async (t) => {
  const cost = costOf('e', bytesOf('1'))
  const [owner, other, newcomer] = [new Held({ maxEventBytes: cost * 3 }), new Held(), new Held()]
  owner.say('e', '1')
  other.follow(owner)
  other.told()
  for (let i = 2; i <= 9; i++) owner.say('e', String(i))
  t.equal(owner.space.eventBytes, cost * 3)
  other.follow(owner)
  t.same(kinds(other.told()), ['missed', 'said', 'said', 'said'])
  newcomer.follow(owner)
  t.same(kinds(newcomer.told()), ['said', 'said', 'said'], 'what was said before one came is not missed')
})

t.test('a receiver keeps to its own bound of events', async () => {
  holds(
    fc.property(fc.array(fc.nat(200), { maxLength: 60 }), (sizes) => {
      const [owner, other] = [new Held(), new Held({ maxEventBytes: 1_000 })]
      for (const size of sizes) {
        owner.say('e', 'x'.repeat(size))
        other.follow(owner)
        assert.ok(other.space.eventBytes <= 1_000)
      }
      assert.equal(other.told().filter((one) => one.kind === 'said').length, sizes.length)
    }),
  )
})

t.test('events at the end of their lifetime leave room, and are counted for those who never heard them', async (t) => {
  const [owner, other] = [new Held(), new Held()]
  owner.set('', 'metadata')
  other.follow(owner)
  owner.say('e', '1', start + 16)
  owner.say('e', '2')
  owner.expire(start + 32)
  t.equal(owner.space.eventBytes, costOf('e', bytesOf('2')))
  other.follow(owner, start + 32)
  t.same(other.told().slice(1), [
    { kind: 'missed', count: 1 },
    { kind: 'said', key: 'e', value: '2', sequence: 2 },
  ])
})

t.test('an event that comes with no time left is missed, as one that did not come', async (t) => {
  const [owner, other] = [new Held(), new Held()]
  owner.set('', 'metadata')
  other.follow(owner)
  owner.say('e', '1', start + 8)
  owner.say('e', '2')
  other.follow(owner, start + 8)
  t.same(other.told().slice(1), [
    { kind: 'missed', count: 1 },
    { kind: 'said', key: 'e', value: '2', sequence: 2 },
  ])
})

t.test('the next life counts its keys from version 1, behind the metadata, and keeps nothing else', async (t) => {
  const owner = new Held()
  owner.set('', 'old')
  owner.set('a', '1')
  owner.set('b', '2')
  owner.set('c', '3', start + 5_000)
  owner.delete('b')
  owner.say('e', 'x')
  owner.space.renew(bytesOf('new'), false, start)
  t.same(owner.state(), { a: '1', c: '3' })
  t.equal(owner.space.maxVersion, 3)
  t.equal(owner.space.eventSequence, 0)
  t.equal(owner.space.eventBytes, 0)
  t.equal(owner.space.get('c', start)?.deadline, start + 5_000)
  const other = new Held()
  other.follow(owner)
  t.same(kinds(other.told()), ['announced', 'changed', 'changed'])
})

t.test('events that nobody has heard yet are kept for the next life, and counted anew', async (t) => {
  const [owner, other] = [new Held(), new Held()]
  owner.set('a', '1')
  owner.say('e', 'x')
  owner.say('e', 'y')
  owner.space.renew(bytesOf('new'), true, start)
  t.equal(owner.space.eventSequence, 2)
  other.follow(owner)
  t.same(
    other.told().flatMap((one) => (one.kind === 'said' ? [[one.value, one.sequence]] : [])),
    [
      ['x', 1],
      ['y', 2],
    ],
  )
})

t.test('letting go of everything leaves nothing to expire', async (t) => {
  const owner = new Held()
  owner.set('a', '1', start + 100)
  owner.say('e', 'x', start + 100)
  owner.space.clear()
  owner.expire(start + 1_000)
  t.same(owner.told(), [])
  t.same([owner.space.stateBytes, owner.space.eventBytes], [0, 0])
})

t.test('starting over', async (t) => {
  /** An owner whose deletion of `gone` is forgotten, and another who did not hear of it. */
  const behind = (): [Held, Held] => {
    const [owner, other] = [new Held(), new Held()]
    owner.set('same', '1')
    owner.set('gone', '2')
    owner.set('newer', '3')
    other.follow(owner)
    other.told()
    owner.delete('gone')
    owner.set('newer', '4')
    owner.expire(start + graceMs + 16)
    return [owner, other]
  }

  t.test('is needed by those only who may have missed a deletion', async (t) => {
    const [owner, other] = behind()
    t.equal(mustReset(owner.space, other.space.maxVersion, other.space.gcVersion), true)
    t.equal(mustReset(owner.space, 4, 0), false)
    t.equal(mustReset(owner.space, 0, 4), false, 'it has begun already')
  })

  t.test('tells the difference and nothing else', async (t) => {
    const [owner, other] = behind()
    other.follow(owner)
    t.same(
      other.told().sort((a, b) => a.kind.localeCompare(b.kind)),
      [
        { kind: 'changed', key: 'newer', value: '4', version: 5 },
        { kind: 'removed', key: 'gone' },
      ],
    )
    t.same(other.state(), owner.state())
    t.equal(other.space.gcVersion, 4)
  })

  t.test('shows all there was until the new log is complete', async (t) => {
    const [owner, other] = behind()
    other.follow(owner, start, 1)
    t.equal(other.space.maxVersion, 4)
    t.same(other.state(), { same: '1', gone: '2', newer: '3' })
    t.same(other.told(), [])
    other.follow(owner)
    t.same(other.state(), { same: '1', newer: '4' })
  })

  t.test('may be interrupted by another start', async (t) => {
    const [owner, other] = behind()
    other.follow(owner, start, 1)
    owner.delete('same', start + 2_000)
    owner.set('late', '5')
    owner.expire(start + 4_000)
    while (other.follow(owner, start + 4_000, 1));
    t.same(other.state(), { newer: '4', late: '5' })
    const removed = other.told().flatMap((one) => (one.kind === 'removed' ? one.key : []))
    t.same(removed.sort(), ['gone', 'same'])
    t.equal(other.space.stateBytes, owner.space.stateBytes)
  })

  t.test('passes over what it had heard to be out of date, if told by one who has not', async (t) => {
    const [owner, relay, other] = [new Held(), new Held(), new Held()]
    owner.set('old', '1')
    owner.set('same', '2')
    owner.set('gone', '3')
    owner.delete('gone')
    relay.follow(owner)
    owner.set('old', '5')
    other.follow(owner, start, 1)
    t.equal(other.space.maxVersion, 3, 'beyond the first word, which does not count any more')
    relay.expire(start + graceMs + 16)
    t.equal(relay.state()['old'], '1')
    other.told()
    other.follow(relay)
    t.same(other.space.gcVersion, 4, 'started over')
    t.same(other.told(), [])
    t.same(other.state(), { same: '2' })
    other.follow(owner)
    t.same(other.told(), [{ kind: 'changed', key: 'old', value: '5', version: 5 }])
    t.same(other.state(), owner.state())
  })

  t.test('does not take for deleted what was replaced, if the rest is told by one who has not heard', async (t) => {
    const [owner, relay, other] = [new Held(), new Held(), new Held()]
    owner.set('replaced', '1')
    owner.set('gone', '2')
    other.follow(owner)
    owner.delete('gone')
    owner.set('more', '4')
    owner.set('and more', '5')
    relay.follow(owner)
    owner.set('replaced', '6')
    for (const held of [owner, relay]) held.expire(start + graceMs + 16)
    other.told()
    other.follow(owner, start, 1)
    t.equal(other.space.gcVersion, 3, 'started over')
    other.follow(relay)
    t.equal(other.space.maxVersion, relay.space.maxVersion)
    t.same(kinds(other.told()), ['changed', 'changed'])
    t.same(other.state(), { replaced: '1', gone: '2', more: '4', 'and more': '5' })
    other.follow(owner)
    t.same(other.told(), [
      { kind: 'changed', key: 'replaced', value: '6', version: 6 },
      { kind: 'removed', key: 'gone' },
    ])
    t.same(other.state(), owner.state())
  })

  t.test('has room for one log more, however often it begins', async (t) => {
    const maxStateBytes = 2_000
    const [owner, other] = [new Held(), new Held({ maxStateBytes })]
    for (let i = 0; i < 300; i++) owner.set(`key ${i}`, 'x')
    for (let gc = 1; gc < 20; gc++) {
      other.space.startOver(gc * 1_000)
      const writer = new Writer()
      owner.space.writeRecords(writer, 0, 3_000, true, start)
      other.space.readRecords(new Reader(writer.take()), 0, start)
      t.ok(other.space.stateBytes <= 4 * maxStateBytes, `${other.space.stateBytes} bytes`)
      for (let i = 0; i < 100; i++) owner.set(`key ${gc} ${i}`, 'x')
      for (let i = 0; i < 100; i++) owner.delete(gc === 1 ? `key ${i}` : `key ${gc - 1} ${i}`)
    }
  })

  t.test('takes what there was no room for', async (t) => {
    const [owner, relay] = [new Held(), new Held()]
    const other = new Held({ maxStateBytes: costOf('old', bytesOf('1'.repeat(100))) / 2 })
    owner.set('old', '1'.repeat(100))
    owner.set('no room', '2')
    owner.set('gone', '3')
    other.follow(owner)
    t.same(Object.keys(other.state()), ['old'])
    owner.delete('old')
    owner.delete('gone')
    owner.expire(start + graceMs + 16)
    relay.follow(owner)
    other.follow(relay)
    t.same(other.state(), { 'no room': '2' })
    t.equal(other.value('no room'), '2')
  })

  t.test('tells of a key that ended elsewhere first', async (t) => {
    const [owner, other] = [new Held(), new Held()]
    owner.set('timed', '1', start + 160)
    owner.set('gone', '2')
    // it came late, so it ends late
    const writer = new Writer()
    owner.space.writeRecords(writer, 0, 1e6, false, start)
    other.space.readRecords(new Reader(writer.take()), 0, start + 64)
    other.space.reach(2, 2, 0)
    other.told()
    owner.delete('gone', start - graceMs)
    owner.expire(start + 176)
    t.equal(owner.space.gcVersion, 3)
    t.equal(other.value('timed', start + 176), '1')
    other.follow(owner, start + 176)
    t.same(other.state(start + 176), {})
    t.same(
      other
        .told()
        .map((one) => [one.kind, 'key' in one ? one.key : ''].join(' '))
        .sort(),
      ['expired timed', 'removed gone'],
    )
    other.expire(start + 500)
    t.same(other.told(), [], 'and does not tell again')
  })

  t.test('does not hear an event again', async (t) => {
    const [owner, other] = [new Held(), new Held()]
    owner.set('gone', '1')
    owner.say('e', 'x')
    other.follow(owner)
    owner.delete('gone')
    owner.say('e', 'y')
    owner.expire(start + graceMs + 16)
    other.told()
    other.follow(owner)
    t.same(kinds(other.told()).sort(), ['removed', 'said'])
    t.equal(other.space.eventBytes, owner.space.eventBytes)
  })

  t.test('takes all that is in force, however full', async (t) => {
    const limits = { maxStateBytes: 3 * costOf('k0', bytesOf('x')) }
    const [owner, other] = [new Held(limits), new Held(limits)]
    for (const i of [0, 1, 2]) owner.set(`k${i}`, 'x')
    other.follow(owner)
    for (const i of [0, 1, 2]) owner.delete(`k${i}`)
    owner.expire(start + graceMs + 16)
    for (const i of [3, 4, 5]) owner.set(`k${i}`, 'x')
    while (other.follow(owner));
    t.same(other.state(), owner.state())
    t.equal(other.space.stateBytes, owner.space.stateBytes)
  })
})

t.test('tombstones wait for those who are being told the log, though not for ever', async (t) => {
  const owner = new Held()
  const collected = (key: string, now: number): boolean => {
    owner.expire(now)
    return owner.space.sizeOf(key) === 0
  }
  owner.set('a', '1')
  owner.set('b', '2')
  owner.delete('a')
  const releases = [owner.space.keepTombstones(start), owner.space.keepTombstones(start)]
  t.notOk(collected('a', start + 2 * graceMs))
  releases[0]?.()
  t.notOk(collected('a', start + 3 * graceMs), 'one of them is')
  t.equal(owner.space.gcVersion, 0)
  releases[1]?.()
  t.ok(collected('a', start + 4 * graceMs))
  t.equal(owner.space.gcVersion, 3)
  const late = start + 4 * graceMs
  owner.delete('b', late)
  owner.space.keepTombstones(late)
  t.notOk(collected('b', late + 9 * graceMs))
  t.ok(collected('b', late + 12 * graceMs))
})

t.test('what goes beyond twice the bound on state is not taken', async (t) => {
  const [owner, other] = [new Held(), new Held({ maxStateBytes: 500 })]
  for (let i = 0; i < 10; i++) owner.set(`k${i}`, 'x')
  other.follow(owner)
  t.ok(other.space.stateBytes <= 1_000)
  t.equal(other.space.keys(start).length, 9)
})

t.test('hostile records are refused', async (t) => {
  const limits = { maxKeyBytes: 8, maxValueBytes: 8 }
  const refused = (write: (writer: Writer) => void, why: RegExp): void => {
    const writer = new Writer()
    write(writer)
    const bytes = writer.take()
    t.throws(() => new Held(limits).space.readRecords(new Reader(bytes), 0, start), { message: why })
  }
  const record =
    (kind: number, step: number, key: string, value: string) =>
    (writer: Writer): void => {
      writer.u8(kind)
      writer.varint(step)
      writer.text(key)
      writer.bytes(bytesOf(value))
    }
  refused(record(7, 1, 'a', 'b'), /unknown kind/)
  refused(record(Kind.set, 0, 'a', 'b'), /do not rise/)
  refused(record(Kind.set, 1, 'nine byte', 'b'), /over the limit/)
  refused(record(Kind.set, 1, 'a', 'nine byte'), /over the limit/)
  refused((writer) => record(Kind.set, 1, 'a', 'b')(writer), /ends too early/)
  refused((writer) => {
    record(Kind.set, 1, 'a', 'b')(writer)
    record(Kind.set, Number.MAX_SAFE_INTEGER, 'a', 'b')(writer)
  }, /do not rise/)
})

t.test('passing over records ends where reading them does', async () => {
  const word = fc.record({
    kind: fc.nat(6),
    key: fc.string({ maxLength: 10 }),
    value: fc.uint8Array({ maxLength: 30 }),
    timed: fc.boolean(),
  })
  holds(
    fc.property(fc.array(word, { maxLength: 20 }), (words) => {
      const owner = new Held()
      for (const { kind, key, value, timed } of words) {
        owner.space.write(
          kind as Kind,
          key,
          kind === Kind.tombstone ? new Uint8Array(0) : value,
          timed ? start + 50 : Infinity,
          start,
        )
      }
      const writer = new Writer()
      owner.space.writeRecords(writer, 0, 1e6, false, start)
      writer.u8(77)
      const reader = new Reader(writer.take())
      skipRecords(reader, owner.limits)
      assert.equal(reader.u8(), 77)
    }),
  )
})

t.test('whatever is cut off, what came before stands', async () => {
  holds(
    fc.property(fc.integer({ min: 1, max: 10 }), fc.nat(200), (count, cut) => {
      const [owner, other] = [new Held(), new Held()]
      for (let i = 1; i <= count; i++) owner.set(`k${i}`, `v${i}`)
      const writer = new Writer()
      owner.space.writeRecords(writer, 0, 1e6, false, start)
      const bytes = writer.take()
      try {
        other.space.readRecords(new Reader(bytes.subarray(0, cut)), 0, start)
      } catch (error) {
        assert.ok(error instanceof Malformed)
      }
      assert.equal(other.space.keys(start).length, other.space.maxVersion)
      while (other.follow(owner));
      assert.deepEqual(other.state(), owner.state())
    }),
  )
})

t.test('the count of values is that of the keys, whatever becomes of them', async () => {
  const step = fc.record({
    what: fc.constantFrom('set', 'set', 'set', 'brief', 'delete', 'wait', 'send', 'over', 'renew'),
    key: fc.nat(5),
  })
  const run = (steps: readonly { what: string, key: number }[]): void => {
    const [owner, other] = [new Held(), new Held()]
    let now = start
    for (const { what, key } of steps) {
      const { space } = owner
      if (what === 'set') space.write(Kind.set, `k${key}`, bytesOf('x'), Infinity, now)
      else if (what === 'brief') space.write(Kind.set, `k${key}`, bytesOf('x'), now + 50, now)
      else if (what === 'delete') space.write(Kind.tombstone, `k${key}`, bytesOf(''), now + graceMs, now)
      else if (what === 'renew') space.renew(bytesOf(''), false, now)
      else if (what === 'over') other.space.startOver(space.gcVersion)
      else if (what === 'wait') now += 400
      else {
        const from = Math.min(other.space.maxVersion, space.maxVersion)
        const writer = new Writer()
        const to = space.writeRecords(writer, from, key * 10, true, now)
        other.space.readRecords(new Reader(writer.take()), from, now)
        other.space.reach(to, space.maxVersion, to === space.maxVersion ? 0 : undefined)
      }
      for (const held of [owner, other]) {
        held.expire(now)
        const metadata = held.space.get('', now) === undefined ? 0 : 1
        assert.equal(held.space.valueCount, held.space.keys(now).length + metadata)
      }
    }
  }
  holds(fc.property(fc.array(step, { maxLength: 40 }), run), 500)
  // what is not named again was deleted
  const missed = ['set', 'send', 'delete', 'wait', 'wait', 'wait', 'set', 'over', 'send', 'send']
  run(missed.map((what, i) => ({ what, key: what === 'send' ? 5 : i === 6 ? 1 : 0 })))
})
