import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Snapshot, type Memory } from '../../lib/host/snapshot.js'
import { World } from '../fixtures/world.js'

function snapshotIn(dir: string, current: () => Memory = () => ({ incarnation: 1, peers: [] })) {
  const world = new World()
  const file = join(dir, 'peer.json')
  const errors: Error[] = []
  return { world, file, errors, snapshot: new Snapshot(file, world.clock, current, (error) => errors.push(error)) }
}

t.test('what is written is read, and nothing else is left lying about', async (t) => {
  const dir = t.testdir()
  const memory = { incarnation: 1_800_000_000_000, peers: ['127.0.0.1:9000', '[::1]:9001'] }
  const { snapshot } = snapshotIn(dir, () => memory)
  await snapshot.flush()
  t.strictSame(await snapshot.load(), memory)
  t.strictSame(readdirSync(dir), ['peer.json'])
})

t.test('changes are gathered, and written within 3 seconds', async (t) => {
  let writes = 0
  const { snapshot, world, file } = snapshotIn(t.testdir(), () => ({ incarnation: ++writes, peers: [] }))
  snapshot.touch()
  snapshot.touch()
  await world.run(100)
  snapshot.touch()
  t.notOk(existsSync(file))
  await world.run(2_400)
  await snapshot.flush()
  t.equal(writes, 2, 'once for all changes, once for the flush')
})

t.test('a flush while another is under way writes what is true then', async (t) => {
  let incarnation = 1
  const { snapshot } = snapshotIn(t.testdir(), () => ({ incarnation, peers: [] }))
  const first = snapshot.flush()
  incarnation = 2
  await Promise.all([first, snapshot.flush()])
  t.match(await snapshot.load(), { incarnation: 2 })
})

t.test('a file that is missing, torn or garbage counts as none', async (t) => {
  const { snapshot, file, errors } = snapshotIn(t.testdir())
  const nothing = { incarnation: 0, peers: [] }
  t.strictSame(await snapshot.load(), nothing)
  const whole = JSON.stringify({ incarnation: 5, peers: ['127.0.0.1:9000'] })
  const garbage = [
    '', '\0\0\0', 'null', '[]', '{}', '{"incarnation":1e300,"peers":[]}', '{"incarnation":"5","peers":[]}',
  ]
  for (const text of [whole.slice(0, -3), ...garbage]) {
    writeFileSync(file, text)
    t.strictSame(await snapshot.load(), nothing, JSON.stringify(text))
  }
  t.strictSame(errors, [])
})

t.test('what is no address in a file is passed over, and there are at most 64', async (t) => {
  const many = Array.from({ length: 100 }, (_, i) => `10.0.0.1:${i + 1}`)
  const { snapshot, file } = snapshotIn(t.testdir(), () => ({ incarnation: 1, peers: many }))
  writeFileSync(file, JSON.stringify({ incarnation: 5, peers: ['x', null, '127.0.0.1:9000', ':0'] }))
  t.strictSame(await snapshot.load(), { incarnation: 5, peers: ['127.0.0.1:9000'] })
  await snapshot.flush()
  t.equal((JSON.parse(readFileSync(file, 'utf8')) as Memory).peers.length, 64)
})

t.test('a file that cannot be written is reported, and the next change tries again', async (t) => {
  const dir = t.testdir()
  const { snapshot, file, errors } = snapshotIn(join(dir, 'missing'))
  await snapshot.flush()
  t.match(errors, [{ code: 'ENOENT' }])
  mkdirSync(join(dir, 'missing'))
  await snapshot.flush()
  t.ok(existsSync(file))
  t.equal(errors.length, 1)
})
