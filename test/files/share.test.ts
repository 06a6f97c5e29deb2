import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { FileInput, FileOutput, FileSync } from '../../lib/files/index.js'
import { Telepathine } from '../../lib/index.js'
import { emptyFolder, filesOf, until } from './fixtures/disk.js'

/** Three real peers on loopback, which know each other. */
async function cluster(): Promise<Telepathine[]> {
  const first = await new Telepathine(0).start().ready()
  const others = await Promise.all([0, 1].map(() => new Telepathine(0, [first.name]).start().ready()))
  const peers = [first, ...others]
  await until('all know each other', () => peers.every(peer => peer.livePeers().length === 2))
  return peers
}

t.test('a folder shared by one peer is written by the others, byte for byte, and again as it changes', async t => {
  const peers = await cluster()
  const source = await emptyFolder(t)
  const all = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 31) % 251))
  await mkdir(join(source, 'deep/ü'), { recursive: true })
  await writeFile(join(source, 'deep/ü/all.bin'), all)
  await writeFile(join(source, 'empty'), '')
  await writeFile(join(source, 'megabyte'), Buffer.alloc(1 << 20, 'm'))
  const targets = [await emptyFolder(t), await emptyFolder(t)] as const
  const input = new FileInput(peers[0] as Telepathine, source)
  const outputs = targets.map((target, i) => new FileOutput(peers[i + 1] as Telepathine, target))
  for (const target of targets) {
    await until('all files', async () => Object.keys(await filesOf(target)).length === 3)
    t.strictSame(await filesOf(target), await filesOf(source))
  }
  await writeFile(join(source, 'empty'), 'no more')
  await rm(join(source, 'deep'), { recursive: true })
  for (const target of targets) {
    await until('changes', async () => Object.keys(await filesOf(target)).sort().join() === 'empty,megabyte')
    await until('contents', async () => (await filesOf(target))['empty'] === 'no more')
  }
  for (const share of [input, ...outputs]) await share.close()
  for (const peer of peers) await peer.stop()
})

t.test('folders in sync stay so when the peer that shared a file leaves, and when it comes back', async t => {
  const peers = await cluster()
  const [first, second, third] = peers as [Telepathine, Telepathine, Telepathine]
  const folders = [await emptyFolder(t), await emptyFolder(t), await emptyFolder(t)] as const
  const syncs = peers.map((peer, i) => new FileSync(peer, folders[i] as string, { settleMS: 50 }))
  for (const sync of syncs) await sync.ready()
  await writeFile(join(folders[2], 'x'), 'from the third')
  for (const folder of folders) await until('x', async () => (await filesOf(folder))['x'] === 'from the third')

  await third.stop()
  await syncs[2]?.close()
  await until('another shares it', () => [first, second].some(peer => peer.keys().includes('file:x')))
  await writeFile(join(folders[0], 'x'), 'from the first')
  await until('the second has it', async () => (await filesOf(folders[1]))['x'] === 'from the first')

  const again = await new Telepathine(third.port, [second.name]).start().ready()
  const sync = new FileSync(again, folders[2], { settleMS: 50 })
  await until('the third has it', async () => (await filesOf(folders[2]))['x'] === 'from the first')
  for (const each of [...syncs, sync]) await each.close()
  for (const peer of [first, second, again]) await peer.stop()
})

t.test('what changes while a peer is stopped is shared when it starts again', async t => {
  const peers = await cluster()
  const [first, second] = peers as [Telepathine, Telepathine]
  const [source, target] = [await emptyFolder(t), await emptyFolder(t)]
  const input = new FileInput(first, source, { settleMS: 20 })
  const output = new FileOutput(second, target)
  await input.ready()
  await first.stop()
  await writeFile(join(source, 'x'), 'x')
  await new Promise(resolve => setTimeout(resolve, 300))
  await first.start().ready()
  await until('written', async () => (await filesOf(target))['x'] === 'x')
  await input.close()
  await output.close()
  for (const peer of peers) await peer.stop()
})
