// Shared memory: every peer has keys of its own, and all others can read them.
//
//   node --import tsx simulation/examples/p2p.ts
//
// For the log of what goes on: DEBUG=telepathine:* in front of it.
import { Telepathine } from '../../lib/index.js'

// The first peer. Usually each peer is a process of its own, often on a machine of its own.
const seed = new Telepathine(0).start()
await seed.ready()

// Four more, each of which knows only the one before it. Knowing one that knows another is enough.
const peers = [seed]
for (let i = 0; i < 4; i++) {
  const peer = new Telepathine(0, [peers.at(-1)!.name]).start()
  peers.push(await peer.ready())

  // Any peer set any key.
  peer.on('set', (from, key, value) => console.log(`${peer.name} on set:     ${from} set ${key} = ${value}`))

  // One key. A name may hold wildcards: `*` stands for one part between colons, `**` for any number.
  peer.know('somekey', (from, value) => console.log(`${peer.name} knows:      ${from} set somekey = ${value}`))

  // When its time is over, a key goes everywhere.
  peer.on('key:expired', (owner, key) => console.log(`${peer.name} on expired: ${key} of ${owner}`))
}

// The last one of them sets something after a while: once for good, and once for half a second.
const writer = peers.pop()!
writer.after(500, () => {
  writer.set('somekey', 'somevalue')
  writer.set('somekey2', 'for a while', Date.now() + 500)
})

// Whoever knows the key can read it as well.
writer.after(800, () => {
  for (const peer of peers) {
    const keys = peer.getRemoteKeys(writer.name)
    console.log(`${peer.name} reads ${peer.getRemote(writer.name, 'somekey')}, keys ${keys}`)
  }
})

writer.after(1_500, async () => {
  for (const peer of [...peers, writer]) await peer.stop()
})
