// Belief: take over what another peer says about a key, as one's own.
//
//   node --import tsx simulation/examples/believe.ts
import { Telepathine } from '../../lib/index.js'

const a = await new Telepathine(0).start().ready()
const b = await new Telepathine(0, [a.name]).start().ready()
const c = await new Telepathine(0, [a.name]).start().ready()

// a believes as well, but nothing that it hears about x is news to it: b and c only say what a said.
a.believe('x', () => console.log('a should not get here: the value of x has not changed'))

console.log('b before:', b.get('x'))
b.believe('x', (peer, value) => {
  console.log('b believes', peer, 'that x =', value)
  console.log('b after:', b.get('x'))
})
c.believe('x')

a.after(500, () => a.set('x', 'y'))

// The belief outlives the peer that it came from.
a.after(1_000, async () => {
  await a.stop()
  console.log('a is gone, b says x =', b.get('x'), 'and c says x =', c.get('x'))
  await b.stop()
  await c.stop()
})
