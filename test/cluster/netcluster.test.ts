/**
 * Channel servers on two machines, which here are two network namespaces with a cable between them. Unix sockets know
 * no network namespaces, so the agents are in this process.
 */
import { execFileSync, spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { NCAgent } from '../../lib/netcluster/index.js'
import { top } from '../fixtures/script.js'
import { Ear, socketFolder, until } from '../netcluster/fixtures/channels.js'

const names = [`nc${process.pid}a`, `nc${process.pid}b`]

function ip(...args: string[]): string {
  return execFileSync('ip', args, { stdio: 'pipe', encoding: 'utf8' })
}

/** Two namespaces, 10.254.44.1 and 10.254.44.2. Says why not, where the machine does not allow it. */
function wire(t: Test): string | undefined {
  try {
    for (const name of names) {
      ip('netns', 'add', name)
      t.teardown(() => ip('netns', 'del', name))
    }
    ip('link', 'add', names[0]!, 'netns', names[0]!, 'type', 'veth', 'peer', 'name', names[1]!, 'netns', names[1]!)
    for (const [i, name] of names.entries()) {
      ip('-n', name, 'addr', 'add', `10.254.44.${i + 1}/24`, 'dev', name)
      ip('-n', name, 'link', 'set', 'lo', 'up')
      ip('-n', name, 'link', 'set', name, 'up')
    }
    return undefined
  } catch (error) {
    return String((error as { stderr?: unknown }).stderr ?? error).trim()
  }
}

/** A server in a namespace, and an agent on each of its channels. */
async function machine(t: Test, name: string, config: object): Promise<Map<string, Ear>> {
  const socketdir = await socketFolder(t)
  const channels = { control: {}, A: { propagatetonet: true }, B: {} }
  const path = join(socketdir, 'config.json')
  await writeFile(path, JSON.stringify({ socketdir, dumpnet: false, channels, ...config }))
  const node = [process.execPath, '--import', 'tsx', 'lib/cli/main.ts', 'ncserver', path]
  const server = spawn('ip', ['netns', 'exec', name, ...node], { cwd: top, stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise(resolve => server.once('close', resolve))
  t.teardown(async () => {
    server.kill('SIGTERM')
    await ended
  })
  let printed = ''
  server.stdout.on('data', (text: Buffer) => (printed += String(text)))
  await until('server', () => /network at 10\.254\.44\.[12]:\d+/.test(printed))
  const ears = new Map<string, Ear>()
  for (const channel of Object.keys(channels)) {
    const agent = new NCAgent({ socketdir })
    t.teardown(() => agent.disconnect())
    await agent.connect(channel)
    ears.set(channel, new Ear(agent))
  }
  return ears
}

t.test('servers of two machines find each other by multicast, and pass on what they should', { timeout: 50_000 },
  async t => {
    const refusal = wire(t)
    if (refusal !== undefined) {
      t.comment(`no network namespaces here: ${refusal}`)
      t.pass('left out')
      return
    }
    for (const name of names) await until('a carrier', () => ip('-n', name, 'link', 'show', name).includes('state UP'))
    const [one, two] = await Promise.all(names.map(name => machine(t, name, {})))
    const [from, to] = [one!.get('A')!, two!.get('A')!]
    await until('acquainted', () => {
      from.agent.emit('ping')
      return to.packets.some(({ event }) => event === 'ping')
    })
    one!.get('B')!.agent.emit('never')
    for (let i = 0; i < 1_000; i++) from.agent.emit('n', i)
    from.agent.emit('end')
    await to.before('end')
    const heard = to.packets.filter(({ event }) => event === 'n').map(({ data }) => data)
    t.strictSame(heard, Array.from({ length: 1_000 }, (_, i) => i), 'each once, in order')
    to.agent.emit('back')
    await from.before('back')
    t.strictSame(two!.get('B')!.packets, [])
    t.strictSame(two!.get('control')!.packets, [])
    t.equal(from.packets.filter(({ event }) => event === 'end').length, 1, 'its own, in memory; nothing came back')
  })
