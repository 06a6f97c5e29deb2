import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Telepathine } from '../../lib/index.js'
import { Agent } from '../../lib/nanite/index.js'
import { Dispatcher } from '../../lib/work/index.js'

async function folder(t: Test): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'telepathine-nanite-'))
  t.teardown(() => rm(path, { recursive: true, force: true }))
  return path
}

/** Real peers that know each other: files are not a matter of virtual time. */
async function peers(t: Test, count: number): Promise<Telepathine[]> {
  const all: Telepathine[] = []
  for (let i = 0; i < count; i++) {
    const peer = await new Telepathine(0, all.slice(0, 1).map(({ name }) => name)).start().ready()
    t.teardown(() => peer.stop())
    all.push(peer)
  }
  return all
}

async function subscribed(peer: Telepathine, domain: string, count: number): Promise<void> {
  const work = new Dispatcher(peer)
  await work.waitFor(`nanite files ${domain}`, { count })
  await work.stop()
}

t.test('a file goes to all who have subscribed to its domain, whole', async (t) => {
  const [a, b, c] = await peers(t, 3) as [Telepathine, Telepathine, Telepathine]
  const [from, to] = [await folder(t), await folder(t)]
  const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251))
  await writeFile(join(from, 'large.bin'), bytes)
  await writeFile(join(from, 'empty'), '')
  const sender = new Agent(a, { file_root: from })
  const writer = new Agent(b, { file_root: to })
  const reader = new Agent(c)
  const read: unknown[] = []
  writer.subscribe_to_files('backups', true)
  reader.subscribe_to_files('backups', false, (data, destination, meta) => {
    read.push([data.equals(bytes), destination, meta])
  })
  reader.subscribeToFiles('global', false, (data, destination) => void read.push([data.length, destination]))
  await subscribed(a, 'backups', 2)
  await subscribed(a, 'global', 1)
  const sent = await sender.broadcast_file('large.bin', { domain: 'backups', destination: 'a/b.bin', meta: { n: 1 } })
  t.equal(sent.bytes, bytes.length)
  t.strictSame([...sent.delivered].sort(), [b.name, c.name].sort())
  t.strictSame(sent.missing, [])
  t.ok(bytes.equals(await readFile(join(to, 'a', 'b.bin'))))
  t.strictSame(await sender.broadcastFile(join(from, 'empty')), { bytes: 0, delivered: [c.name], missing: [] })
  t.strictSame(read, [[true, 'a/b.bin', { n: 1 }], [0, 'empty']])
  t.strictSame(await sender.broadcast_file('empty', { domain: 'nobody' }), { bytes: 0, delivered: [], missing: [] })
})

t.test('nothing is written outside the folder, whatever a sender says', async (t) => {
  const [a, b] = await peers(t, 2) as [Telepathine, Telepathine]
  const [to, outside] = [await folder(t), await folder(t)]
  await symlink(outside, join(to, 'link'))
  const writer = new Agent(b, { file_root: to })
  const read: unknown[] = []
  writer.subscribe_to_files('global', true, (_, destination) => void read.push(destination))
  // a sender that does not check
  const work = new Dispatcher(a)
  work.serve('nanite file', async function* () {
    yield Buffer.from('evil')
  })
  await work.waitFor('nanite files global')
  const offer = (destination: unknown, bytes: unknown = 4): Promise<unknown> =>
    work.request('nanite files global', { id: 'x', bytes, destination })
  for (const destination of [
    '../evil', 'a/../../evil', '/tmp/evil', `${outside}/evil`, 'link/evil', 'C:\\evil', '..\\evil', '', '.', 'a\0b', 5,
  ]) {
    await t.rejects(offer(destination), JSON.stringify(destination))
  }
  for (const bytes of [-1, 1.5, '4', null, 2 ** 40, 3, 5]) await t.rejects(offer('size', bytes), String(bytes))
  await t.rejects(work.request('nanite files global', 'no offer'))
  t.strictSame(await readdir(outside), [])
  t.strictSame(await readdir(to), ['link'])
  t.strictSame(read, [])
  t.equal(await offer('fine'), 4)
  t.strictSame(read, ['fine'])
  await work.stop()
})

t.test('what cannot be sent or taken is refused', async (t) => {
  const [a, b] = await peers(t, 2) as [Telepathine, Telepathine]
  const from = await folder(t)
  await writeFile(join(from, 'file'), '12345')
  const sender = new Agent(a, { file_root: from })
  const reader = new Agent(b, { max_file_bytes: 4 })
  await t.rejects(sender.broadcast_file('none'), { code: 'ENOENT' })
  await t.rejects(sender.broadcast_file('.', { destination: 'x' }), { code: /EISDIR|ERR_OPTION/ })
  await t.rejects(sender.broadcast_file('file', { destination: '../up' }), { code: 'ERR_KEY' })
  await t.rejects(sender.broadcast_file('file', { domain: '' }), { code: 'ERR_OPTION' })
  await t.rejects(sender.broadcast_file('file', { nonsense: 1 } as object), { code: 'ERR_OPTION' })
  t.throws(() => reader.subscribe_to_files('global', true), { code: 'ERR_OPTION', message: /^file_root: / })
  t.throws(() => reader.subscribe_to_files('global', false, 5 as never), { code: 'ERR_OPTION' })
  reader.subscribe_to_files()
  t.throws(() => reader.subscribe_to_files(), { code: 'ERR_BUSY' })
  await subscribed(a, 'global', 1)
  t.strictSame((await sender.broadcast_file('file')).missing, [{ agent: b.name, reason: 'ERR_TOO_LARGE' }])
  await reader.stop()
  t.strictSame((await sender.broadcast_file('file')).delivered, [])
})
