import t from 'tap'
import { defaultConfig } from '../../lib/gossip/config.js'
import type { Effects } from '../../lib/gossip/effects.js'
import type { Gossip } from '../../lib/gossip/gossip.js'
import { Host } from '../../lib/host/host.js'
import type { Transport, TransportHandlers } from '../../lib/net/transport.js'
import { World } from '../fixtures/world.js'

/** A host between a machine and a transport that only write down what they are told. */
function scripted(snapshot?: string) {
  const world = new World()
  const log: string[] = []
  const effects: Effects = { sends: [], notices: [], drops: [], links: undefined }
  const machine = { wake: Infinity, isIdle: false, onTick: () => undefined as void }
  const network: { handlers?: TransportHandlers; fails?: Error; opening?: Promise<void> } = {}
  const gossip = {
    config: defaultConfig,
    name: '127.0.0.1:9000',
    start: (name: string, incarnation: number) => log.push(`start ${name} ${incarnation}`),
    join: (address: string) => log.push(`join ${address}`) > 0,
    leave: () => log.push('leave'),
    receive: (bytes: Uint8Array, via: string, from: string) => {
      log.push(`receive ${bytes.length} ${via} ${from}`)
      return !machine.isIdle
    },
    linkUp: (peer: string) => log.push(`linkUp ${peer}`),
    linkDown: (peer: string, how: string) => log.push(`linkDown ${peer} ${how}`),
    backlog: (peer: string, bytes: number) => log.push(`backlog ${peer} ${bytes}`),
    tick: (now: number) => {
      log.push(`tick ${now}`)
      machine.onTick()
    },
    nextWake: () => machine.wake,
    drain: () => {
      const drained = { ...effects }
      Object.assign(effects, { sends: [], notices: [], drops: [], links: undefined })
      return drained
    },
    peer: () => undefined,
    peers: () => ['127.0.0.1:9009'],
  }
  const transport: Pick<Transport, 'open' | 'close' | 'keep' | 'drop' | 'sendDatagram' | 'sendFrame' | 'backlog'> = {
    open: async (options, handlers) => {
      await network.opening
      if (network.fails) throw network.fails
      network.handlers = handlers
      return { host: options.address, port: options.port }
    },
    close: async () => void log.push('close'),
    keep: (names) => log.push(`keep ${names.join()}`),
    drop: (name) => log.push(`drop ${name}`),
    sendDatagram: (to) => log.push(`datagram ${to}`),
    sendFrame: (to) => (log.push(`frame ${to}`), 5),
    backlog: () => 3,
  }
  const host = new Host({
    gossip: gossip as unknown as Gossip,
    transport: transport as unknown as Transport,
    clock: world.clock,
    owner: {
      notice: (notice) => log.push(`notice ${notice.kind}`),
      foretell: (notice) => log.push(`foretell ${notice.kind}`),
      frame: (bytes, from) => log.push(`other frame ${bytes.length} ${from}`),
      linkUp: (peer) => log.push(`up ${peer}`),
      linkDown: (peer, how) => log.push(`down ${peer} ${how}`),
      drained: (peer) => log.push(`drained ${peer}`),
      rejected: (from, reason) => log.push(`rejected ${from} ${reason}`),
      failed: (error) => log.push(`failed ${error.message}`),
    },
    address: '127.0.0.1',
    bind: '127.0.0.1',
    addressMap: {}, security: undefined,
    snapshot,
  })
  const taken = (): string[] => log.splice(0)
  return { world, host, effects, machine, network, taken, never: new AbortController().signal }
}

const parts = [Uint8Array.of(1)]

t.test('begins a life, joins through seeds other than itself, and says its name', async (t) => {
  const { host, taken, never, world } = scripted()
  t.ok(host.join(':9001', '127.0.0.1:9000'))
  t.notOk(host.join('localhost:9000', '127.0.0.1:9000'))
  t.equal(await host.start(9000, never), '127.0.0.1:9000')
  t.strictSame(taken(), [`start 127.0.0.1:9000 ${world.clock.wall()}`, 'join 127.0.0.1:9001'])
})

t.test('effects are performed in order: links, sends, notices', async (t) => {
  const { host, effects, taken, never } = scripted()
  effects.notices.push({ kind: 'drain' }, { kind: 'peer:start', peer: 'c:1' })
  effects.sends.push({ to: 'a:1', via: 'stream', parts }, { to: 'b:1', via: 'datagram', parts })
  effects.drops.push('d:1')
  effects.links = ['a:1', 'b:1']
  await host.start(9000, never)
  t.strictSame(taken().slice(1), [
    'keep a:1,b:1', 'drop d:1', 'frame a:1', 'backlog a:1 5', 'datagram b:1',
    'foretell drain', 'foretell peer:start', 'notice drain', 'notice peer:start',
  ])
})

