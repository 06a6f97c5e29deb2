import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type SignedManifest, Trust } from '../../lib/apps/manifest.js'
import { type Kept, Store } from '../../lib/apps/store.js'
import { tempFolder } from './fixtures/archive.js'
import { signedApp } from './fixtures/hosts.js'
import { deployKeys } from './fixtures/keys.js'

const keys = deployKeys()
const trust = new Trust([keys.publicKey], 'telepathine')

async function storeIn(folder: string, runs: (sha256: string) => boolean = () => false, whom = trust): Promise<Store> {
  const store = new Store(folder, whom, runs)
  await store.open()
  return store
}

const app = (t: Test, version: number, text = `// ${version}`) =>
  signedApp(t, { 'w.js': text }, 'zoo', version, keys.privateKey)

async function received(store: Store, { signed, archive }: { signed: SignedManifest, archive: Buffer }): Promise<Kept> {
  const kept = store.examine(signed)
  await using receiver = await store.receive(kept.manifest)
  await receiver.write(archive.subarray(0, 50))
  await receiver.write(archive.subarray(50))
  await receiver.finish()
  return kept
}

t.test('what was taken in is found again by a later life', async t => {
  const folder = await tempFolder(t)
  const store = await storeIn(folder)
  const kept = await received(store, await app(t, 1))
  const tree = await store.unpacked(kept.manifest)
  t.strictSame(await Promise.all([store.unpacked(kept.manifest), store.unpacked(kept.manifest)]), [tree, tree])
  await store.keep(kept)
  t.equal(await readFile(join(tree, 'w.js'), 'utf8'), '// 1')
  const later = await storeIn(folder)
  t.strictSame(later.find(kept.hash)?.manifest, kept.manifest)
  t.equal(await later.unpacked(kept.manifest), tree)
})

t.test('of two that come at once with one number only the first is kept', async t => {
  const store = await storeIn(await tempFolder(t))
  const [a, b] = [await received(store, await app(t, 1, 'a')), await received(store, await app(t, 1, 'b'))]
  const [first, second] = await Promise.allSettled([store.keep(a), store.keep(b)])
  t.equal(first?.status, 'fulfilled')
  t.match(second, { status: 'rejected', reason: { code: 'ERR_DENIED', message: /another version 1 of zoo/ } })
  t.strictSame(store.versions('zoo').map(({ hash }) => hash), [a.hash])
  const [old, late] = [await received(store, await app(t, 2)), await received(store, await app(t, 3))]
  await store.keep(late)
  const older = /version 3 of zoo is here already.*version 2 is older/
  await t.rejects(store.keep(old), { code: 'ERR_DENIED', message: older })
})

t.test('only the last two are kept, and what runs is not pulled away', async t => {
  const folder = await tempFolder(t)
  const running = new Set<string>()
  const store = await storeIn(folder, sha256 => running.has(sha256))
  const all: Kept[] = []
  const keep = async (version: number): Promise<void> => {
    const kept = await received(store, await app(t, version))
    all.push(kept)
    await store.unpacked(kept.manifest)
    await store.keep(kept)
  }
  const there = async (): Promise<number[]> => {
    const archives = await readdir(join(folder, 'archives'))
    const trees = await readdir(join(folder, 'trees'))
    t.equal(trees.length, archives.length + 1)
    return all.filter(({ manifest }) => archives.includes(`${manifest.sha256}.tgz`)).map(each => each.manifest.version)
  }
  for (const version of [1, 2]) await keep(version)
  running.add(all[0]?.manifest.sha256 ?? '')
  await keep(3)
  t.strictSame(await there(), [1, 2, 3])
  running.clear()
  await keep(4)
  t.strictSame(await there(), [3, 4])
})

t.test('a later life removes what a crash left, and nothing that a manifest names', async t => {
  const folder = await tempFolder(t)
  const store = await storeIn(folder)
  const kept = await received(store, await app(t, 1))
  await store.unpacked(kept.manifest)
  await store.keep(kept)
  await received(store, await app(t, 2))
  await writeFile(join(folder, 'incoming', 'half'), 'x')
  await mkdir(join(folder, 'manifests', 'zoo', 'folder.json'))
  await writeFile(join(folder, 'manifests', 'stray'), 'x')
  await writeFile(join(folder, 'manifests', 'zoo', '7.json'), '{"text":"{')
  // started without the key for once
  const strict = await storeIn(folder, () => false, new Trust([], 'telepathine'))
  t.strictSame(strict.all, [])
  const again = await storeIn(folder)
  t.strictSame(again.all.map(({ hash }) => hash), [kept.hash])
  t.strictSame(await readdir(join(folder, 'archives')), [`${kept.manifest.sha256}.tgz`])
  t.strictSame(await readdir(join(folder, 'incoming')), [])
})

t.test('an archive that is not what was signed leaves nothing', async t => {
  const folder = await tempFolder(t)
  const store = await storeIn(folder)
  const { signed, archive } = await app(t, 1)
  const { manifest } = store.examine(signed)
  const take = async (bytes: Buffer): Promise<void> => {
    await using receiver = await store.receive(manifest)
    await receiver.write(bytes)
    await receiver.finish()
  }
  await t.rejects(take(archive.subarray(1)), { code: 'ERR_DENIED', message: /cut off/ })
  await t.rejects(take(Buffer.concat([archive, archive])), { code: 'ERR_DENIED', message: /larger than its manifest/ })
  t.strictSame(await readdir(join(folder, 'incoming')), [])
  t.strictSame(await readdir(join(folder, 'archives')), [])
  t.notOk(await store.has(manifest.sha256))
})
