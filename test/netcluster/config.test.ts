import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { checkConfig, defaultConfig, readConfig } from '../../lib/netcluster/config.js'
import { socketFolder } from './fixtures/channels.js'

t.test('what is not given has the defaults of the original', async t => {
  const { channels, ...rest } = checkConfig({ channels: { control: {} } })
  t.strictSame(rest, {
    connecttonet: true, addr: '224.0.0.0', port: 4454, seeds: [], listen: undefined, cluster: 'netcluster',
    network: undefined, dumpnet: true, startcontrol: true, socketdir: undefined,
  })
  const rules = { propagatetochannels: false, propagatetonet: false, dumptoconsole: false }
  t.strictSame([...channels], [['control', rules]])
})

t.test('the configuration for when there is none is one', async t => {
  t.strictSame([...checkConfig(defaultConfig).channels.keys()], ['control', 'A', 'B'])
})

const wrong: [config: unknown, message: RegExp][] = [
  [undefined, /the whole: undefined given, allowed: an object/],
  [[], /the whole: an array given/],
  [{}, /channels: undefined given, allowed: an object/],
  [{ channels: { A: {} } }, /channels: "A" given, allowed: channels of which one is control/],
  [{ channels: { control: {}, ['x'.repeat(65)]: {} } }, /channels: "x+" given, allowed: channel names of 1 to 64/],
  [{ channels: { control: {}, A: 7 } }, /channels\.A: 7 given, allowed: an object/],
  [{ channels: { control: {}, A: { propagate: 1 } } }, /channels\.A\.propagate: 1 given, allowed: only the keys prop/],
  [{ channels: { control: {}, A: { propagatetochannels: true } } }, /channels\.A\.propagatetochannels: true given/],
  [{ channels: { control: {}, A: { propagatetochannels: '(' } } }, /"\(" given, allowed: false, or a regular/],
  [{ channels: { control: {}, A: { propagatetonet: 'yes' } } }, /propagatetonet: "yes" given, allowed: true or false/],
  [{ channels: { control: { propagatetonet: true } } }, /control\.propagatetonet: true given, allowed: false/],
  [{ channels: { control: {} }, addr: '10.0.0.1' }, /addr: "10\.0\.0\.1" given, allowed: an IPv4 multicast address/],
  [{ channels: { control: {} }, port: '4454' }, /port: "4454" given, allowed: a whole number in 1\.\.65535/],
  [{ channels: { control: {} }, dumpnet: 1 }, /dumpnet: 1 given, allowed: true or false/],
  [{ channels: { control: {}, A: { propagatetochannels: null } } }, /propagatetochannels: null given, allowed: false/],
  [{ channels: { control: {} }, seeds: '10.0.0.1:1' }, /seeds: "10\.0\.0\.1:1" given, allowed: a list of at most 1000/],
  [{ channels: { control: {} }, seeds: ['a:1', 'nowhere'] }, /seeds: "nowhere" given, allowed: .* addresses host:port/],
  [{ channels: { control: {} }, seeds: null }, /seeds: null given, allowed: a list/],
  [{ channels: { control: {} }, listen: '0.0.0.0:0' }, /listen: "0\.0\.0\.0:0" given, allowed: .* others can reach/],
  [{ channels: { control: {} }, network: [] }, /configuration: network: a list of 0 given, allowed: a string of 16/],
  [{ channels: { control: {} }, listen: '10.0.0.1' }, /listen: "10\.0\.0\.1" given, allowed: an address host:port/],
  [{ channels: { control: {} }, conecttonet: true }, /conecttonet: true given, allowed: only the keys channels, /],
  [JSON.parse('{"channels":{"control":{}},"__proto__":1}'), /__proto__: 1 given/],
]

for (const [config, message] of wrong) {
  t.test(`names key, value and what is allowed: ${JSON.stringify(config)?.slice(0, 80)}`, async t => {
    t.throws(() => checkConfig(config), { code: 'ERR_OPTION', message })
  })
}

t.test('a key that is refused does not show in the error', async t => {
  for (const network of [['secret', 7], 'secret', ['secret of 17 chars', 'secret']]) {
    const message = /^configuration: network: (?!.*secret).* given, allowed: a string of 16 characters or more/
    t.throws(() => checkConfig({ channels: { control: {} }, network }), { code: 'ERR_OPTION', message })
  }
})

t.test('a file may have comments and trailing commas', async t => {
  const path = join(await socketFolder(t), 'config.json')
  await writeFile(path, `{
    // UDP Multicast addr
    "addr": "224.0.0.1", /* and so on */
    "channels": { "control": {}, },
  }`)
  t.strictSame(await readConfig(path), { addr: '224.0.0.1', channels: { control: {} } })
})

t.test('a file that is none says where it fails', async t => {
  const path = join(await socketFolder(t), 'config.json')
  await writeFile(path, '{\n  "addr": nothing\n}')
  await t.rejects(readConfig(path), { code: 'ERR_OPTION', message: /config\.json: .*2:\d+/ })
  await t.rejects(readConfig(`${path}.gone`), { code: 'ENOENT' })
})
