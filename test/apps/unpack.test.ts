import { existsSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { unpack } from '../../lib/apps/unpack.js'
import { archiveOf, type Entry, tarOf } from './fixtures/archive.js'

const good: Entry = { path: 'counter.js', body: 'process.on("message", () => {})' }

t.test('files and folders come out as they went in', async t => {
  const entries: Entry[] = [
    { path: 'lib/', type: 'Directory', mode: 0o755 },
    { path: 'lib/run.sh', body: '#!/bin/sh\n', mode: 0o4755 },
    good,
    { path: `deep/${'x'.repeat(120)}/${'y'.repeat(120)}.js`, body: 'long', pax: true },
  ]
  const { archive, manifest, to } = await archiveOf(t, tarOf(entries), 3)
  await unpack(archive, to, manifest)
  t.equal(await readFile(join(to, 'counter.js'), 'utf8'), good.body)
  t.equal((await stat(join(to, 'lib/run.sh'))).mode & 0o7777, 0o755 & ~process.umask(), 'no setuid')
  t.equal(await readFile(join(to, entries[3]?.path ?? ''), 'utf8'), 'long')
})

const hostile: Readonly<Record<string, readonly Entry[]>> = {
  'a link out': [good, { path: 'evil', type: 'SymbolicLink', linkpath: '/etc/passwd' }],
  'a link inside': [good, { path: 'evil', type: 'SymbolicLink', linkpath: 'counter.js' }],
  'a hard link': [good, { path: 'evil', type: 'Link', linkpath: '/etc/passwd' }],
  'a link with a file through it': [
    { path: 'evil', type: 'SymbolicLink', linkpath: '/tmp' }, { path: 'evil/x', body: 'x' },
  ],
  'a device': [good, { path: 'evil', type: 'CharacterDevice' }],
  'a pipe': [good, { path: 'evil', type: 'FIFO' }],
  'a file of a type that nobody uses': [good, { path: 'evil', type: 'ContiguousFile', body: 'x' }],
  'a way up': [good, { path: '../evil', body: 'x' }],
  'a way up in the middle': [good, { path: 'a/../../evil', body: 'x' }],
  'a way up in an extended header': [good, { path: '../evil', body: 'x', pax: true }],
  'an absolute path': [good, { path: '/tmp/evil', body: 'x' }],
  'a drive': [good, { path: 'C:/evil', body: 'x' }],
  'a backslash': [good, { path: String.raw`a\..\..\evil`, body: 'x' }],
  'a device of Windows': [good, { path: 'a/NUL.txt', body: 'x' }],
  'a file twice': [good, good],
  'a file twice but for capitals': [good, { path: 'COUNTER.js', body: 'x' }],
  'a file that is a folder, too': [good, { path: 'counter.js/x', body: 'x' }],
  'too deep a path': [good, { path: `${'a/'.repeat(80)}x`, body: 'x', pax: true }],
  'a dot': [good, { path: './', type: 'Directory' }],
}

for (const [what, entries] of Object.entries(hostile)) {
  t.test(`an archive with ${what} is refused, and nothing of it stays`, async t => {
    const { archive, manifest, to, folder } = await archiveOf(t, tarOf(entries), 2)
    await t.rejects(unpack(archive, to, manifest), { code: 'ERR_DENIED', message: /^the archive is refused: / })
    t.notOk(existsSync(to))
    t.notOk(existsSync(join(folder, 'evil')))
    t.notOk(existsSync('/tmp/evil'))
  })
}

t.test('an archive that is more, or other, than it says is refused', async t => {
  const tar = tarOf([good, { path: 'zeros', body: Buffer.alloc(1 << 20) }])
  const { archive, manifest, to } = await archiveOf(t, tar, 2)
  const wrong = [
    [{ files: 1 }, /one file more than the 1 announced/], [{ files: 3 }, /holds 2 files, the manifest says 3/],
    [{ unpackedBytes: tar.length - 1 }, /larger than the manifest says/],
    [{ unpackedBytes: tar.length + 1 }, /the manifest says/],
  ] as const
  for (const [change, message] of wrong) {
    await t.rejects(unpack(archive, to, { ...manifest, ...change }), { code: 'ERR_DENIED', message })
    t.notOk(existsSync(to))
  }
})

t.test('an archive that is packed twice, cut off or no archive is refused', async t => {
  const tar = tarOf([good])
  const twice = await archiveOf(t, tar, 1, gzipSync(gzipSync(tar)))
  await t.rejects(unpack(twice.archive, twice.to, { ...twice.manifest, unpackedBytes: 1e6 }), /not a plain tar/)
  for (const packed of [gzipSync(tar).subarray(0, 40), Buffer.from('garbage'), gzipSync(Buffer.from('garbage'))]) {
    const { archive, manifest, to } = await archiveOf(t, tar, 1, packed)
    await t.rejects(unpack(archive, to, manifest), { code: 'ERR_DENIED' })
    t.notOk(existsSync(to))
  }
  const lying = tarOf([{ ...good, size: 1e6 }])
  const { archive, manifest, to } = await archiveOf(t, lying, 1)
  await t.rejects(unpack(archive, to, manifest), { code: 'ERR_DENIED' })
})
