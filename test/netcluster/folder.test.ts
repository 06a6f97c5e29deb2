import { chmod, mkdir, readdir, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { listenAt, SocketFolder } from '../../lib/netcluster/folder.js'
import { Script } from '../fixtures/script.js'
import { socketFolder } from './fixtures/channels.js'

function server(t: Test): Server {
  const made = createServer()
  t.teardown(() => made.close())
  return made
}

t.test('the folder is made, for this user alone', async t => {
  const path = join(await socketFolder(t), 'a', 'b')
  await new SocketFolder(path).exclusively(async () => undefined)
  t.equal((await stat(path)).mode & 0o777, 0o700)
  t.strictSame(await readdir(path), [], 'nothing is left in it')
})

t.test('one that others can write to is refused', async t => {
  const path = await socketFolder(t)
  await chmod(path, 0o777)
  await t.rejects(new SocketFolder(path).exclusively(async () => undefined), {
    code: 'ERR_DENIED', message: /has mode 777, allowed: one that only its owner can write to/,
  })
})

t.test('a default folder that somebody else made is not trusted', { skip: process.getuid?.() !== 0 && 'needs root' },
  async t => {
    const { chown } = await import('node:fs/promises')
    const runtime = await socketFolder(t)
    const before = process.env['XDG_RUNTIME_DIR']
    process.env['XDG_RUNTIME_DIR'] = runtime
    t.teardown(() => {
      if (before === undefined) delete process.env['XDG_RUNTIME_DIR']
      else process.env['XDG_RUNTIME_DIR'] = before
    })
    await new SocketFolder(undefined).trust()
    await mkdir(join(runtime, 'netcluster'), { mode: 0o700 })
    await new SocketFolder(undefined).trust()
    await chown(join(runtime, 'netcluster'), 12_345, 12_345)
    await t.rejects(new SocketFolder(undefined).trust(), { code: 'ERR_DENIED', message: /belongs to user 12345/ })
    await t.rejects(new SocketFolder(undefined).exclusively(async () => undefined), { code: 'ERR_DENIED' })
    process.env['XDG_RUNTIME_DIR'] = await socketFolder(t)
    await symlink(runtime, join(process.env['XDG_RUNTIME_DIR'], 'netcluster'))
    await t.rejects(new SocketFolder(undefined).trust(), { code: 'ERR_DENIED', message: /is no folder/ })
  })

t.test('one at a time opens sockets', async t => {
  const path = await socketFolder(t)
  let inside = 0
  await Promise.all(Array.from({ length: 5 }, () => new SocketFolder(path).exclusively(async () => {
    t.equal(++inside, 1)
    await new Promise(resolve => setImmediate(resolve))
    inside--
  })))
})

t.test('a process that died in the middle of it locks nobody out', async t => {
  const path = await socketFolder(t)
  await mkdir(join(path, '.opening'))
  const longAgo = Date.now() / 1_000 - 60
  await utimes(join(path, '.opening'), longAgo, longAgo)
  t.equal(await new SocketFolder(path).exclusively(async () => 'in'), 'in')
  t.strictSame(await readdir(path), [])
})

t.test('a socket is for this user alone, whatever the mask', async t => {
  const path = join(await socketFolder(t), 'A.sock')
  const before = process.umask(0)
  t.teardown(() => process.umask(before))
  await listenAt(server(t), path)
  t.equal((await stat(path)).mode & 0o777, 0o600)
  t.equal(process.umask(), 0, 'the mask is as it was')
})

t.test('a live socket stays, one of a process that was killed is taken over', { timeout: 30_000 }, async t => {
  const folder = await socketFolder(t)
  const path = join(folder, 'A.sock')
  const script = new Script(t, 'test/netcluster/fixtures/server.ts', [folder])
  t.ok(await script.prints(lines => lines.includes('ready'), 20_000))
  await t.rejects(listenAt(server(t), path), { code: 'EADDRINUSE' })
  script.child.kill('SIGSTOP')
  await t.rejects(listenAt(server(t), path), { code: 'EADDRINUSE' }, 'one that stands still is alive')
  script.child.kill('SIGKILL')
  await script.ended
  t.ok((await stat(path)).isSocket(), 'it is still there')
  await listenAt(server(t), path)
})

t.test('what is no socket is not removed', async t => {
  const path = join(await socketFolder(t), 'A.sock')
  await writeFile(path, 'precious')
  await t.rejects(listenAt(server(t), path), { code: 'ERR_DENIED', message: /A\.sock is in the way/ })
  t.equal((await stat(path)).size, 8)
})
