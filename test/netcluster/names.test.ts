import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { channelNameFault, defaultSocketDir, isText, socketPath } from '../../lib/netcluster/names.js'

const posix = process.platform === 'win32' ? 'named pipes here' : false

t.test('the folder needs no privileges', { skip: posix }, async t => {
  const before = process.env['XDG_RUNTIME_DIR']
  t.teardown(() => {
    if (before === undefined) delete process.env['XDG_RUNTIME_DIR']
    else process.env['XDG_RUNTIME_DIR'] = before
  })
  process.env['XDG_RUNTIME_DIR'] = '/run/user/7'
  t.equal(defaultSocketDir(), '/run/user/7/netcluster')
  delete process.env['XDG_RUNTIME_DIR']
  t.equal(defaultSocketDir(), join(tmpdir(), `netcluster-${process.getuid?.()}`))
})

t.test('whatever the name of the channel, its socket is in the folder', { skip: posix }, async t => {
  t.equal(socketPath('/d', 'A'), '/d/A.sock')
  const names = ['..', '.', '../x', 'a/b', 'a b', 'A%2FB', '\0', '*', '.hidden', 'ü', '%', '__proto__']
  const paths = names.map(name => socketPath('/d', name))
  for (const path of paths) t.match(path, /^\/d\/[^./*\0][^/*\0 ]*\.sock$/)
  t.equal(new Set(paths).size, names.length, 'each its own')
})

t.test('a path that no socket can have is refused', { skip: posix }, async t => {
  const long = `/${'x'.repeat(100)}`
  t.throws(() => socketPath(long, 'A'), { code: 'ERR_OPTION', message: /has 108 bytes, .* at most 103/ })
})

t.test('names are texts of 1 to 64 characters', async t => {
  t.equal(channelNameFault('x'.repeat(64)), undefined)
  for (const name of ['', 'x'.repeat(65), '\ud800', 7, undefined]) t.type(channelNameFault(name), 'string')
  t.ok(isText('ü😀'))
})
