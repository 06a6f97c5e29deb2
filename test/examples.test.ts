import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32, deflateSync } from 'node:zlib'
import t from 'tap'
import { decode, encode, shrink } from '../examples/thumbnails/png.js'
import { Newcomer } from './fixtures/newcomer.js'
import type { Running } from './fixtures/newcomer.js'
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
  t.strictSame(readdirSync(join(top, 'examples')).sort(), ['chat.js', 'counter.js', 'cron.js', 'thumbnails'])
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

t.test('the chat: what one types, the others read, and who comes later too', { timeout: 120_000 }, async t => {
  const newcomer = await Newcomer.create(t)
  await newcomer.bring('examples')
  const port = await freePorts(1)
  const enter = (name: string): Running => newcomer.start(`node examples/chat.js ${name} :${port}`)
  const anna = enter('Anna')
  t.ok(await anna.says(text => text.includes(`you are Anna, at 127.0.0.1:${port}`)), anna.output)
  const ben = enter('Ben')
  t.ok(await ben.says(text => text.includes('* Anna is here')), ben.output)
  t.ok(await anna.says(text => text.includes('* Ben is here')), anna.output)
  anna.child.stdin?.write('hello\n')
  t.ok(await ben.says(text => text.includes('Anna: hello')), ben.output)
  const carl = enter('Carl')
  t.ok(await carl.says(text => text.includes('Anna: hello')), carl.output)
  ben.child.stdin?.end()
  t.equal(await ben.ended, 0)
  t.ok(await anna.says(text => text.includes('* Ben is gone')), anna.output)
  t.notMatch(anna.output, 'Anna: hello')
})

t.test('the counter: all pages show one number, and no click gets lost', { timeout: 120_000 }, async t => {
  const newcomer = await Newcomer.create(t)
  await newcomer.bring('examples')
  const port = await freePorts(2)
  const open = async (...args: string[]): Promise<{ running: Running; page: string }> => {
    const running = newcomer.start(`node examples/counter.js ${args.join(' ')}`)
    t.ok(await running.says(text => text.includes('the page is at')), running.output)
    return { running, page: /http:\S+/.exec(running.output)?.[0] ?? '' }
  }
  const first = await open(String(port))
  const second = await open(String(port + 1), `:${port}`)
  const click = async (page: string): Promise<number> => (await fetch(`${page}click`, { method: 'POST' })).status
  t.match(await (await fetch(first.page)).text(), '<button')
  for (const page of [first.page, first.page, second.page]) t.equal(await click(page), 204)
  for (const { page } of [first, second]) t.ok(await shows(page, 3), `${page} shows 3`)
  first.running.child.kill('SIGKILL')
  await first.running.ended
  t.equal(await click(second.page), 204)
  t.ok(await shows(second.page, 4), 'what the dead one had counted still counts')
  const again = await open(String(port), `:${port + 1}`)
  t.ok(await shows(again.page, 4), 'and it has not forgotten its own')
})

/** Whether a page comes to show a number. */
async function shows(page: string, wanted: number): Promise<boolean> {
  const response = await fetch(`${page}live`)
  let text = ''
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk as Uint8Array).toString()
    if (text.includes(`data: ${wanted}\n`)) return true
  }
  return false
}

t.test('the cron: while all agree on who is there, each time is done once', { timeout: 120_000 }, async t => {
  const newcomer = await Newcomer.create(t, { EVERY_SECONDS: '0.5', PATIENCE_SECONDS: '60' })
  await newcomer.bring('examples')
  const port = await freePorts(1)
  const peers: Running[] = []
  for (const args of [[String(port)], ['0', `:${port}`], ['0', `:${port}`]]) {
    const peer = newcomer.start(`node examples/cron.js ${args.join(' ')}`)
    peers.push(peer)
    t.ok(await peer.says(text => text.includes('is up')), peer.output)
  }
  const knowsTwo = (text: string): boolean => (text.match(/takes part/g) ?? []).length >= 2
  for (const peer of peers) t.ok(await peer.says(knowsTwo), peer.output)
  const since = new Date().toISOString()
  const times = (among: readonly Running[], from: string): string[] => {
    const done = among.flatMap(({ output }) => [...output.matchAll(/^(\S+Z) done by/gm)].map(([, time]) => time ?? ''))
    return done.filter(time => time > from)
  }
  const comeTo = async (count: number, among: readonly Running[], from: string): Promise<void> => {
    while (times(among, from).length < count) await Promise.race(among.map(({ child }) => once(child.stdout!, 'data')))
  }
  await comeTo(3, peers, since)
  const done = times(peers, since)
  t.equal(new Set(done).size, done.length, `once each: ${done.join(' ')}`)
  peers[2]?.child.kill('SIGKILL')
  await peers[2]?.ended
  const rest = peers.slice(0, 2)
  for (const peer of rest) t.ok(await peer.says(text => text.includes('is gone')), peer.output)
  const later = new Date().toISOString()
  await comeTo(3, rest, later)
  const after = times(rest, later)
  t.equal(new Set(after).size, after.length, `once each: ${after.join(' ')}`)
})

