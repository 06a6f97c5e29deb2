import t from 'tap'
import { identify } from '../../lib/gossip/identity.js'
import { Member } from '../../lib/gossip/member.js'
import { nameOf, stranger } from './fixtures/members.js'

t.test('a suspect counts as alive, the dead and those who left do not', async (t) => {
  const member = stranger(nameOf(1))
  const living = (['alive', 'suspect', 'dead', 'left'] as const).filter((state) => {
    member.state = state
    return member.isLive
  })
  t.same(living, ['alive', 'suspect'])
  t.equal(member.name, nameOf(1))
})

t.test('its first word makes a member known, as version 1, before it has a log', async (t) => {
  const member = new Member(identify(nameOf(1), 1))
  t.same([member.introduced, member.maxVersion, member.gcVersion], [false, 0, 0])
  member.metadata = new Uint8Array(0)
  t.same([member.introduced, member.maxVersion, member.gcVersion, member.space], [true, 1, 0, undefined])
})

t.test('who was never dealt with has nothing noted, and cannot be noted on by mistake', async (t) => {
  const [a, b] = [stranger(nameOf(1)), stranger(nameOf(2))]
  a.note().queuedBytes = 7
  t.same([a.contact.queuedBytes, b.contact.queuedBytes], [7, 0])
  t.throws(() => {
    ;(b.contact as { queuedBytes: number }).queuedBytes = 1
  }, TypeError)
})
