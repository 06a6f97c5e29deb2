/** Many peers in one process, for what each of them occupies. */
import { loadPeer, type BenchPeer } from '../lib/peers.js'
import { requireRival } from '../lib/rivals.js'
import { serve } from '../lib/serve.js'
import { sleep, until } from '../lib/time.js'

interface Broker {
  start(): Promise<void>
  registry: { getNodeList(options: { onlyAvailable: boolean }): unknown[] }
}

/** One of them: how many others it knows. */
type Known = () => number
/** Starts the one with this number. */
type Start = (i: number) => Promise<Known>

const kept: unknown[] = []

const commands = {
  /** Starts one on each port and returns the bytes each occupies once all know each other. */
  async gather(kind: 'ours' | 'original' | 'moleculerTcp', ports: readonly number[]): Promise<number> {
    // what the first one loads and compiles is no cost of the others
    const start = kind === 'moleculerTcp' ? moleculerStarter(ports) : await peerStarter(kind, ports)
    const known: Known[] = [await start(0)]
    const before = await used()
    for (let i = 1; i < ports.length; i++) known.push(await start(i))
    await until('all know each other', () => known.every(count => count() === ports.length - 1), 120_000, 250)
    await sleep(5_000)
    return (await used() - before) / (ports.length - 1)
  },
}

/** What the measuring process may call. */
export type CrowdCommands = typeof commands

async function peerStarter(kind: 'ours' | 'original', ports: readonly number[]): Promise<Start> {
  const Peer = await loadPeer(kind)
  return async i => {
    const peer: BenchPeer = new Peer(ports[i] ?? 0, i === 0 ? [] : [`127.0.0.1:${ports[0]}`], {})
    kept.push(peer)
    await new Promise(resolve => { peer.once('start', resolve); peer.start() })
    return () => peer.livePeers().length
  }
}

function moleculerStarter(ports: readonly number[]): Start {
  const { ServiceBroker } = requireRival<{ ServiceBroker: new (options: object) => Broker }>('moleculer')
  const urls = ports.map((port, i) => `tcp://127.0.0.1:${port}/node-${i}`)
  return async i => {
    const transporter = { type: 'TCP', options: { udpDiscovery: false, urls, port: ports[i] } }
    const broker = new ServiceBroker({ nodeID: `node-${i}`, logger: false, transporter })
    kept.push(broker)
    await broker.start()
    return () => broker.registry.getNodeList({ onlyAvailable: true }).length - 1
  }
}

async function used(): Promise<number> {
  const collect = globalThis.gc
  if (collect === undefined) throw new Error('needs --expose-gc')
  await sleep(100)
  collect(); collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

serve(commands)
