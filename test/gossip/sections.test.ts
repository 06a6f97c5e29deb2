import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { Malformed, Writer } from '../../lib/gossip/bytes.js'
import { Kind } from '../../lib/gossip/entry.js'
import { identify } from '../../lib/gossip/identity.js'
import { Member } from '../../lib/gossip/member.js'
import type { SectionOutcome } from '../../lib/gossip/sections.js'
import type { Told } from './fixtures/members.js'
import { holds } from './fixtures/holds.js'
import { graceMs, Holder, Owner, stepMs, type Position, type Word } from './fixtures/relay.js'

/** What happens in a story. Numbers are folded into what there is to choose from. */
type Step =
  | { readonly do: 'set' | 'setForAWhile' | 'delete' | 'say'; readonly key: number; readonly size: number }
  | { readonly do: 'wait'; readonly steps: number }
  | { readonly do: 'look'; readonly from: number; readonly at: number }
  | {
      readonly do: 'send'
      readonly from: number
      readonly to: number
      readonly budget: number
      readonly stale: boolean
    }
  | { readonly do: 'sync'; readonly from: number; readonly to: number; readonly budget: number }
  | { readonly do: 'broadcast'; readonly back: number; readonly to: number; readonly budget: number }
  | { readonly do: 'deliver'; readonly which: number; readonly again: boolean; readonly cut: number | undefined }

const nat = (max: number): fc.Arbitrary<number> => fc.nat(max)
const budget = fc.integer({ min: 40, max: 400 })

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constantFrom('set', 'setForAWhile', 'delete', 'say'), key: nat(5), size: nat(60) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), steps: fc.integer({ min: 1, max: 40 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('look' as const), from: nat(3), at: nat(3) }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('send' as const), from: nat(3), to: nat(3), budget, stale: fc.boolean() }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('sync' as const), from: nat(3), to: nat(3), budget }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('broadcast' as const), back: nat(4), to: nat(3), budget }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('deliver' as const),
      which: nat(20),
      again: fc.boolean(),
      cut: fc.option(nat(300), { freq: 8, nil: undefined }),
    }),
  },
)

interface Flying {
  readonly from: Holder
  readonly to: Holder
  readonly bytes: Uint8Array
  readonly at: number
}

/** An owner, who writes, and three who pass on what they know of it, in any order and with any mishap. */
class Story {
  now = 1_600
  readonly owner = new Owner({ maxEventBytes: 1_000 })
  readonly others = [1, 2, 3].map((i) => new Holder(i, { maxEventBytes: 1_000 }))
  readonly all = [this.owner, ...this.others]
  said = 0
  #nextValue = 0
  #flying: Flying[] = []
  #seen = new Map<string, { position: Position; at: number }>()
  #highest = new Map<Holder, Position>()
  #shown = new Map<Holder, Map<string, number>>()
  /** All words on a key, and when each ends. */
  #words = new Map<string, Word[]>()
  /** How much of what each was told has been looked at, and the version of each key that was told last. */
  #looked = new Map<Holder, { count: number; readonly versions: Map<string, number> }>()
  /** What may still be shown by one who is starting over: what it showed before. */
  #leftovers = new Map<Holder, Map<string, number>>()

  constructor(steps: readonly Step[]) {
    for (const other of this.others)
      other.take(this.owner.deltaFor(other.position, 1_000, false, this.now) as Uint8Array, this.now)
    for (const step of steps) {
      this.#perform(step)
      for (const [key, word] of this.owner.lastWords) {
        const words = this.#words.get(key) ?? []
        if (words.at(-1) !== word) this.#words.set(key, [...words, word])
      }
      for (const other of this.others) this.#check(other)
    }
  }

