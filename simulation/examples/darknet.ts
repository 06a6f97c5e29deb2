// A closed cluster: who has the key takes part, who has another or none learns nothing.
//
//   node --import tsx simulation/examples/darknet.ts
//
// With `network` all that peers say is sealed: datagrams by AES-256-GCM, connections by TLS 1.3. The key itself never
// goes over the wire. Here it is made on the spot; usually it comes from a file or from the environment, and
// `telepathine keygen` makes one.
import { randomBytes } from 'node:crypto'
import { Telepathine } from '../../lib/index.js'

const network = randomBytes(32).toString('base64url')

// Two who have the key.
const a = await new Telepathine(0, [], { network }).start().ready()
const b = await new Telepathine(0, [a.name], { network }).start().ready()

// One with another key, and one without. Both know where a is.
const wrong = await new Telepathine(0, [a.name], { network: randomBytes(32).toString('base64url') }).start().ready()
const none = await new Telepathine(0, [a.name]).start().ready()

// a is told of whoever tries. Once in a while, not each time: the door may be knocked on as often as anybody likes.
a.on('peer:rejected', ({ address, reason }) => console.log(`a turned away ${address}: ${reason}`))

// Whoever is turned away is told as much, and no more.
wrong.on('peer:rejected', ({ reason }) => console.log(`wrong key: ${reason}`))

a.set('secret', 'the treasure is under the third stone')
none.set('bait', 'let me in')

a.after(1_500, async () => {
  const show = (who: string, peer: Telepathine): void => {
    console.log(`${who} sees ${peer.livePeers().length} and reads ${peer.getRemote(a.name, 'secret')}`)
  }
  show('b', b)
  show('wrong key', wrong)
  show('no key', none)
  console.log(`a sees ${a.livePeers().length} and reads ${a.getRemote(none.name, 'bait')} where no key is`)

  // Keys can be replaced while all goes on: first everybody gets to know the new one beside the old,
  // then seals by it, then forgets the old one.
  const next = randomBytes(32).toString('base64url')
  for (const keys of [[network, next], [next, network], next]) for (const peer of [a, b]) peer.rekey(keys)
  a.set('secret', 'it is under the fourth')
})

b.know('secret', async (_peer, value) => {
  if (value !== 'it is under the fourth') return
  console.log(`b, by the new key, reads ${value}`)
  for (const peer of [a, b, wrong, none]) await peer.stop()
})
