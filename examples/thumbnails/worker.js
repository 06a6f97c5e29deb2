// A worker of the thumbnail farm; `farm.js` starts some, and more may join from anywhere:
//
//   node examples/thumbnails/worker.js <port> <seed>
import { Telepathine } from 'telepathine'
import { Dispatcher } from 'telepathine/work'
import { decode, encode, shrink } from './png.js'

const [port = '0', ...seeds] = process.argv.slice(2)
const address = process.env.ADDRESS ?? '127.0.0.1'
const peer = await new Telepathine(Number(port), seeds, { address, cluster: 'thumbnails' }).start().ready()
const work = new Dispatcher(peer)

// one picture at a time, as it keeps the processor busy
work.serve('thumbnail', ({ picture, size }) => {
  return { bytes: encode(shrink(decode(picture), size)), by: peer.name }
}, { concurrency: 1 })

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    await work.stop()
    await peer.stop()
  })
}