  #perform(step: Step): void {
    const { owner } = this
    switch (step.do) {
      case 'set':
      case 'setForAWhile': {
        const deadline = step.do === 'set' ? Infinity : this.now + stepMs * (1 + step.size)
        owner.write(Kind.set, `k${step.key}`, `${this.#nextValue++}`.padEnd(step.size, '.'), deadline, this.now)
        break
      }
      case 'delete':
        if (owner.has(`k${step.key}`, this.now))
          owner.write(Kind.tombstone, `k${step.key}`, '', this.now + graceMs, this.now)
        break
      case 'say':
        this.said++
        owner.write(
          Kind.event,
          `e${step.key}`,
          `${this.said}`.padEnd(step.size, '.'),
          this.now + stepMs * (1 + step.size),
          this.now,
        )
        break
      case 'wait':
        this.wait(step.steps)
        break
      case 'look': {
        const at = this.all[step.at] as Holder
        this.#seen.set(`${step.from} ${step.at}`, { position: at.position, at: this.now })
        break
      }
      case 'send': {
        const to = this.all[step.to] as Holder
        const seen = this.#seen.get(`${step.from} ${step.to}`)
        const position =
          step.stale && seen !== undefined && seen.at > this.now - graceMs / 2 ? seen.position : to.position
        const from = this.all[step.from] as Holder
        this.#fly(from, to, from.deltaFor(position, step.budget, false, this.now))
        break
      }
      case 'sync': {
        const to = this.all[step.to] as Holder
        const from = this.all[step.from] as Holder
        const delta = from.deltaFor(to.position, step.budget, false, this.now)
        if (delta !== undefined) to.take(delta, this.now, from.name)
        break
      }
      case 'broadcast': {
        const from = Math.max(0, owner.position.max - 1 - step.back)
        this.#fly(owner, this.all[step.to] as Holder, owner.delta(from, step.budget, false, this.now))
        break
      }
      case 'deliver':
        this.#deliver(step.which, step.again, step.cut)
    }
  }

  #fly(from: Holder, to: Holder, bytes: Uint8Array | undefined): void {
    if (bytes !== undefined) this.#flying.push({ from, to, bytes, at: this.now })
  }

  #deliver(which: number, again: boolean, cut: number | undefined): void {
    this.#flying = this.#flying.filter(({ at }) => at > this.now - graceMs / 2)
    const at = which % Math.max(1, this.#flying.length)
    const flying = this.#flying[at]
    if (flying === undefined) return
    if (!again) this.#flying.splice(at, 1)
    const { from, to, bytes } = flying
    if (cut === undefined || cut >= bytes.length) {
      to.take(bytes, this.now, from.name)
      return
    }
    try {
      to.take(bytes.subarray(0, cut), this.now, from.name)
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
    }
  }

  wait(steps: number): void {
    for (let i = 0; i < steps; i++) {
      this.now += stepMs
      for (const { home } of this.all) home.expire(this.now)
    }
  }

  /** Everybody hears from the owner until there is nothing left to hear. */
  catchUp(): void {
    for (const other of this.others) {
      for (;;) {
        const delta = this.owner.deltaFor(other.position, 300, true, this.now)
        if (delta === undefined) break
        const before = this.#highest.get(other)
        other.take(delta, this.now)
        this.#check(other)
        assert.notDeepEqual(other.position, before, 'every delta goes further')
      }
    }
  }

  /** What is told to have ended has ended, by a word or by its time, after what was told of it last. */
  #checkEnds(other: Holder): void {
    const looked = this.#looked.get(other) ?? { count: 0, versions: new Map<string, number>() }
    this.#looked.set(other, looked)
    for (const one of other.told.slice(looked.count)) {
      if (one.kind === 'changed') looked.versions.set(one.key, one.version)
      if (one.kind !== 'removed' && one.kind !== 'expired') continue
      const last = looked.versions.get(one.key) ?? 0
      const isOver = (this.#words.get(one.key) ?? []).some(
        ({ version, isSet, deadline }) =>
          (version > last && !isSet) || (version >= last && isSet && deadline <= this.now),
      )
      if (!isOver) throw new Error(`${one.key} was ${one.kind} after version ${last}, and has not ended`)
    }
    looked.count = other.told.length
  }

  /** What must hold at any time. */
  #check(other: Holder): void {
    this.#checkEnds(other)
    const { max, gc } = other.position
    const before = this.#highest.get(other)
    if (before !== undefined && (gc < before.gc || (gc === before.gc && max < before.max))) {
      throw new Error(`from (${before.gc}, ${before.max}) back to (${gc}, ${max})`)
    }
    if (before !== undefined && gc > before.gc && before.max < gc)
      this.#leftovers.set(other, this.#shown.get(other) ?? new Map())
    else if (max === this.owner.position.max) this.#leftovers.delete(other)
    this.#highest.set(other, { max, gc })
    const visible = other.visible(this.now)
    this.#shown.set(other, new Map([...visible].map(([key, { version }]) => [key, version])))
    const leftovers = this.#leftovers.get(other)
    for (const [key, word] of this.owner.lastWords) {
      if (key === '' || word.version > max) continue
      const shown = visible.get(key)
      if (shown !== undefined && shown.version !== word.version && shown.version !== leftovers?.get(key)) {
        throw new Error(`${key} of version ${shown.version} is shown at ${max}, although ${word.version} replaced it`)
      }
      if (word.isSet && word.deadline > this.now && shown?.value !== word.value) {
        throw new Error(`${key} is ${shown?.value} at ${max}, and should be ${word.value}`)
      }
    }
    const believed = mirror(other.told)
    for (const [key, { value }] of visible) {
      if (believed.get(key) !== value) throw new Error(`${key} is ${value}, and ${believed.get(key)} was told last`)
    }
    if (believed.size !== visible.size)
      throw new Error(`${[...believed.keys()].join(' ')} were told, ${[...visible.keys()].join(' ')} are shown`)
  }
}

