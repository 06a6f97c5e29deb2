import { existsSync, readFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import JSON5 from 'json5'
import t, { type Test } from 'tap'
import { readConfig } from '../../lib/netcluster/index.js'
import { socketPath } from '../../lib/netcluster/names.js'
import { Script, scriptFile, sourceOf } from '../fixtures/script.js'
import { socketFolder, until } from './fixtures/channels.js'

const door = sourceOf('telepathine/netcluster')
const seed = join(import.meta.dirname, 'fixtures/seed')

/** A script of the original's README as it stands there, but for the imports. */
async function original(t: Test, name: string, args: readonly string[], runtime: string): Promise<Script> {
  const code = readFileSync(join(seed, `${name}.js`), 'utf8')
    .replace(`var fs = require('fs');`, `import fs from 'node:fs';`)
    .replace(/var (\w+) = require\('netcluster'\)\.(\w+);/, `import { $2 as $1 } from '${door}';`)
  t.notMatch(code, /require/)
  return new Script(t, await scriptFile(t, code), args, { XDG_RUNTIME_DIR: runtime })
}

t.test('the snippets of the original README run unchanged', { timeout: 50_000 }, async t => {
  const runtime = await socketFolder(t)
  const config = join(runtime, 'config.json')
  // Its server parses plain JSON. In the network it would be in that of the machine that runs this test.
  const commented = await readFile(join(seed, 'config.json'), 'utf8')
  await writeFile(config, JSON.stringify({ ...JSON5.parse<object>(commented), connecttonet: false }))
  const server = await original(t, 'server', [config], runtime)
  await until('channels', () => existsSync(socketPath(join(runtime, 'netcluster'), 'B')))
  const receiver = await original(t, 'receiver', [], runtime)
  const sender = await original(t, 'sender', [], runtime)
  t.equal(await receiver.ended, 0, 'it disconnects and is done')
  t.strictSame(receiver.lines, ['A called:{"channel":"A","broadcast":false,"event":"log","data":"TESTE"}'])
  t.equal(receiver.stderr + sender.stderr + server.stderr, '')
  t.equal(sender.child.exitCode, null, 'the sender goes on')
})

t.test('the configuration of the original README, comments and all, is one', async t => {
  const config = await readConfig(join(seed, 'config.json'))
  t.match(config, { addr: '224.0.0.0', port: 4454, channels: { control: {}, A: { propagatetochannels: '.*' } } })
})
