import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { NCAgent } from '../../lib/netcluster/index.js'
import { Script } from '../fixtures/script.js'
import { socketFolder } from '../netcluster/fixtures/channels.js'

function command(t: Test, ...args: string[]): Script {
  return new Script(t, 'lib/cli/main.ts', ['ncserver', ...args])
}

async function configured(t: Test) {
  const socketdir = await socketFolder(t)
  const path = join(socketdir, 'config.json')
  const write = (channels: object) =>
    writeFile(path, `// channels\n${JSON.stringify({ socketdir, connecttonet: false, channels })}`)
  await write({ control: {}, A: {} })
  return { path, socketdir, write }
}

t.test('it serves until it is asked to stop, and says what', { timeout: 50_000 }, async t => {
  const { path, socketdir } = await configured(t)
  const script = command(t, path)
  const line = `channels control, A in ${socketdir}; no network`
  t.ok(await script.prints(lines => lines.includes(line), 20_000), script.stderr)
  const agent = new NCAgent({ socketdir })
  await agent.connect('A')
  await agent.disconnect()
  const second = command(t, path)
  t.equal(await second.ended, 1)
  t.match(second.stderr, /^telepathine: .*control\.sock: another server listens there\n$/)
  script.child.kill('SIGTERM')
  t.equal(await script.ended, 0)
  t.equal(script.stderr, '')
})

t.test('SIGHUP reads the configuration again; a bad one changes nothing', { timeout: 50_000 }, async t => {
  const { path, write } = await configured(t)
  const script = command(t, path)
  t.ok(await script.prints(lines => lines.length === 1, 20_000))
  await write({ A: {} })
  script.child.kill('SIGHUP')
  while (!script.stderr.includes('\n')) await new Promise(resolve => script.child.stderr?.once('data', resolve))
  t.match(script.stderr, /^telepathine: configuration: channels: "A" given, .* one is control\n$/)
  await write({ control: {}, B: {} })
  script.child.kill('SIGHUP')
  t.ok(await script.prints(lines => lines.length === 2, 20_000))
  t.match(script.lines[1], /^channels control, B in /)
  script.child.kill('SIGINT')
  t.equal(await script.ended, 0)
})

t.test('a configuration that is none is one line and exit code 1', async t => {
  const { path } = await configured(t)
  await writeFile(path, '{ "channels": { "control": {}, } "addr" }')
  const script = command(t, path)
  t.equal(await script.ended, 1)
  t.match(script.stderr, /^telepathine: .*config\.json: .* at 1:\d+\n$/)
})