/** The state that one arrives at who believes what is told. */
function mirror(told: readonly Told[]): Map<string, string> {
  const state = new Map<string, string>()
  for (const one of told) {
    if (one.kind === 'changed') state.set(one.key, one.value)
    else if (one.kind === 'removed' || one.kind === 'expired') {
      if (!state.delete(one.key)) throw new Error(`${one.key} was ${one.kind}, and was not there`)
    }
  }
  return state
}

const steps = (count: number): fc.Arbitrary<Step[]> => fc.array(step, { maxLength: count, size: 'max' })

t.test('whatever happens on the way, everybody ends where the owner is', async () => {
  holds(
    fc.property(steps(120), (steps) => {
      const story = new Story(steps)
      story.catchUp()
      for (const other of story.others) {
        if (other.position.max !== story.owner.position.max) throw new Error('not up to date')
        const lasting = (holder: Holder) =>
          [...holder.visible(story.now)].filter(([key]) => story.owner.has(key, story.now)).sort()
        assert.deepEqual(lasting(other), lasting(story.owner))
      }
      story.wait(2 * 61 + (2 * graceMs) / stepMs)
      story.catchUp()
      for (const other of story.others) {
        assert.deepEqual([...other.visible(story.now)].sort(), [...story.owner.visible(story.now)].sort())
        const space = other.home.mesh.spaceOf(other.owner as Member, story.now)
        assert.equal(space.stateBytes, story.owner.space?.stateBytes, 'what is counted is what is held')
        assert.equal(space.eventBytes, 0)
      }
    }),
    400,
  )
})

t.test('a change of a key is told once, and never one older than what was told before', async () => {
  holds(
    fc.property(steps(120), (steps) => {
      for (const other of new Story(steps).others) {
        const told = new Map<string, number>()
        for (const one of other.told) {
          if (one.kind !== 'changed') continue
          if (one.version <= (told.get(one.key) ?? 0))
            throw new Error(`${one.key} of version ${one.version} told after ${told.get(one.key)}`)
          told.set(one.key, one.version)
        }
      }
    }),
    300,
  )
})

t.test('events are heard once, in order, and those that are not heard are counted as missed', async () => {
  holds(
    fc.property(steps(120), (steps) => {
      const story = new Story(steps)
      // one that was cut off may have lost the count; the next word brings it
      story.owner.write(Kind.set, 'last', '', Infinity)
      story.catchUp()
      for (const other of story.others) {
        let place = 0
        for (const one of other.told) {
          if (one.kind === 'missed') place += one.count
          else if (one.kind === 'said' && one.sequence !== ++place)
            throw new Error(`event ${one.sequence} in place ${place}`)
        }
        assert.equal(place, story.said)
      }
    }),
    300,
  )
})

