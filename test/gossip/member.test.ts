import t from 'tap'
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
