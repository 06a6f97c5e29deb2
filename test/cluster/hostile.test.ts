import { createSocket } from 'node:dgram'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import { Telepathine, type TelepathineOptions } from '../../lib/index.js'
import { seededRandom } from '../../lib/gossip/random.js'
import { encodeHello } from '../../lib/net/hello.js'
import { preamble } from '../../lib/net/sniff.js'
import { Relay } from '../fixtures/relay.js'
import { Script } from '../fixtures/script.js'
import { until } from '../fixtures/until.js'
import { mutate } from '../fuzz/mutate.js'

interface Health {
  readonly name: string
  readonly rss: number
  /** 99th percentile of the delay of its event loop so far. */
  readonly delayMs: number
  readonly rejections: number
  readonly rejected: number
  readonly live: readonly string[]
}

const network = 'a key that no attacker has'
const random = seededRandom(Number(process.env['FC_SEED'] ?? 1))

async function victimOf(t: Test, key: string, ...seeds: string[]) {
  const script = new Script(t, 'test/cluster/fixtures/victim.ts', [key, '127.0.0.1', ...seeds])
  if (!(await script.prints((lines) => lines.length > 0, 20_000))) throw new Error(script.stderr)
  const health = (): Health => JSON.parse(script.lines.at(-1)!) as Health
  return { script, health, port: Number(health().name.split(':')[1]) }
}

/** What a peer that talks with the victim sends: datagrams, and pieces of streams. */
async function recordedTalk(t: Test, port: number, options: TelepathineOptions): Promise<Relay> {
  const relay = await Relay.open(t)
  relay.target = port
  const map = { [`127.0.0.1:${port}`]: `127.0.0.1:${relay.port}` }
  const speaker = await new Telepathine(0, [`127.0.0.1:${port}`], { ...options, addressMap: map }).start().ready()
  await until(() => speaker.livePeers().length > 0)
  for (let i = 0; i < 50; i++) {
    speaker.set(`k${i}`, 'v'.repeat(i * 20))
    speaker.say('e', i)
  }
  await until(() => relay.datagrams.length > 5 && relay.streams.length > 0)
  await speaker.stop()
  return relay
}

function open(t: Test, port: number): Socket {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined)
  t.teardown(() => socket.destroy())
  return socket.resume()
}

function flood(t: Test, port: number, payloads: readonly Uint8Array[]): void {
  for (const payload of payloads) open(t, port).end(payload)
}

/** Everything that one who has no key can throw at a port. */
async function attack(t: Test, port: number, relay: Relay, name: string): Promise<void> {
  const pick = <T>(from: readonly T[]): T => from[random.below(from.length)]!
  const hello = { instance: 'ffeeddccbbaa9988', serial: 1, cluster: 'telepathine', name: '127.0.0.1:1' }
  const whole = Buffer.from(encodeHello(hello))
  const huge = Buffer.from([0xff, 0xff, 0xff, 0xff])
  const clientHello = relay.streams.find((bytes) => bytes[0] === 0x16) ?? Buffer.from([0x16, 3, 1, 2, 0, 1])

  const idle = Array.from({ length: 1_000 }, () => open(t, port))
  flood(t, port, [
    huge, Buffer.concat([preamble, huge]), Buffer.concat([whole, huge]), Buffer.concat([whole, Buffer.alloc(4, 0x7f)]),
    Buffer.from('GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n'), Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    Buffer.alloc(1 << 20, 0x41), Buffer.alloc(1 << 20), Buffer.from(encodeHello({ ...hello, name })),
    Buffer.from(encodeHello({ ...hello, cluster: 'x'.repeat(60_000) })),
  ])
  for (let i = 0; i < 150; i++) {
    const piece = pick(relay.streams)
    flood(t, port, [mutate(piece, pick(relay.streams), random), piece.subarray(0, random.below(piece.length))])
  }
  // the beginning of TLS, as it should be, and then anything
  for (let i = 0; i < 50; i++) {
    flood(t, port, [Buffer.concat([clientHello, mutate(pick(relay.streams), clientHello, random)])])
  }
  for (let i = 0; i < 20; i++) {
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }).on('error', () => undefined)
    t.teardown(() => socket.destroy())
    socket.resume().write('let me in')
  }
  const udp = createSocket('udp4')
  for (let i = 0; i < 5_000; i++) {
    const datagram = pick(relay.datagrams)
    udp.send(random.below(4) === 0 ? datagram : mutate(datagram, pick(relay.datagrams), random), port, '127.0.0.1')
    if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  for (const size of [0, 1, 1_600, 60_000]) udp.send(Buffer.alloc(size, 0x73), port, '127.0.0.1')
  // one drop at a time
  const slow = [open(t, port), open(t, port)]
  const drip = Buffer.concat([whole, Buffer.from([0, 0, 0x80, 0])])
  for (let i = 0; i < drip.length; i++) {
    for (const socket of slow) socket.write(drip.subarray(i, i + 1))
    await new Promise((resolve) => setImmediate(resolve))
  }
  await until(() => idle.filter((socket) => socket.destroyed).length >= 700, 30_000)
  await new Promise<void>((resolve) => udp.close(resolve))
}

for (const [title, key] of [['with a network key', network], ['without one', '']] as const) {
  t.test(`a peer ${title} stands what strangers throw at it, and serves its own`, { timeout: 120_000 }, async (t) => {
    const options = key === '' ? {} : { network: key }
    const { script, health, port } = await victimOf(t, key)
    // not attacked: shows what the machine itself costs
    const bystander = await victimOf(t, key, health().name)
    const relay = await recordedTalk(t, port, options)
    const before = health()
    await attack(t, port, relay, before.name)

    const told = script.lines.length
    await script.prints((lines) => lines.length > told + 3, 10_000)
    const after = health()
    t.equal(script.child.exitCode, null, 'it is up')
    t.ok(after.rejections > 1_000, `${after.rejections} rejected`)
    const grownMiB = (after.rss - before.rss) / 2 ** 20
    t.ok(grownMiB < 100, `grew by ${grownMiB.toFixed(1)} MiB`)
    const delayMs = after.delayMs - bystander.health().delayMs
    t.ok(delayMs < 200, `event loop delay ${delayMs.toFixed(1)} ms above that of another`)
    t.ok(bystander.health().live.includes(before.name), 'who knew it before still does')
    t.comment(`${after.rejections} rejected, ${grownMiB.toFixed(1)} MiB more, ${delayMs.toFixed(1)} ms more delay`)

    const neighbour = new Telepathine(0, [`127.0.0.1:${port}`], options)
    t.teardown(() => neighbour.stop())
    await neighbour.start().ready()
    const talked = script.lines.length
    t.ok(await script.prints((lines) => lines.slice(talked).some((line) => line.includes(neighbour.name)), 20_000))
    t.strictSame(neighbour.livePeers().filter((peer) => peer === before.name), [before.name])
    if (key !== '') t.strictSame(neighbour.allPeers().filter((peer) => peer.endsWith(':1')), [])
    script.child.stdin?.end()
    await script.ended
    t.equal(script.stderr, '')
  })
}
