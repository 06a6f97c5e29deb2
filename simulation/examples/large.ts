// Large values: what does not fit into a datagram goes over a connection. Nothing else changes.
//
//   node --import tsx simulation/examples/large.ts
import { Telepathine } from '../../lib/index.js'

const a = await new Telepathine(0).start().ready()
const b = await new Telepathine(0, [a.name]).start().ready()

const sizes = [100, 150_101, 1_000_000]
let missing = sizes.length

a.know('**', async function (peer, value) {
  console.log(`a knows that ${peer} set ${this.event}, ${(value as string).length} bytes`)
  missing -= 1
  if (missing > 0) return
  await b.stop()
  await a.stop()
})

for (const size of sizes) {
  console.log(`b sets size:${size}`)
  b.set(`size:${size}`, 'x'.repeat(size))
}

// There is an end to it: `maxValueBytes`. The call says so at once.
try {
  b.set('too large', new Uint8Array(100_000_000))
} catch (error) {
  console.log((error as NodeJS.ErrnoException).code)
}