t.test('what the network brings is fed to the machine, and what comes of it performed at once', async (t) => {
  const { host, effects, taken, never, network } = scripted()
  await host.start(9000, never)
  taken()
  const { handlers } = network
  effects.sends.push({ to: 'a:1', via: 'datagram', parts })
  handlers?.datagram(Uint8Array.of(1), '10.0.0.1:5')
  t.strictSame(taken(), ['receive 1 datagram 10.0.0.1:5', 'datagram a:1'])
  handlers?.frame(Uint8Array.of(0x74, 2), 'a:1')
  handlers?.frame(Uint8Array.of(1, 2), 'a:1')
  handlers?.linkUp('a:1')
  handlers?.linkDown('a:1', 'refused')
  handlers?.drained('a:1')
  handlers?.rejected('b:1', 'garbage')
  handlers?.error(new Error('socket'))
  t.strictSame(taken(), [
    'receive 2 stream a:1', 'other frame 2 a:1', 'linkUp a:1', 'up a:1', 'linkDown a:1 refused', 'down a:1 refused',
    'backlog a:1 3', 'drained a:1', 'rejected b:1 garbage', 'failed socket',
  ])
})

t.test('what comes to nothing has nothing done', async (t) => {
  const { host, effects, machine, taken, never, network } = scripted()
  await host.start(9000, never)
  taken()
  machine.isIdle = true
  effects.sends.push({ to: 'a:1', via: 'datagram', parts })
  network.handlers?.datagram(Uint8Array.of(1), '10.0.0.1:5')
  t.strictSame(taken(), ['receive 1 datagram 10.0.0.1:5'])
})

t.test('one timer: for the next wake, earlier when that comes forward, at once when it has passed', async (t) => {
  const { host, machine, taken, never, world, network } = scripted()
  machine.wake = 100
  await host.start(9000, never)
  machine.wake = 40
  network.handlers?.linkUp('a:1')
  machine.onTick = () => {
    machine.wake = machine.wake === 40 ? 40.5 : Infinity
  }
  taken()
  await world.run(500)
  t.strictSame(taken(), ['tick 40', 'tick 41'])
  machine.wake = 0
  machine.onTick = () => {
    machine.wake = Infinity
  }
  network.handlers?.linkUp('a:1')
  await world.run(0)
  t.strictSame(taken(), ['linkUp a:1', 'up a:1', 'tick 500'])
})

t.test('many commands of one turn wake the machine once', async (t) => {
  const { host, taken, never, world } = scripted()
  host.kick()
  await host.start(9000, never)
  taken()
  for (let i = 0; i < 10; i++) host.kick()
  await world.run(1)
  t.strictSame(taken(), ['tick 0'])
})

t.test('the end: the last news, farewell, close, and nothing after', async (t) => {
  const { host, effects, machine, taken, never, world, network } = scripted()
  machine.wake = 50
  await host.start(9000, never)
  taken()
  host.kick()
  effects.sends.push({ to: 'a:1', via: 'stream', parts })
  await host.stop()
  t.strictSame(taken(), ['tick 0', 'leave', 'frame a:1', 'backlog a:1 5', 'close'])
  network.handlers?.frame(Uint8Array.of(1), 'a:1')
  network.handlers?.linkUp('a:1')
  t.equal(host.send('a:1', parts), 0)
  host.kick()
  await world.run(1_000)
  await host.stop()
  t.strictSame(taken(), [])
})

t.test('a bind that fails leaves it as it was', async (t) => {
  const { host, network, taken, never } = scripted()
  network.fails = Object.assign(new Error('taken'), { code: 'EADDRINUSE' })
  await t.rejects(host.start(9000, never), { code: 'EADDRINUSE' })
  t.strictSame(taken(), [])
  delete network.fails
  t.equal(await host.start(9000, never), '127.0.0.1:9000')
})

t.test('who is stopped while starting leaves nothing open', async (t) => {
  const { host, network, taken } = scripted()
  const controller = new AbortController()
  let opened: () => void = () => undefined
  network.opening = new Promise((resolve) => (opened = resolve))
  const starting = host.start(9000, controller.signal)
  controller.abort()
  opened()
  await t.rejects(starting, { code: 'ERR_STOPPED' })
  t.strictSame(taken(), ['close'])
})

t.test('incarnations rise, though the clock falls, over stops and over restarts of the process', async (t) => {
  const file = `${t.testdir()}/snapshot.json`
  const incarnations: number[] = []
  for (const offset of [1_000, 500, 0]) {
    const { host, world, taken, never } = scripted(file)
    world.wallOffset = offset
    for (let lives = 0; lives < 2; lives++) {
      await host.start(9000, never)
      incarnations.push(Number(taken().find((line) => line.startsWith('start'))?.split(' ')[2]))
      await host.stop()
    }
  }
  t.strictSame(incarnations, [1_000, 1_001, 1_002, 1_003, 1_004, 1_005])
})

t.test('after a restart it joins through the peers it knew, without seeds', async (t) => {
  const file = `${t.testdir()}/snapshot.json`
  const first = scripted(file)
  await first.host.start(9000, first.never)
  await first.host.stop()
  const second = scripted(file)
  await second.host.start(9000, second.never)
  t.strictSame(second.taken().slice(1), ['join 127.0.0.1:9009'])
})
