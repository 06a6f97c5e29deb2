import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Trust } from '../../lib/apps/manifest.js'
import { type Kept, Store } from '../../lib/apps/store.js'
import { Supply, supplyService } from '../../lib/apps/supply.js'
import { Dispatcher } from '../../lib/work/index.js'
import { served } from '../http/fixtures/ask.js'
import { tempFolder } from './fixtures/archive.js'
import { signedApp } from './fixtures/hosts.js'
import { deployKeys } from './fixtures/keys.js'

const keys = deployKeys()

interface Depot {
  readonly name: string
  readonly store: Store
  readonly supply: Supply
  readonly work: Dispatcher
}

/** A peer with a store, and a supply unless another serves in its place. */
async function depot(t: Test, seeds: readonly string[] = [], restMs = 200): Promise<Depot> {
  const peer = await served(t, {}, seeds)
  const work = new Dispatcher(peer)
  const store = new Store(await tempFolder(t), new Trust([keys.publicKey], peer.cluster), () => false)
  await store.open()
  return { name: peer.name, store, supply: new Supply(work, store, restMs), work }
}

/** The first of them has an app, version 1. */
async function stocked(
  t: Test, bytes: number, restMs?: number,
): Promise<{ first: Depot, kept: Kept, archive: Buffer }> {
  const first = await depot(t, [], restMs)
  const files = { 'w.js': '', 'data.bin': randomBytes(bytes) }
  const { signed, archive } = await signedApp(t, files, 'zoo', 1, keys.privateKey)
  const kept = first.store.examine(signed)
  await using receiver = await first.store.receive(kept.manifest)
  await receiver.write(archive)
  await receiver.finish()
  await first.store.keep(kept)
  return { first, kept, archive }
}

const never = new AbortController().signal

t.test('eight peers have an app, and the first sent it twice', async t => {
  // nobody gives again while this lasts, however busy the machine is
  const restMs = 600_000
  const { first, kept, archive } = await stocked(t, 2 << 20, restMs)
  first.supply.open()
  const others: Depot[] = []
  for (let n = 0; n < 7; n++) others.push(await depot(t, [first.name], restMs))
  const holders = [first]
  const names = () => holders.map(({ name }) => name)
  await Promise.all(others.map(async each => {
    each.supply.open()
    await each.work.waitFor(supplyService, { count: 8 })
    const got = await each.supply.get(kept.hash, names, never)
    await each.store.keep(got)
    holders.push(each)
    t.ok((await readFile(each.store.archivePath(kept.manifest.sha256))).equals(archive), 'byte for byte')
  }))
  t.equal(holders.length, 8)
  t.equal(first.supply.givenBytes, 2 * archive.length)
  for (const each of others) t.ok(each.supply.givenBytes <= 2 * archive.length)
})

t.test('who comes late is given an app although those who have it gave their share', async t => {
  const { first, kept } = await stocked(t, 1_000)
  first.supply.open()
  for (let n = 0; n < 5; n++) {
    const late = await depot(t, [first.name])
    await late.work.waitFor(supplyService)
    t.equal((await late.supply.get(kept.hash, () => [first.name], never)).hash, kept.hash)
  }
})

t.test('a copy that was broken off is not one that was given', async t => {
  const { first, kept } = await stocked(t, 5 << 20, 1e9)
  first.supply.open()
  const other = await depot(t, [first.name])
  await other.work.waitFor(supplyService)
  const { sha256 } = kept.manifest
  for (let n = 0; n < 3; n++) {
    const ask = { what: 'archive', sha256, from: 0 }
    for await (const _ of other.work.stream(supplyService, ask, { target: first.name })) break
  }
  t.equal((await other.supply.get(kept.hash, () => [first.name], never)).hash, kept.hash)
})

t.test('who gives something wrong, or breaks off, does not keep an app from others', async t => {
  const { first, kept, archive } = await stocked(t, 1 << 20)
  first.supply.open()
  const liars = [await depot(t, [first.name]), await depot(t, [first.name]), await depot(t, [first.name])] as const
  const lie = (liar: Depot, give: (ask: { what: string, from: number }) => unknown) => {
    liar.work.serve(supplyService, give)
  }
  lie(liars[0], ({ what }) => (what === 'manifest' ? { text: 'x', signature: '' } : Buffer.alloc(archive.length)))
  lie(liars[1], ({ what }) => (what === 'manifest' ? 7 : archive.subarray(0, 100)))
  lie(liars[2], async function* ({ from }) {
    yield archive.subarray(from, from + 500_000)
    throw new Error('gone')
  })
  const last = await depot(t, [first.name])
  await last.work.waitFor(supplyService, { count: 4 })
  const got = await last.supply.get(kept.hash, () => [...liars, first].map(({ name }) => name), never)
  t.equal(got.hash, kept.hash)
  t.ok((await readFile(last.store.archivePath(kept.manifest.sha256))).equals(archive))
})

t.test('if all that there is is wrong, it is refused', async t => {
  const { first, kept, archive } = await stocked(t, 1_000)
  const wrong = Buffer.from(archive)
  wrong.writeUInt8(wrong.readUInt8(20) ^ 1, 20)
  first.work.serve(supplyService, ({ what }: { what: string }) => (what === 'manifest' ? kept.signed : wrong))
  const other = await depot(t, [first.name])
  await other.work.waitFor(supplyService)
  const get = other.supply.get(kept.hash, () => [first.name], never)
  await t.rejects(get, { code: 'ERR_DENIED', message: /not the one that was signed/ })
  t.notOk(await other.store.has(kept.manifest.sha256))
})

t.test('a manifest that this peer does not trust is refused, whoever has it', async t => {
  const { first, kept } = await stocked(t, 1_000)
  first.supply.open()
  const other = await depot(t, [first.name])
  const store = new Store(join(await tempFolder(t)), new Trust([deployKeys().publicKey], 'telepathine'), () => false)
  await store.open()
  await other.work.waitFor(supplyService)
  const get = new Supply(other.work, store).get(kept.hash, () => [first.name], never)
  await t.rejects(get, { code: 'ERR_DENIED', message: /not signed/ })
})

t.test('waiting for somebody who has it ends with the order', async t => {
  const { work, store } = await depot(t)
  const other = new AbortController()
  const get = new Supply(work, store).get('0'.repeat(64), () => [], other.signal)
  other.abort(new Error('another order came'))
  await t.rejects(get)
})
