import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { Malformed } from '../../lib/gossip/bytes.js'
import { Kind, type Entry } from '../../lib/gossip/entry.js'
import type { KeySpace } from '../../lib/gossip/keyspace.js'
import type { Member } from '../../lib/gossip/member.js'
import type { Signer } from '../../lib/gossip/notary.js'
import { batchMax } from '../../lib/gossip/testimony.js'
import { valueOf } from '../../lib/gossip/valueheap.js'
import { VirtualNotary } from '../../simulation/notary.js'
import { holds } from './fixtures/holds.js'
import { bytesOf, nameOf, textOf } from './fixtures/members.js'
import { graceMs, Holder, Owner } from './fixtures/relay.js'

const now = 1_600
const [nameOfOwner, nameOfHostile] = [nameOf(0), nameOf(1)]

/** Shows the owner's certificate, and signs with a key of its own. */
class Impostor extends VirtualNotary {
  override signer(): Signer {
    return { ...super.signer(), certificate: bytesOf(nameOfOwner) }
  }
}

/**
 * An owner; one who has its log and means harm; one who has it and is honest; and one who has heard of nobody yet.
 * `signed`: with certificates.
 */
class Scene {
  readonly owner: Owner
  readonly hostile: Holder
  readonly honest: Holder
  readonly newcomer: Holder
  readonly signed: boolean

