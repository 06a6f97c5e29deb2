import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import t from 'tap'
import { History } from '../../../lib/cli/ncclient/history.js'
import { Requests } from '../../../lib/cli/ncclient/requests.js'
import { Shell } from '../../../lib/cli/ncclient/shell.js'
import { on, serve } from '../../netcluster/fixtures/channels.js'
import { join } from 'node:path'
import { stat } from 'node:fs/promises'

t.test('it completes names, dot commands and channels', async t => {
  const server = await serve(t, { Apple: {}, Avocado: {}, Banana: {} })
  const { agent } = await on(t, server, 'control')
  const shell = new Shell(new Requests(agent), new PassThrough(), new PassThrough(), new PassThrough(), undefined)
  t.strictSame(await shell.complete('showco'), [['showconfig('], 'showco'])
  t.strictSame(await shell.complete('nc.showc'), [['nc.showconfig(', 'nc.showchannel(', 'nc.showclient('], 'nc.showc'])
  t.strictSame(await shell.complete('.l'), [['.lc'], '.l'])
  t.strictSame(await shell.complete(`showchannel('A`), [['Apple', 'Avocado'], 'A'])
  t.strictSame(await shell.complete('zzz'), [[], 'zzz'])
})

t.test('on a terminal it prompts, answers in order, and keeps the lines', async t => {
  const server = await serve(t, {})
  const { agent } = await on(t, server, 'control')
  const file = join(server.socketdir, 'history')
  const [input, output, errors] = [new PassThrough(), new PassThrough(), new PassThrough()]
  const shell = new Shell(new Requests(agent), input, output, errors, await History.open(file))
  const running = shell.run()
  input.write('showchannel("none")\nshowchannel("control")\nnc\n.exit\n')
  t.equal(await running, true)
  const printed = String(output.read())
  t.match(printed, /NC-#: /)
  t.ok(printed.indexOf('[\n') < printed.indexOf('"channel": "control"'))
  t.match(String(errors.read()), /there is none/)
  t.strictSame((await History.open(file)).lines, ['.exit', 'nc', 'showchannel("control")', 'showchannel("none")'])
  t.equal((await stat(file)).mode & 0o777, 0o600)
})

t.test('while the server is away it says so at once, instead of waiting', async t => {
  const server = await serve(t, {})
  const { agent } = await on(t, server, 'control')
  const requests = new Requests(agent)
  const gone = once(agent.events, 'disconnect')
  await server.stop()
  await gone
  await t.rejects(async () => requests.functions['showconfig']?.run(), /showconfig: the server is away/)
})
