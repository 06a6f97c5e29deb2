import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { freePorts, Script, scriptFile, sourceOf, top } from './fixtures/script.js'

/** What each example must print, whatever the order. */
const examples: Record<string, RegExp[]> = {
  p2p: [
    /on set: {5}(\S+) set somekey = somevalue/,
    /knows: {6}(\S+) set somekey = somevalue/,
    /reads somevalue, keys somekey,somekey2/,
    /on expired: somekey2 of (\S+)/,
  ],
  events: [/a received eventname = eventdata from \S+:\d+/, /b received reply = thank you from/],
  believe: [
    /b before: undefined/,
    /b believes \S+ that x = y/,
    /b after: y/,
    /a is gone, b says x = y and c says x = y/,
  ],
  wan: [/a knows that 127\.0\.0\.1:\d+ set x = from the LAN/, /b knows that 203\.0\.113\.7:\d+ set x = from the WAN/],
  large: [/size:100, 100 bytes/, /size:150101, 150101 bytes/, /size:1000000, 1000000 bytes/, /ERR_TOO_LARGE/],
  darknet: [
    /a turned away 127\.0\.0\.1:\d+: no network key in common/, /a turned away 127\.0\.0\.1:\d+: speaks openly/,
    /wrong key: no network key in common/, /b sees 1 and reads the treasure is under the third stone/,
    /^wrong key sees 0 and reads undefined/, /^no key sees 0 and reads undefined/,
    /a sees 1 and reads undefined where no key is/, /b, by the new key, reads it is under the fourth/,
  ],
  files: [/b wrote \S+\.ts, \d+ bytes/, /there it says hello$/, /here it says hello yourself/, /gone on both sides/],
}

t.jobs = 2

t.test('every example is run here', async t => {
  const scripts = readdirSync(join(top, 'simulation/examples')).map(file => file.replace(/\.ts$/, ''))
  t.strictSame(scripts.sort(), Object.keys(examples).sort())
})

for (const [name, expected] of Object.entries(examples)) {
  t.test(`the example ${name} shows what it promises and ends by itself`, { timeout: 30_000 }, async t => {
    const script = new Script(t, `simulation/examples/${name}.ts`)
    t.equal(await script.ended, 0)
    t.equal(script.stderr, '')
    for (const line of expected) t.ok(script.lines.some(printed => line.test(printed)), `${line} in\n${script.stdout}`)
    t.notMatch(script.stdout, /should not/)
  })
}

/** An example of the original's README as it stands there, but for the import and the ports. */
async function original(name: string, ports: number): Promise<{ code: string; first: number }> {
  const first = await freePorts(ports)
  const code = readFileSync(join(top, `test/fixtures/seed/${name}.js`), 'utf8')
    .replace(/.*\brequire\(.*\n/, '')
    .replaceAll(/\b90(\d\d)\b/g, (_, offset: string) => String(first + Number(offset)))
  return { code: `import { Telepathine as T } from '${sourceOf('telepathine')}'\n${code}`, first }
}

t.test('the shared memory example of the original README runs unchanged', { timeout: 30_000 }, async t => {
  const { code, first } = await original('p2p', 8)
  const script = new Script(t, await scriptFile(t, code))
  const writer = `127.0.0.1:${first + 1}`
  // The peers are told of each other in a chain, by ports of which the last has nobody: four of them have company.
  const wanted = [2, 3, 4, 5].map(i => `127.0.0.1:${first + i}`).flatMap(peer => [
    `${peer} knows via on('set'.. that peer ${writer} set somekey=somevalue`,
    `${peer} knows via know('somekey'.. that peer ${writer} set somekey=somevalue`,
    `${peer} knows via know('*'.. that peer ${writer} set somekey=somevalue`,
    `${peer} knows via know('*'.. that peer ${writer} set somekey2=somevalue`,
  ])
  await script.prints(lines => wanted.every(line => lines.includes(line)), 20_000)
  for (const line of wanted) t.ok(script.lines.includes(line), `${line}\nin\n${script.stdout}${script.stderr}`)
  t.equal(new Set(script.lines).size, script.lines.length, 'each once')
})

t.test('the event bus example of the original README runs unchanged', { timeout: 30_000 }, async t => {
  const { code, first } = await original('events', 2)
  const script = new Script(t, await scriptFile(t, code))
  const wanted = [
    `a received eventname= eventdata from 127.0.0.1:${first + 1}`,
    `a received  eventname = eventdata from 127.0.0.1:${first + 1}`,
    `b received reply= undefined  from  127.0.0.1:${first}`,
  ]
  await script.prints(lines => wanted.every(line => lines.includes(line)), 20_000)
  t.strictSame([...script.lines].sort(), [...wanted].sort(), script.stderr)
})
