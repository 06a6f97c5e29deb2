// Addresses: a peer has one name, but not everybody can reach it under that name.
//
//   node --import tsx simulation/examples/wan.ts
//
// A peer in another network is called by the address that the world sees. Peers beside it, behind the same router,
// often cannot use that one (routers seldom send such packets back in), so they map it: what is to be dialled, to what
// is dialled instead. Here 203.0.113.7 plays the address on the Internet. It is a documentation address: nobody has it,
// and without the map b could not reach a.
import { Telepathine } from '../../lib/index.js'

const wanAddress = '203.0.113.7'
const lanAddress = '127.0.0.1'

// `address` is what others are told, `bind` where it really listens.
const a = await new Telepathine(0, [], { address: wanAddress, bind: lanAddress }).start().ready()
const b = new Telepathine(0, [a.name], { addressMap: { [wanAddress]: lanAddress } })

a.know('x', (peer, value) => console.log('a knows that', peer, 'set x =', value, 'and sees', a.livePeers()))
b.know('x', (peer, value) => console.log('b knows that', peer, 'set x =', value, 'and sees', b.livePeers()))

a.set('x', 'from the WAN')
b.on('start', () => b.set('x', 'from the LAN'))
b.start()

b.after(1_500, async () => {
  await b.stop()
  await a.stop()
})