t.test('what was replaced is not told as removed by one who starts over', async (t) => {
  /** Somebody who shows `k` and is told of the log in parts; how the parts come to be is up to each story. */
  const scene = () => {
    const [owner, relay, other] = [new Owner(), new Holder(1), new Holder(2)]
    let now = 1_600
    const tell = (from: Holder, to: Holder, budgetBytes = 1_000): void => {
      to.take(from.deltaFor(to.position, budgetBytes, true, now) as Uint8Array, now, from.name)
    }
    const graceEnds = (...holders: Holder[]): void => {
      now += graceMs + stepMs
      for (const { home } of holders) home.expire(now)
    }
    const set = (key: string, value: string): void => owner.write(Kind.set, key, value, Infinity)
    const remove = (key: string): void => owner.write(Kind.tombstone, key, '', now + graceMs, now)
    const removed = (): unknown[] => other.told.filter(({ kind }) => kind === 'removed')
    const shown = (): unknown => other.visible(now).get('k')?.value
    return { owner, relay, other, tell, graceEnds, set, remove, removed, shown }
  }

  t.test('though the one who tells it has not heard all itself', async (t) => {
    const { owner, relay, other, tell, graceEnds, set, remove, removed, shown } = scene()
    tell(owner, relay)
    set('k', 'one')
    set('j', 'x')
    tell(owner, other)
    remove('j')
    set('filler', 'y'.repeat(100))
    set('k', 'two')
    tell(owner, relay, 60)
    t.equal(relay.position.max, 4, 'told by one who knows that `k` was replaced, and not yet by what')
    graceEnds(owner, relay)
    tell(relay, other)
    t.equal(other.position.gc, 4, 'started over')
    t.equal(shown(), 'one')
    t.strictSame(removed(), [])
    tell(owner, other)
    t.equal(shown(), 'two')
    t.strictSame(removed(), [{ kind: 'removed', key: 'j' }])
  })

  t.test('though part of it had been told before it started over', async (t) => {
    const { owner, relay, other, tell, graceEnds, set, remove, removed, shown } = scene()
    tell(owner, relay)
    set('k', 'one')
    tell(owner, other)
    set('k', 'two')
    set('a', 'x')
    set('pad', 'x'.repeat(100))
    set('j', 'x')
    remove('j')
    tell(owner, relay)
    set('k', 'three')
    tell(owner, other, 70)
    t.equal(other.position.max, 4, 'by one who knows that `k` was replaced twice')
    graceEnds(relay)
    tell(relay, other)
    t.strictSame(other.position, { max: 7, gc: 7 }, 'started over')
    t.equal(shown(), 'one')
    tell(owner, other)
    t.equal(shown(), 'three')
    t.strictSame(removed(), [])
  })
})

t.test('a peer that starts over takes nothing from one that has not seen the deletions', async (t) => {
  const [owner, over, behind] = [new Owner(), new Holder(1), new Holder(2)]
  let now = 1_600
  const sync = (from: Holder, to: Holder, budgetBytes = 1_000): SectionOutcome[] =>
    to.take(from.deltaFor(to.position, budgetBytes, true, now) as Uint8Array, now)
  sync(owner, over)
  for (const key of ['a', 'b', 'c', 'gone']) owner.write(Kind.set, key, 'x', Infinity)
  sync(owner, behind)
  owner.write(Kind.tombstone, 'gone', '', now + graceMs)
  owner.write(Kind.set, 'd', 'x', Infinity)
  now += 2 * graceMs
  owner.home.expire(now)
  sync(owner, over, 1)
  t.same(over.position, { max: 1, gc: 6 }, 'it has begun anew')
  const delta = behind.delta(1, 1_000, false, now) as Uint8Array
  over.take(delta, now)
  t.same(over.position, { max: 1, gc: 6 })
  t.same([...over.visible(now).keys()], [])
  sync(owner, over)
  t.same([...over.visible(now).keys()].sort(), ['a', 'b', 'c', 'd'])
})

