import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { Send } from '../../lib/gossip/effects.js'
import type { Member } from '../../lib/gossip/member.js'
import { Message, readHeader } from '../../lib/gossip/message.js'
import { open, Post } from '../../lib/gossip/post.js'
import { holds } from './fixtures/holds.js'
import { Home, nameOf } from './fixtures/members.js'

class Office {
  readonly home: Home
  readonly post: Post
  readonly member: Member

  constructor(udp = true) {
    this.home = new Home({ udp })
    this.post = new Post(this.home.config, this.home.mesh, this.home.outbox)
    this.member = this.home.mesh.meet(nameOf(1), 1, 0, undefined, 0) as Member
  }

  /** Sends so many bytes, and says which way they went. */
  send(bytes: number): Send['via'] | undefined {
    this.post.send('news', this.member, [new Uint8Array(bytes)])
    return this.sent()?.via
  }

  sent(): { via: Send['via']; bytes: Uint8Array } | undefined {
    const [send] = this.home.outbox.drain().sends
    return send && { via: send.via, bytes: new Uint8Array(Buffer.concat(send.parts)) }
  }
}

t.test('small messages go as datagrams and large ones over connections', async (t) => {
  const office = new Office()
  t.equal(office.send(office.post.datagramBytesMax), 'datagram')
  t.equal(office.send(office.post.datagramBytesMax + 1), 'stream')
  t.equal(new Office(false).send(10), 'stream')
})

t.test('a datagram is never larger than allowed, its checksum included', async (t) => {
  const office = new Office()
  office.post.send('news', office.member, [new Uint8Array(office.post.datagramBytesMax)])
  t.equal(office.sent()?.bytes.length, office.home.config.maxDatagramBytes)
})

t.test(
  'where three datagrams in a row were not answered, small ones take the connection too, until one is',
  async (t) => {
    const office = new Office()
    for (const _ of [1, 2, 3]) {
      t.equal(office.send(10), 'datagram')
      office.post.asked(office.member)
    }
    t.equal(office.send(10), 'stream')
    office.post.answered(office.member, 5_000)
    t.equal(office.send(10), 'datagram')
    t.equal(office.member.contact.answeredAt, 5_000)
  },
)

t.test('what goes over a connection counts as waiting until the host says otherwise', async (t) => {
  const office = new Office()
  office.post.stream('repair', nameOf(1), [new Uint8Array(100), new Uint8Array(20)])
  office.post.datagram('repair', nameOf(1), [new Uint8Array(100)])
  office.post.stream('repair', 'stranger:1', [new Uint8Array(100)])
  t.equal(office.member.contact.queuedBytes, 120)
})

t.test('a message says who sends it', async (t) => {
  const { home, post } = new Office()
  home.mesh.self.beat = 7
  const reader = open(post.begin(Message.digest).take(), 'stream')
  t.same(reader && readHeader(reader, post.tag), { kind: Message.digest, name: nameOf(0), incarnation: 1, beat: 7 })
})

t.test('a datagram opens as it was sealed; with any one byte changed it does not', async () => {
  const { home, post } = new Office()
  const body = fc.uint8Array({ minLength: 1, maxLength: 200 })
  holds(
    fc.property(body, fc.nat(10), fc.nat(), fc.integer({ min: 1, max: 255 }), (body, cut, place, change) => {
      post.datagram('news', nameOf(1), [body.subarray(0, cut), body.subarray(cut)])
      const bytes = new Uint8Array(Buffer.concat(home.outbox.drain().sends[0]?.parts ?? []))
      const reader = open(bytes, 'datagram')
      assert.deepEqual(reader?.source.slice(reader.at, reader.end), body)
      bytes[place % bytes.length]! ^= change
      assert.equal(open(bytes, 'datagram'), undefined)
    }),
  )
})

t.test('what is too short to have a checksum does not open', async (t) => {
  for (const length of [0, 1, 3]) t.equal(open(new Uint8Array(length), 'datagram'), undefined)
})
