// Events: what one peer says, all others hear.
//
//   node --import tsx simulation/examples/events.ts
import { Telepathine } from '../../lib/index.js'

const a = await new Telepathine(0).start().ready()
const b = new Telepathine(0, [a.name])

a.hearOnce('eventname', (data, fromPeer) => {
  console.log('a received eventname =', data, 'from', fromPeer)
  a.say('reply', 'thank you')
})

a.hear('*', function (data, fromPeer) {
  console.log('a received', this.event, '=', data, 'from', fromPeer)
})

b.hearOnce('reply', async (data, fromPeer) => {
  console.log('b received reply =', data, 'from', fromPeer)
  await b.stop()
  await a.stop()
})

// b says this before it has met anyone. An event lives for 20 s unless told otherwise: whoever comes in time hears it.
b.on('start', () => b.say('eventname', 'eventdata'))
b.start()