  constructor(signed: boolean) {
    this.signed = signed
    this.owner = new Owner({}, this.#notary(0))
    const [hostile, honest, newcomer] = [1, 2, 3].map((i) => new Holder(i, {}, this.#notary(i))) as Trio
    Object.assign(this, { hostile, honest, newcomer })
    this.hostile = hostile
    this.honest = honest
    this.newcomer = newcomer
    const { owner } = this
    owner.write(Kind.set, 'colour', 'green', Infinity, now)
    owner.write(Kind.set, 'shape', 'round', Infinity, now)
    owner.write(Kind.set, 'mood', 'merry', now + 100_000, now)
    owner.write(Kind.event, 'bell', 'ding', now + 100_000, now)
    for (const holder of [hostile, honest]) holder.take(owner.delta(0, 10_000, true, now) as Uint8Array, now)
  }

  #notary(i: number): VirtualNotary | undefined {
    return this.signed ? new VirtualNotary(nameOf(i)) : undefined
  }

  /** The hostile one's copy of the owner's log, to be tampered with. */
  get loot(): Member & { space: KeySpace } {
    return this.hostile.owner as Member & { space: KeySpace }
  }

  entry(key: string): Entry {
    return this.loot.space.get(key, now) as Entry
  }

  /** Goes on writing the owner's log in its name, as well as one can who is not it; with whose certificate? */
  forge(write: (impostor: Owner) => void, incarnation = 1, certificate: 'theirs' | 'own' = 'theirs'): Uint8Array {
    const notary = new (certificate === 'theirs' ? Impostor : VirtualNotary)(nameOfHostile)
    const impostor = new Owner({}, this.signed ? notary : undefined, incarnation)
    const from = incarnation === 1 ? this.owner.position.max : 0
    for (let i = impostor.position.max; i < from; i++) impostor.write(Kind.set, 'filling', '', Infinity, now)
    write(impostor)
    return impostor.delta(from, 10_000, true, now) as Uint8Array
  }

  /** Passes on the hostile one's copy, from a version on. */
  passOn(from: number): Uint8Array {
    return this.hostile.delta(from, 10_000, true, now) as Uint8Array
  }
}

type Trio = [Holder, Holder, Holder]

/** All that a holder makes of the owner's log. */
function picture(holder: Holder): unknown {
  const { owner, space } = holder
  return {
    told: [...holder.told],
    shown: [...holder.visible(now)],
    position: holder.position,
    identity: owner?.identity.incarnation,
    state: owner?.state,
    events: space?.eventSequence,
    beat: Math.max(0, ...holder.beats.filter(({ name }) => name === nameOfOwner).map(({ beat }) => beat)),
    outbid: holder.sections.outbid,
  }
}

/** What a hostile peer may try on one who holds the log. */
const attacks: Readonly<Record<string, (scene: Scene) => Uint8Array>> = {
  'a value': (scene) => scene.forge((it) => it.write(Kind.set, 'colour', 'red', Infinity, now)),
  'a value, with a certificate of its own': (scene) =>
    scene.forge((it) => it.write(Kind.set, 'colour', 'red', Infinity, now), 1, 'own'),
  'an event': (scene) => scene.forge((it) => it.write(Kind.event, 'bell', 'dong', now + 9_999, now)),
  'a deletion': (scene) => scene.forge((it) => it.write(Kind.tombstone, 'colour', '', now + 9_999, now)),
  'a farewell': (scene) => scene.forge((it) => it.write(Kind.leave, '', '', now + 9_999, now)),
  'an answer to a suspicion': (scene) => scene.forge((it) => it.write(Kind.alive, '', 'now', now + 9_999, now)),
  'a new life': (scene) => scene.forge(() => {}, 2),
  'a new life, with a certificate of its own': (scene) => scene.forge(() => {}, 2, 'own'),
  'a heartbeat': (scene) => {
    scene.loot.beat = 2 ** 40
    return scene.passOn(0)
  },
  'a log that goes on': (scene) => {
    scene.loot.space.maxVersion = 2 ** 40
    return scene.passOn(0)
  },
  'that more was said than was heard': (scene) => {
    scene.owner.write(Kind.set, 'next', '', Infinity, now)
    scene.hostile.take(scene.owner.delta(5, 10_000, true, now) as Uint8Array, now)
    scene.loot.space.eventSequence = 1_000
    scene.honest.take(scene.owner.delta(5, 10_000, true, now) as Uint8Array, now)
    return scene.passOn(0)
  },
  'that all was deleted, and forgotten': (scene) => {
    for (const key of ['colour', 'shape']) scene.entry(key).gone = true
    scene.owner.write(Kind.set, 'next', '', Infinity, now)
    scene.hostile.take(scene.owner.delta(5, 10_000, true, now) as Uint8Array, now)
    scene.loot.space.gcVersion = scene.loot.space.maxVersion
    return scene.passOn(0)
  },
  'that tombstones are forgotten which never were': (scene) => {
    scene.loot.space.gcVersion = 2 ** 40
    return scene.passOn(0)
  },
  'another value in what it passes on': (scene) => {
    scene.owner.write(Kind.set, 'next', 'true', Infinity, now)
    scene.hostile.take(scene.owner.delta(5, 10_000, true, now) as Uint8Array, now)
    valueOf(scene.entry('next')).set(bytesOf('lies'))
    return scene.passOn(5)
  },
}

for (const [what, attack] of Object.entries(attacks)) {
  t.test(`nobody can make up ${what}`, async (t) => {
    const strike = (signed: boolean): { before: unknown; after: unknown; scene: Scene } => {
      const scene = new Scene(signed)
      const bytes = attack(scene)
      const before = picture(scene.honest)
      try {
        scene.honest.take(bytes, now, nameOfHostile)
      } catch (error) {
        if (!(error instanceof Malformed)) throw error
      }
      return { before, after: picture(scene.honest), scene }
    }
    const plain = strike(false)
    t.notSame(plain.after, plain.before, 'unsigned, it works')
    const { before, after, scene } = strike(true)
    t.strictSame(after, before)
    const { owner, honest } = scene
    owner.write(Kind.set, 'colour', 'blue', Infinity, now)
    honest.take(owner.deltaFor(honest.position, 10_000, true, now) as Uint8Array, now)
    t.equal(honest.visible(now).get('colour')?.value, 'blue', 'the owner is still heard')
  })
}

t.test('to one who has heard of nobody, that a peer left or died is a rumour', async (t) => {
  for (const how of ['left', 'dead'] as const) {
    const scene = new Scene(true)
    scene.loot.state = how
    scene.loot.beat = 2 ** 40
    scene.loot.note().stoppedAt = now
    scene.newcomer.take(scene.passOn(0), now, nameOfHostile)
    t.equal(scene.newcomer.owner?.state, 'dead', 'not left, so that it may show that it lives')
    t.equal(scene.newcomer.owner?.beat, 0, 'and any heartbeat of its own is news')
    t.equal(scene.newcomer.visible(now).get('colour')?.value, 'green')
  }
})

t.test('what nobody vouches for is nobody', async (t) => {
  const scene = new Scene(true)
  const invented = new Owner({}, new VirtualNotary(nameOfHostile), 7)
  t.strictSame(
    scene.newcomer.take(invented.delta(0, 10_000, true, now) as Uint8Array, now, nameOfHostile).map((it) => it.member),
    [undefined],
  )
  t.equal(scene.newcomer.owner, undefined)
})

t.test('nobody ends early what another holds; who has not seen it may be told that it is over', async (t) => {
  const scene = new Scene(true)
  const mood = scene.entry('mood')
  mood.deadline = now
  scene.honest.take(scene.passOn(0), now, nameOfHostile)
  scene.newcomer.take(scene.passOn(0), now, nameOfHostile)
  t.equal(scene.honest.visible(now).get('mood')?.value, 'merry')
  t.notOk(scene.newcomer.visible(now).has('mood'))
  mood.deadline = now + 10 ** 9
  const late = new Holder(4, {}, new VirtualNotary(nameOf(4)))
  late.take(scene.passOn(0), now, nameOfHostile)
  t.equal(late.space?.get('mood', now)?.deadline, now + 100_000, 'nor does it last longer than its owner said')
})

t.test('what has ended is passed on as it was said, until it is forgotten', async (t) => {
  const { owner, honest, newcomer } = new Scene(true)
  const later = now + 200_000
  for (const holder of [owner, honest]) holder.home.expire(later)
  newcomer.take(honest.delta(0, 10_000, true, later) as Uint8Array, later, nameOf(2))
  t.strictSame([...newcomer.visible(later).keys()], ['colour', 'shape'])
  t.strictSame(newcomer.position, honest.position)
  owner.write(Kind.set, 'mood', 'sad', Infinity, later)
  newcomer.take(owner.delta(5, 10_000, true, later) as Uint8Array, later)
  t.equal(newcomer.visible(later).get('mood')?.value, 'sad')
  for (const holder of [owner, honest, newcomer]) holder.home.expire(later + 10_000)
  t.equal(honest.space?.sizeOf('mood'), 0)
})

t.test('who missed a forgotten deletion starts over with the owner, and with nobody else', async (t) => {
  const { owner, hostile, honest } = new Scene(true)
  owner.write(Kind.tombstone, 'colour', '', now + graceMs, now)
  hostile.take(owner.delta(5, 10_000, true, now) as Uint8Array, now)
  const later = now + 10 * graceMs
  for (const holder of [owner, hostile]) holder.home.expire(later)
  t.equal(owner.position.gc, 6)
  const [outcome] = honest.take(hostile.delta(0, 10_000, true, later) as Uint8Array, later, nameOfHostile)
  t.match(outcome, { gap: true, onlyItself: true, advanced: false })
  t.equal(honest.visible(later).get('colour')?.value, 'green')
  honest.take(owner.delta(0, 120, true, later) as Uint8Array, later)
  t.ok(honest.space?.isStartingOver, 'half of it')
  const [rest] = honest.take(hostile.delta(1, 10_000, true, later) as Uint8Array, later, nameOfHostile)
  t.match(rest, { onlyItself: true })
  honest.take(owner.delta(honest.position.max, 10_000, true, later) as Uint8Array, later)
  t.strictSame([...honest.visible(later).keys()], ['shape', 'mood'])
})

t.test('whoever says that we lived on must have it signed by us', async (t) => {
  for (const signed of [true, false]) {
    const scene = new Scene(signed)
    const bytes = scene.forge(() => {}, 9, 'own')
    const { owner } = scene
    owner.take(bytes, now, nameOfHostile)
    t.equal(owner.sections.outbid, signed ? 0 : 9)
  }
  const scene = new Scene(true)
  const later = new Owner({}, new VirtualNotary(nameOfOwner), 9)
  scene.owner.take(later.delta(0, 10_000, true, now) as Uint8Array, now, nameOfHostile)
  t.equal(scene.owner.sections.outbid, 9)
})

t.test('whatever is said, in whatever batches and pieces, arrives over any number of relays', async () => {
  const write = fc.record({ key: fc.nat(30), what: fc.constantFrom('set', 'delete', 'say', 'timed', 'many') })
  holds(
    fc.property(fc.array(write, { maxLength: 60 }), fc.infiniteStream(fc.nat(9)), (writes, dice) => {
      const owner = new Owner({}, new VirtualNotary(nameOfOwner))
      const relays = [1, 2, 3].map((i) => new Holder(i, {}, new VirtualNotary(nameOf(i))))
      const chance = (): number => dice.next().value as number
      const move = (budget: number): void => {
        for (const [i, to] of relays.entries()) {
          const from = i === 0 ? owner : (relays[i - 1] as Holder)
          const bytes = from.deltaFor(to.position, budget, true, now)
          if (bytes !== undefined) to.take(bytes, now, nameOf(i))
        }
      }
      for (const { key, what } of writes) {
        if (what === 'set') owner.write(Kind.set, `k${key}`, `${key}`.repeat(key), Infinity, now)
        else if (what === 'timed') owner.write(Kind.set, `k${key}`, 'timed', now + 99_000, now)
        else if (what === 'say') owner.write(Kind.event, `e${key}`, 'data', now + 99_000, now)
        else if (what === 'many') {
          for (let i = 0; i < 99; i++) owner.write(Kind.set, `m${(key + i) % 120}`, '', Infinity, now)
        } else if (owner.has(`k${key}`, now)) owner.write(Kind.tombstone, `k${key}`, '', now + 99_000, now)
        if (chance() === 0) move(40 + 100 * chance())
      }
      const last = relays[2] as Holder
      for (let rounds = 0; last.position.max < owner.position.max; rounds++) {
        assert.ok(rounds < 20_000)
        move(200 + 100 * chance())
      }
      assert.deepEqual([...last.visible(now)].sort(byKey), [...owner.visible(now)].sort(byKey))
    }),
    40,
  )
})

/** What can be made of bytes, damaged or not, once the owner has told the rest. */
function repaired(owner: Owner, bytes: Uint8Array, holder = new Holder(3, {}, new VirtualNotary(nameOf(3)))): unknown {
  try {
    holder.take(bytes, now, nameOfHostile)
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
  }
  const rest = owner.deltaFor(holder.position, 10_000, true, now)
  if (rest !== undefined) holder.take(rest, now)
  // what tombstones are forgotten is said by whoever passes a log on
  return { ...(picture(holder) as object), beat: 0, position: holder.position.max }
}

t.test('damaged in any place, it changes nothing of what is known in the end', async () => {
  const { owner } = new Scene(true)
  const bytes = owner.delta(0, 10_000, true, now) as Uint8Array
  const right = repaired(owner, bytes)
  for (let at = 0; at < bytes.length; at++) {
    for (let bit = 1; bit < 256; bit *= 2) {
      const damaged = bytes.slice()
      damaged[at] = (damaged[at] as number) ^ bit
      assert.deepEqual(repaired(owner, damaged), right, `bit ${bit} of byte ${at}`)
    }
  }
})

t.test('who passes a word on can change neither its kind nor its lifetime', async (t) => {
  // where they lie before the end of what is kept, and what makes a verdict of a suspicion, or of a minute a year
  for (const [what, back, change] of [['kind', 4, Kind.suspect ^ Kind.dead], ['lifetime', 8, 8]] as const) {
    const { owner, hostile, newcomer } = new Scene(true)
    owner.write(Kind.suspect, '', 'somebody', now + 60_000, now)
    let kept: Entry | undefined
    hostile.home.witness.announced = (_space, entry) => (kept = entry)
    hostile.take(owner.delta(5, 10_000, true, now) as Uint8Array, now)
    const { chunk, offset, length } = kept as unknown as Entry
    const bytes = chunk?.bytes as Uint8Array
    const at = offset + length - back
    bytes[at] = (bytes[at] as number) ^ change
    const told = hostile.delta(0, 10_000, true, now) as Uint8Array
    t.throws(() => newcomer.take(told, now, nameOfHostile), { message: /not signed/ }, what)
  }
})

t.test('words of one life, name or cluster prove nothing in another', async (t) => {
  /** As if all peers were on one host, and had one certificate. */
  class Shared extends VirtualNotary {
    override trust(certificate: Uint8Array, _name: string): ReturnType<VirtualNotary['trust']> {
      return super.trust(certificate, textOf(certificate))
    }
  }
  const { owner } = new Scene(true)
  const bytes = owner.delta(0, 10_000, true, now) as Uint8Array
  const reader = (cluster: string): Holder => new Holder(3, { cluster }, new Shared(nameOf(3)))
  const changed = (at: number): Uint8Array => bytes.map((byte, i) => (i === at ? byte ^ 2 : byte))
  const endOfName = 2 + nameOfOwner.length
  const cases: [string, Uint8Array, Holder][] = [
    ['name', changed(endOfName - 1), reader('telepathine')],
    ['incarnation', changed(endOfName), reader('telepathine')],
    ['cluster', bytes, reader('another')],
  ]
  t.equal(reader('telepathine').take(bytes, now, nameOfHostile).length, 1)
  for (const [what, told, holder] of cases) {
    t.throws(() => holder.take(told, now, nameOfHostile), { message: /not signed by/ }, what)
  }
})

t.test('to one who has heard of nobody, nobody can say that more is forgotten than was ever said', async (t) => {
  const scene = new Scene(true)
  scene.loot.space.gcVersion = 2 ** 40
  t.throws(() => scene.newcomer.take(scene.passOn(0), now, nameOfHostile), { message: /beyond what its owner signed/ })
  scene.newcomer.take(scene.owner.delta(0, 10_000, true, now) as Uint8Array, now)
  t.strictSame(scene.newcomer.visible(now), scene.owner.visible(now))
})

t.test('what ended at its owner sooner, by its clock, ends here by ours', async (t) => {
  const { owner, honest } = new Scene(true)
  owner.write(Kind.tombstone, 'colour', '', now + graceMs, now)
  owner.home.expire(now + graceMs + 16)
  const mood = owner.space?.get('mood', now) as Entry
  mood.deadline = now
  honest.take(owner.delta(0, 10_000, true, now) as Uint8Array, now)
  t.equal(honest.position.gc, owner.position.gc, 'started over')
  t.equal(honest.visible(now).get('mood')?.value, 'merry')
  honest.home.expire(now + 200_000)
  t.strictSame(honest.told.filter(({ kind }) => kind === 'expired'), [{ kind: 'expired', key: 'mood' }])
})

t.test('one signature for a batch, and hardly a hash for each word', async (t) => {
  const notary = new VirtualNotary(nameOfOwner)
  let signatures = 0
  const signer = notary.signer()
  notary.signer = () => ({ ...signer, sign: (statement) => (signatures++, signer.sign(statement)) })
  const owner = new Owner({}, notary)
  for (let i = 1; i < 4 * batchMax; i++) owner.write(Kind.set, `k${i}`, 'value', Infinity, now)
  const signed = owner.delta(0, 10 ** 6, true, now) as Uint8Array
  t.equal(signatures, 4)
  const plain = new Owner()
  for (let i = 1; i < 4 * batchMax; i++) plain.write(Kind.set, `k${i}`, 'value', Infinity, now)
  const overhead = signed.length - (plain.delta(0, 10 ** 6, true, now) as Uint8Array).length
  t.ok(overhead < 18 * 4 * batchMax, `${overhead / (4 * batchMax)} bytes a word`)
})

function byKey([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1
}
