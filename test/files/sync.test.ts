import { mkdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { FileSync, type FileSyncOptions } from '../../lib/files/index.js'
import { emptyFolder, filesOf, until } from './fixtures/disk.js'
import { Peers, type LocalPeer } from './fixtures/peers.js'

interface Side {
  name: string
  peer: LocalPeer
  folder: string
  sync: FileSync
  shared: string[]
  errors: (string | undefined)[]
}

/** One peer and its folder, syncing. */
async function side(
  t: Test, peers: Peers, name: string, prepare?: (folder: string) => unknown, options: FileSyncOptions = {},
): Promise<Side> {
  const folder = await emptyFolder(t)
  await prepare?.(folder)
  return begin(t, peers, name, folder, options)
}

async function begin(
  t: Test, peers: Peers, name: string, folder: string, options: FileSyncOptions = {},
): Promise<Side> {
  const peer = peers.get(name) ?? peers.add(name)
  const sync = new FileSync(peer.peer, folder, { settleMS: 30, ...options })
  const shared: string[] = []
  const errors: (string | undefined)[] = []
  sync.on('shared', name => shared.push(name))
  sync.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code))
  t.teardown(() => sync.close())
  await sync.ready()
  return { name, peer, folder, sync, shared, errors }
}

async function allHave(sides: readonly Side[], files: Record<string, string>): Promise<void> {
  const print = (found: Record<string, string>) => JSON.stringify(Object.entries(found).sort())
  const wanted = print(files)
  for (const { name, folder } of sides) {
    await until(`${name} has ${wanted}`, async () => print(await filesOf(folder)) === wanted)
  }
}

/** Which peers share a file. */
function sharers(sides: readonly Side[], name: string): string[] {
  return sides.filter(side => side.peer.keys().includes(`file:${name}`)).map(side => side.name)
}

t.test('what changes in one folder changes in all, and is shared by one', async t => {
  const peers = new Peers()
  const sides = [await side(t, peers, 'a'), await side(t, peers, 'b'), await side(t, peers, 'c')] as const
  const [a, b, c] = sides
  await mkdir(join(b.folder, 'deep'))
  await writeFile(join(b.folder, 'deep/x'), 'from b')
  await allHave(sides, { 'deep/x': 'from b' })
  await writeFile(join(c.folder, 'deep/x'), 'from c')
  await allHave(sides, { 'deep/x': 'from c' })
  await until('one shares it', () => sharers(sides, 'deep/x').join() === 'c')
  await rm(join(a.folder, 'deep'), { recursive: true })
  await allHave(sides, {})
})

t.test('what came from the network is not shared again: no echo', async t => {
  const peers = new Peers()
  const sides = [await side(t, peers, 'a'), await side(t, peers, 'b'), await side(t, peers, 'c')] as const
  for (let i = 0; i < 5; i++) {
    await writeFile(join(sides[0].folder, 'x'), `version ${i}`)
    await allHave(sides, { x: `version ${i}` })
  }
  // Whatever the watchers still have to say about the files written last.
  await sleep(300)
  t.strictSame(sides.map(side => side.shared.length), [5, 0, 0])
})

t.test('of changes in two folders at once one stays, the same everywhere', async t => {
  const peers = new Peers()
  const sides = [await side(t, peers, 'a'), await side(t, peers, 'b'), await side(t, peers, 'c')] as const
  for (let round = 0; round < 3; round++) {
    await Promise.all(sides.map(side => writeFile(join(side.folder, 'x'), `${round} from ${side.name}`)))
    await until('agreement', async () => {
      const [one, ...others] = await Promise.all(sides.map(async side => (await filesOf(side.folder))['x']))
      return one?.startsWith(String(round)) === true && others.every(other => other === one)
    })
  }
  await until('one shares it', () => sharers(sides, 'x').length === 1)
})

t.test('folders that were filled apart become one, the newer version of each file winning', async t => {
  const peers = new Peers()
  const filled = (files: Record<string, [text: string, time: number]>) => async (folder: string) => {
    for (const [name, [text, time]] of Object.entries(files)) {
      await writeFile(join(folder, name), text)
      await utimes(join(folder, name), time, time)
    }
  }
  const inA = filled({ x: ['new', 2_000], y: ['old', 1_000], same: ['same', 1_500], a: ['a', 1_000] })
  const inB = filled({ x: ['old', 1_000], y: ['new', 2_000], same: ['same', 1_500], b: ['b', 1_000] })
  const a = await side(t, peers, 'a', inA)
  const b = await side(t, peers, 'b', inB)
  await allHave([a, b], { x: 'new', y: 'new', same: 'same', a: 'a', b: 'b' })
  const names = ['x', 'y', 'same', 'a', 'b']
  await until('each is shared once', () => names.every(name => sharers([a, b], name).length === 1))
})

t.test('who was away takes part with what it has: newer wins, deleted is deleted', async t => {
  const peers = new Peers()
  const a = await side(t, peers, 'a')
  let b = await side(t, peers, 'b')
  for (const name of ['kept', 'changed', 'changed here', 'deleted']) await writeFile(join(a.folder, name), '1')
  await allHave([a, b], { kept: '1', changed: '1', 'changed here': '1', deleted: '1' })
  await b.sync.close()
  await writeFile(join(a.folder, 'changed'), '2')
  await rm(join(a.folder, 'deleted'))
  await writeFile(join(b.folder, 'changed here'), '2')
  await allHave([a], { kept: '1', changed: '2', 'changed here': '1' })
  b = await begin(t, peers, 'b', b.folder)
  await allHave([a, b], { kept: '1', changed: '2', 'changed here': '2' })
})