t.test('a section takes no more than its budget, the end of the message included', async () => {
  const sizes = fc.array(fc.nat(300), { minLength: 1, maxLength: 30 })
  holds(
    fc.property(sizes, fc.integer({ min: 1, max: 1_400 }), fc.nat(30), (sizes, budget, from) => {
      const owner = new Owner()
      sizes.forEach((size, i) => owner.write(i % 3 === 0 ? Kind.event : Kind.set, `k${i}`, 'x'.repeat(size), Infinity))
      const delta = owner.delta(from, budget, false, 1_600)
      assert.ok(delta === undefined || delta.length <= budget, `${delta?.length} for ${budget}`)
    }),
    500,
  )
})

t.test('what came too early waits for what comes before it', async (t) => {
  const [owner, other] = [new Owner(), new Holder(1)]
  other.take(owner.delta(0, 1_000, false, 1_600) as Uint8Array, 1_600)
  const deltas = Array.from({ length: 9 }, (_, i) => {
    owner.write(Kind.set, `k${i}`, 'x', Infinity)
    return owner.delta(i + 1, 1_000, false, 1_600) as Uint8Array
  })
  for (const delta of deltas.slice(1).reverse()) {
    const [outcome] = other.take(delta, 1_600)
    t.equal(outcome?.gap, true)
  }
  t.equal(other.position.max, 1)
  other.take(deltas[0] as Uint8Array, 1_600)
  t.equal(other.position.max, 10)
  t.same(
    other.told.map((one) => ('key' in one ? one.key : '')),
    deltas.map((_, i) => `k${i}`),
  )
})

t.test('what waits is bounded', async (t) => {
  const [owner, other] = [new Owner(), new Holder(1)]
  other.take(owner.delta(0, 1_000, false, 1_600) as Uint8Array, 1_600)
  owner.write(Kind.set, 'first', 'x', Infinity)
  const first = owner.delta(1, 1_000, false, 1_600) as Uint8Array
  for (let i = 0; i < 1_000; i++) {
    owner.write(Kind.set, `k${i}`, 'x', Infinity)
    other.take(owner.delta(2 + i, 1_000, false, 1_600) as Uint8Array, 1_600)
  }
  other.take(first, 1_600)
  t.equal(other.position.max, 2, 'the eldest were let go, so there still is a gap')
})

t.test('one is met at the beginning of its log only, and not in an older life', async (t) => {
  const [owner, other] = [new Owner(), new Holder(1)]
  owner.write(Kind.set, 'a', '1', Infinity)
  const [outcome] = other.take(owner.delta(1, 1_000, false, 1_600) as Uint8Array, 1_600)
  t.same([outcome?.member, outcome?.gap, other.space], [undefined, true, undefined])
  other.home.mesh.meet(owner.home.mesh.self.name, 2, 0, undefined, 1_600)
  const [older] = other.take(owner.delta(0, 1_000, false, 1_600) as Uint8Array, 1_600)
  t.same([older?.member, older?.gap, other.position.max], [undefined, false, 0])
})

t.test('whoever is met is known by its first word, wherever what is told of it is cut', async (t) => {
  const [short, long] = [new Owner(), new Owner()]
  long.write(Kind.set, 'a', '1', Infinity)
  for (const owner of [short, long]) {
    const bytes = owner.delta(0, 1_000, false, 1_600) as Uint8Array
    const outcomes = new Set<boolean>()
    for (let cut = 0; cut < bytes.length; cut++) {
      const other = new Holder(1)
      t.throws(() => other.take(bytes.subarray(0, cut), 1_600), Malformed)
      t.equal(other.position.max > 0, other.owner !== undefined, `${cut} of ${bytes.length} bytes`)
      outcomes.add(other.owner !== undefined)
    }
    t.strictSame([...outcomes], [false, true])
  }
})

t.test('nobody tells us what we said, but that our name goes further is noted', async (t) => {
  const [owner, us] = [new Owner(), new Owner()]
  owner.write(Kind.set, 'a', '1', Infinity)
  us.take(owner.delta(0, 1_000, false, 1_600) as Uint8Array, 1_600)
  t.equal(us.position.max, 1)
  t.equal(us.sections.outbid, 0)
  const { self } = owner.home.mesh
  owner.home.mesh.settle(new Member(identify(self.name, 7), self.space))
  us.take(owner.delta(0, 1_000, false, 1_600) as Uint8Array, 1_600)
  t.equal(us.sections.outbid, 7)
  t.equal(us.position.max, 1)
})