t.test('the thumbnail farm: pictures get their thumbnails, what is none is told of', { timeout: 120_000 }, async t => {
  const newcomer = await Newcomer.create(t, { PORT: String(await freePorts(1)) })
  await newcomer.bring('examples')
  const pictures = join(newcomer.folder, 'examples')
  const red = { width: 400, height: 300, data: Buffer.from('ff0000ff'.repeat(400 * 300), 'hex') }
  for (const name of ['a', 'b', 'c']) await writeFile(join(pictures, `${name}.png`), encode(red))
  await writeFile(join(pictures, 'd.png'), 'no picture')
  const farm = newcomer.start('node examples/thumbnails/farm.js examples')
  t.equal(await farm.ended, 0, farm.output)
  t.match(farm.output, /^4 pictures, \d+ workers/m)
  t.match(farm.output, /^d\.png: not a PNG$/m)
  for (const name of ['a', 'b', 'c']) {
    const { width, height, data } = decode(await readFile(join(pictures, `thumbnails/${name}.png`)))
    t.strictSame([width, height, data.toString('hex', 0, 8)], [128, 96, 'ff0000ffff0000ff'])
  }
})

t.test('PNG: what was written can be read, whatever filters and colours it uses', async t => {
  const picture = { width: 3, height: 2, data: Buffer.from(Array.from({ length: 24 }, (_, i) => (i * 83) % 256)) }
  t.strictSame(decode(encode(picture)), picture)
  t.strictSame(shrink(picture, 10), picture, 'nothing is made larger')
  const half = shrink({ width: 2, height: 1, data: Buffer.from('64646400c8c8c8ff', 'hex') }, 1)
  t.equal(half.data.toString('hex'), 'c8c8c880', 'what is transparent has no colour')
  // the same two pixels, 10 20 30 and 40 50 60, under each filter
  const lines = ['000a141e28323c', '010a141e1e1e1e', '020a141e28323c', '030a141e23282d', '040a141e1e1e1e']
  for (const line of lines) {
    const { data } = decode(png(2, 1, 2, Buffer.from(line, 'hex')))
    t.equal(data.toString('hex'), '0a141eff28323cff', `filter ${line.slice(0, 2)}`)
  }
  t.equal(decode(png(1, 1, 0, Buffer.from('0080', 'hex'))).data.toString('hex'), '808080ff', 'grey')
  t.equal(decode(png(1, 1, 4, Buffer.from('008040', 'hex'))).data.toString('hex'), '80808040', 'grey, half transparent')
  const palette = { PLTE: Buffer.from('010203040506', 'hex'), tRNS: Buffer.from('07', 'hex') }
  const two = decode(png(2, 1, 3, Buffer.from('000001', 'hex'), palette))
  t.equal(two.data.toString('hex'), '01020307040506ff', 'palette')
  t.throws(() => decode(png(1, 1, 3, Buffer.from('0009', 'hex'), palette)), /palette/)
  t.throws(() => decode(png(5, 5, 2, Buffer.from('00', 'hex'))), /ends too early/)
  const damaged = encode(picture)
  damaged[40]! ^= 1
  t.throws(() => decode(damaged), /damaged/)
})

/** A PNG of these lines, each with its filter in front. */
function png(width: number, height: number, colour: number, lines: Buffer, more: Record<string, Buffer> = {}): Buffer {
  const head = Buffer.alloc(13)
  head.writeUInt32BE(width, 0)
  head.writeUInt32BE(height, 4)
  head.set([8, colour], 8)
  const all = { IHDR: head, ...more, IDAT: deflateSync(lines), IEND: Buffer.alloc(0) }
  const chunks = Object.entries(all).map(([type, data]) => {
    const body = Buffer.concat([Buffer.from(type), data])
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
    length.writeUInt32BE(data.length)
    sum.writeUInt32BE(crc32(body))
    return Buffer.concat([length, body, sum])
  })
  return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), ...chunks])
}
