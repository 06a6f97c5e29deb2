import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { NCServer } from '../../lib/netcluster/index.js'
import { Script } from '../fixtures/script.js'
import { on, serve } from '../netcluster/fixtures/channels.js'

/** What the shell answers to lines from a pipe. */
async function shell(t: Test, server: NCServer, ...lines: string[]) {
  const path = join(server.socketdir, 'client.json')
  await writeFile(path, JSON.stringify({ socketdir: server.socketdir }))
  const script = new Script(t, 'lib/cli/main.ts', ['ncclient', path])
  script.child.stdin?.end(lines.map(line => `${line}\n`).join(''))
  return { code: await script.ended, stdout: script.stdout, stderr: script.stderr }
}

t.test('it shows the configuration and who is connected', { timeout: 30_000 }, async t => {
  const server = await serve(t, { A: { propagatetochannels: '.*' } })
  const [one, two] = [await on(t, server, 'A'), await on(t, server, 'A')]
  const config = await shell(t, server, 'showconfig()')
  t.strictSame(JSON.parse(config.stdout), server.config)
  t.match(config, { code: 0, stderr: '' })
  const { stdout } = await shell(t, server, `showchannel('A')`, `nc.showclient("A", "${one.agent.uuid}")`)
  const [list, client] = stdout.split(/(?<=^\])\n/m).map(text => JSON.parse(text) as unknown)
  t.strictSame(list, [one.agent.uuid, two.agent.uuid])
  t.match(client, { uuid: one.agent.uuid, pid: process.pid })
})

t.test('it reloads the configuration, by both names; a bad one changes nothing', { timeout: 30_000 }, async t => {
  const server = await serve(t, { A: {} })
  const { config, socketdir } = server
  const [good, bad] = [join(socketdir, 'good.json'), join(socketdir, 'bad.json')]
  await writeFile(bad, JSON.stringify({ channels: {} }))
  t.match(await shell(t, server, `reloadconfig('${bad}')`), { code: 1, stdout: '', stderr: /channels: "" given/ })
  t.equal(server.config, config)
  await writeFile(good, `/* new */ ${JSON.stringify({ ...config, channels: { control: {}, B: {} } })}`)
  t.match(await shell(t, server, `reloaconfig("${good}")`, 'showchannel("B")'), { code: 0, stdout: 'done\n[]\n' })
  t.match(Object.keys(server.config.channels), ['control', 'B'])
})

t.test('what is typed is not evaluated', { timeout: 30_000 }, async t => {
  const server = await serve(t, {})
  const tried = [
    'process.exit(7)', 'nc.constructor()', 'showconfig.constructor("return 1")()', 'showchannel(process.pid)', '1 + 1',
    'showchannel("B")', '.nonsense', 'toString()',
  ]
  const { code, stdout, stderr } = await shell(t, server, ...tried, '.lc')
  t.equal(code, 1)
  t.equal(stderr.trim().split('\n').length, tried.length, stderr)
  const names = ['nc', 'showconfig', 'reloadconfig', 'reloaconfig', 'showchannel', 'showclient', 'emit']
  t.equal(stdout, names.map(name => ` - ${name}\n`).join(''))
})

t.test('without a server it says so', { timeout: 30_000 }, async t => {
  const server = await serve(t, {})
  await server.stop()
  t.match(await shell(t, server, 'showconfig()'), {
    code: 1, stdout: '', stderr: /^telepathine: channel control: nobody answers at .*control\.sock \(.*ENOENT.*\)\n$/,
  })
})
