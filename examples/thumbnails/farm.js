// A thumbnail farm: pictures are made small by as many processes as there are processors, here and on other machines.
//
//   node examples/thumbnails/farm.js                  makes some pictures, and thumbnails of them, in ./pictures
//   node examples/thumbnails/farm.js photos           thumbnails of all photos/*.png, in photos/thumbnails
//   node examples/thumbnails/worker.js 0 :9000        more workers, while it runs; on another machine with ADDRESS=…
//
// Each picture goes to the less busy of two workers. One that dies takes nothing with it: to make a thumbnail twice
// does no harm (`idempotent`), so what it was at is given to another. Kill one and see.
import { fork } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { Telepathine } from 'telepathine'
import { Dispatcher } from 'telepathine/work'
import { encode } from './png.js'

const [folder = 'pictures'] = process.argv.slice(2)
const [address, port] = [process.env.ADDRESS ?? '127.0.0.1', Number(process.env.PORT ?? 9000)]

const pictures = await find(folder)
const peer = await new Telepathine(port, [], { address, cluster: 'thumbnails' }).start().ready()
const work = new Dispatcher(peer)
const workers = Array.from({ length: availableParallelism() }, () => {
  return fork(join(import.meta.dirname, 'worker.js'), ['0', peer.name])
})
await work.waitFor('thumbnail')
await mkdir(join(folder, 'thumbnails'), { recursive: true })

const began = Date.now()
const queue = pictures.values()
/** As many at a time as keep all workers busy, and no more in memory. */
await Promise.all(Array.from({ length: 2 * workers.length }, async () => {
  for (const name of queue) {
    try {
      const picture = await readFile(join(folder, name))
      const { bytes, by } = await work.request('thumbnail', { picture, size: 128 }, { idempotent: true })
      await writeFile(join(folder, 'thumbnails', name), bytes)
      console.log(`${name}: ${picture.length} bytes, thumbnail ${bytes.length}, by ${by}`)
    } catch (error) {
      console.log(`${name}: ${error.message}`)
    }
  }
}))
console.log(`${pictures.length} pictures, ${workers.length} workers, ${Date.now() - began} ms`)

for (const worker of workers) worker.kill()
await peer.stop()

/** The pictures in a folder; makes some where there is none. */
async function find(folder) {
  await mkdir(folder, { recursive: true })
  const names = (await readdir(folder)).filter((name) => name.endsWith('.png'))
  if (names.length > 0) return names
  const made = Array.from({ length: 12 }, (_, i) => `sample-${i + 1}.png`)
  for (const [i, name] of made.entries()) await writeFile(join(folder, name), encode(sample(i)))
  return made
}

/** Rings in colours, different ones each time. */
function sample(i) {
  const [width, height] = [1200, 800]
  const data = Buffer.alloc(width * height * 4, 255)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const d = Math.hypot(x - width / 2, y - height / 2) / (20 + i * 4)
      for (let c = 0; c < 3; c++) data[(y * width + x) * 4 + c] = 128 + 127 * Math.sin(d + i + c * 2)
    }
  }
  return { width, height, data }
}
