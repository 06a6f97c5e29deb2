// Files: share a folder, write what others share, or keep one folder the same everywhere.
//
//   node --import tsx simulation/examples/files.ts
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FileInput, FileOutput, FileSync } from '../../lib/files/index.js'
import { Telepathine } from '../../lib/index.js'

const a = await new Telepathine(0).start().ready()
const b = await new Telepathine(0, [a.name]).start().ready()
const home = await mkdtemp(join(tmpdir(), 'telepathine-files-'))

// One way: a shares these examples, b writes them down.
const output = new FileOutput(b, join(home, 'copies'))
const input = new FileInput(a, import.meta.dirname)
const [name, bytes] = await once(output, 'written')
console.log(`b wrote ${name}, ${bytes} bytes`)
await input.close()
await output.close()

// Both ways: one folder on each side, and they stay the same. Its keys begin with another word, to keep the two apart.
const here = new FileSync(a, join(home, 'here'), { keyPrefix: 'ours:' })
const there = new FileSync(b, join(home, 'there'), { keyPrefix: 'ours:' })
await here.ready()
await there.ready()

await writeFile(join(home, 'here/greeting.txt'), 'hello')
await once(there, 'written')
console.log('there it says', await readFile(join(home, 'there/greeting.txt'), 'utf8'))

await writeFile(join(home, 'there/greeting.txt'), 'hello yourself')
await once(here, 'written')
console.log('here it says', await readFile(join(home, 'here/greeting.txt'), 'utf8'))

await rm(join(home, 'here/greeting.txt'))
await once(there, 'removed')
console.log('greeting.txt is gone on both sides')

await here.close()
await there.close()
await b.stop()
await a.stop()
await rm(home, { recursive: true })