t.test('a peer that joins has it all, also of a peer that died', async t => {
  const peers = new Peers()
  const [a, b, c] = [await side(t, peers, 'a'), await side(t, peers, 'b'), await side(t, peers, 'c')]
  await writeFile(join(a.folder, 'x'), 'x')
  await writeFile(join(a.folder, 'gone'), 'gone')
  await allHave([a, b, c], { x: 'x', gone: 'gone' })
  await rm(join(a.folder, 'gone'))
  await allHave([a, b, c], { x: 'x' })
  t.strictSame(sharers([a, b, c], 'x'), ['a'])
  peers.kill('a')
  await until('the first of the others shares it', () => sharers([b, c], 'x').join() === 'b')
  await until('deletions too', () => sharers([b, c], 'gone').join() === 'b')
  a.peer.own.clear()
  const d = await side(t, peers, 'd', async folder => {
    await writeFile(join(folder, 'gone'), 'gone')
    await utimes(join(folder, 'gone'), 1, 1)
  })
  await allHave([b, c, d], { x: 'x' })
})

t.test('an older file copied over a newer one is the last change all the same', async t => {
  const peers = new Peers()
  const [a, b] = [await side(t, peers, 'a'), await side(t, peers, 'b')]
  await writeFile(join(a.folder, 'x'), 'new')
  await allHave([a, b], { x: 'new' })
  await writeFile(join(b.folder, '..restored'), 'from the backup')
  await utimes(join(b.folder, '..restored'), 1_000, 1_000)
  await rename(join(b.folder, '..restored'), join(b.folder, 'x'))
  await until('everywhere', async () => (await filesOf(a.folder))['x'] === 'from the backup')
  await allHave([a, b], { x: 'from the backup' })
})

t.test('news about a file that is just being written here do not tear it', async t => {
  const peers = new Peers()
  const [a, b] = [await side(t, peers, 'a', undefined, { settleMS: 150 }), await side(t, peers, 'b')]
  await writeFile(join(a.folder, 'x'), 'half')
  await writeFile(join(b.folder, 'x'), 'other')
  await until('heard', () => b.shared.includes('x'))
  await sleep(30)
  await writeFile(join(a.folder, 'x'), 'half and half')
  await allHave([a, b], { x: 'half and half' })
  t.notOk(a.shared.length > 1, 'the half was never shared')
})

t.test('a file that was cut short and does not look changed yet is not taken for whole', async t => {
  const peers = new Peers()
  const [a, b] = [await side(t, peers, 'a', undefined, { settleMS: 150 }), await side(t, peers, 'b')]
  const written: number[] = []
  b.sync.on('written', (_, bytes) => written.push(bytes))
  await writeFile(join(a.folder, 'x'), 'as it was')
  await allHave([a, b], { x: 'as it was' })
  const { mtime } = await stat(join(a.folder, 'x'))
  // What the system shows for a moment while it truncates: no contents, and the time of before.
  await writeFile(join(a.folder, 'x'), '')
  await utimes(join(a.folder, 'x'), mtime, mtime)
  peers.add('c').set('file:x', { data: Buffer.from('older, but something to look at'), time: 1 })
  await sleep(50)
  await writeFile(join(a.folder, 'x'), 'whole again')
  await allHave([a, b], { x: 'whole again' })
  t.strictSame(written, ['as it was'.length, 'whole again'.length])
})

t.test('a deletion is forgotten in the end', async t => {
  const peers = new Peers()
  const [a, b] = [await side(t, peers, 'a'), await side(t, peers, 'b')]
  await writeFile(join(a.folder, 'x'), 'x')
  await allHave([a, b], { x: 'x' })
  await rm(join(a.folder, 'x'))
  await allHave([a, b], {})
  const record = a.peer.own.get('file:x')
  t.match(record?.value, { deleted: true })
  t.ok(Math.abs((record?.expiresAt ?? 0) - Date.now() - 24 * 3_600_000) < 60_000)
})

t.test('a folder that vanishes as a whole deletes nothing elsewhere', async t => {
  const peers = new Peers()
  const [a, b] = [await side(t, peers, 'a'), await side(t, peers, 'b')]
  await writeFile(join(a.folder, 'x'), 'x')
  await allHave([a, b], { x: 'x' })
  await rename(a.folder, `${a.folder}-unmounted`)
  t.teardown(() => rm(`${a.folder}-unmounted`, { recursive: true }))
  await until('reported', () => a.errors.includes('ENOENT'))
  await sleep(200)
  t.strictSame(await filesOf(b.folder), { x: 'x' })
})

t.test('refuses what is too large or has a name that leads out', async t => {
  const peers = new Peers()
  const evil = peers.add('evil')
  const a = await side(t, peers, 'a', undefined, { maxFileSize: 10 })
  evil.set('file:../evil', { data: Buffer.from('x'), time: Date.now() })
  evil.set('file:large', { data: Buffer.alloc(11), time: Date.now() })
  evil.set('file:fine', { data: Buffer.alloc(10), time: 5 })
  await until('written', async () => 'fine' in (await filesOf(a.folder)))
  t.strictSame(a.errors, ['ERR_KEY', 'ERR_TOO_LARGE'])
  await writeFile(join(a.folder, 'large here'), Buffer.alloc(11))
  await until('reported', () => a.errors.length === 3)
  t.notOk(a.peer.keys().includes('file:large here'))
})