t.test('hostile sections are refused', async (t) => {
  const section = (change: (writer: Writer) => void): Uint8Array => {
    const writer = new Writer()
    writer.u8(1)
    change(writer)
    return writer.take()
  }
  const head =
    (state: number, counters: readonly number[]) =>
    (writer: Writer): void => {
      writer.text('10.0.0.9:9000')
      writer.varint(1)
      writer.u8(state)
      for (const counter of counters) writer.varint(counter)
      writer.u8(0xff)
    }
  const closed =
    (to: number, latest: number) =>
    (writer: Writer): void => {
      head(0, [0, 0, 0])(writer)
      for (const counter of [to, latest, 0]) writer.varint(counter)
    }
  const huge = Number.MAX_SAFE_INTEGER
  const refused: [string, Uint8Array][] = [
    ['a mark that is none', Uint8Array.of(2)],
    ['no end', new Uint8Array(0)],
    ['a state that is none', section(head(3, [0, 0, 0]))],
    ['a heartbeat beyond belief', section(head(0, [huge, 0, 0]))],
    ['a version beyond belief', section(head(0, [0, huge, 0]))],
    ['a range that ends before it begins', section(closed(3, 2))],
    ['a name that is none', section((writer) => writer.text('nobody'))],
    ['an end that is cut off', section(head(0, [0, 0, 0]))],
  ]
  for (const [what, bytes] of refused) t.throws(() => new Holder(1).take(bytes, 1_600), { name: 'Malformed' }, what)
})

t.test('what is passed over is checked like what is read, as it may be passed on', async (t) => {
  const older = (end: (writer: Writer) => void): Uint8Array => {
    const writer = new Writer()
    writer.u8(1)
    writer.text('10.0.0.0:9000')
    for (const n of [1, 0, 0, 0, 0]) writer.varint(n)
    end(writer)
    return writer.take()
  }
  const word = (writer: Writer, step: number, key: readonly number[]): void => {
    writer.u8(Kind.set)
    writer.varint(step)
    writer.bytes(Uint8Array.from(key))
    writer.bytes(new Uint8Array(0))
    writer.u8(0xff)
  }
  const refused: [string, Uint8Array][] = [
    ['a latest version before the one reached', older((writer) => writer.raw(Uint8Array.of(0xff, 2, 1, 0)))],
    [
      'a version that does not rise',
      older((writer) => {
        word(writer, 0, [])
        writer.raw(Uint8Array.of(1, 1, 0, 0))
      }),
    ],
    [
      'a key that is no text',
      older((writer) => {
        word(writer, 1, [0xff])
        writer.raw(Uint8Array.of(1, 1, 0, 0))
      }),
    ],
  ]
  for (const [what, bytes] of refused) {
    const other = new Holder(1)
    other.home.mesh.meet('10.0.0.0:9000', 2, 0, undefined, 1_600)
    t.throws(() => other.take(bytes, 1_600), { name: 'Malformed' }, what)
  }
})

t.test('a first word makes somebody known without a log, and is passed on as it came', async (t) => {
  const [owner, other] = [new Owner(), new Holder(1)]
  const bytes = owner.delta(0, 1_000, false, 1_600) as Uint8Array
  const [outcome] = other.take(bytes, 1_600)
  t.same([outcome?.introduced, outcome?.reached, other.space], [true, 1, undefined])
  t.same(other.delta(0, 1_000, false, 1_600), bytes)
  t.equal(other.delta(0, bytes.length - 30, false, 1_600), undefined, 'it did not fit')
  const [again] = other.take(bytes, 1_700)
  t.same([again?.introduced, again?.gap], [false, false])
  owner.write(Kind.set, 'a', '1', Infinity)
  other.take(owner.delta(1, 1_000, false, 1_600) as Uint8Array, 1_700)
  t.equal(other.position.max, 2)
  t.same(other.delta(0, 1_000, false, 1_600), owner.delta(0, 1_000, false, 1_600))
})
