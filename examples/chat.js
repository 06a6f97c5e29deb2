// A chat in 30 lines. Run it in any number of shells on this machine, and type:
//
//   node examples/chat.js Anna
//
// Whoever comes first takes port 9000, all others join through it. Between machines give your address, and somebody's:
//
//   ADDRESS=10.0.0.2 node examples/chat.js Anna 10.0.0.1:9000
import { createInterface } from 'node:readline'
import { Telepathine } from 'telepathine'

const [name = 'somebody', seed = ':9000'] = process.argv.slice(2)
const address = process.env.ADDRESS ?? '127.0.0.1'

const options = { address, cluster: 'chat', metadata: { name } }
const join = (port, seeds) => new Telepathine(port, seeds, options).start().ready()
const peer = await join(Number(seed.split(':').pop()), [seed]).catch(() => join(0, [seed]))
const input = createInterface({ input: process.stdin })
const names = new Map()

console.log(`you are ${name}, at ${peer.name}`)
peer.on('peer:new', (who) => names.set(who.name, who.metadata.name))
peer.on('peer:start', (who) => console.log(`* ${names.get(who)} is here`))
peer.on('peer:stop', (who) => console.log(`* ${names.get(who)} is gone`))
// what was said a minute ago is heard by newcomers, too
peer.hear('line', (line, from) => console.log(`${names.get(from)}: ${line}`))

input.on('line', (line) => peer.say('line', line, 60_000))
input.on('close', () => peer.stop())
process.once('SIGINT', () => input.close())
