/** Some moleculer nodes in one process: for calls, events, and clusters that are joined, watched and killed. */
import { flood, type Run } from '../lib/calling.js'
import { numberOf, payload } from '../lib/payload.js'
import { requireRival } from '../lib/rivals.js'
import { serve } from '../lib/serve.js'
import { cpuMs, now } from '../lib/time.js'
import { countTraffic, type Sent } from '../lib/traffic.js'
import type { Change } from './peers.js'
import type { Heard } from './talk.js'

/** What of moleculer is used here. */
interface Broker {
  createService(schema: object): void
  start(): Promise<void>
  waitForServices(names: string[]): Promise<void>
  call(action: string, params: unknown): Promise<unknown>
  broadcast(event: string, params: unknown): Promise<unknown>
  localBus: { on(event: string, listener: (what: { node: { id: string } }) => void): void }
  registry: { getNodeList(options: { onlyAvailable: boolean }): unknown[] }
}
type BrokerClass = new (options: object) => Broker

/** How the nodes of a cluster find each other: each at its port, or all through one NATS server. */
export type Means = { readonly tcp: readonly number[] } | { readonly nats: number }

const brokers: Broker[] = []
const stops: Change[] = []
let BrokerClass: BrokerClass
let lastChange = 0
let heard: Heard = { count: 0, outOfOrder: 0, last: 0, cpuMs: 0 }
const sent: Sent = countTraffic()

const commands = {
  /** Loads the class, so that `start` measures starting alone. */
  load(): void {
    BrokerClass = requireRival<{ ServiceBroker: BrokerClass }>('moleculer').ServiceBroker
  },

  /** Starts the nodes with these numbers, and returns when the call was made. The first of all serves an echo. */
  async start(numbers: number[], means: Means): Promise<number> {
    const begun = now()
    await Promise.all(numbers.map(n => startNode(n, means)))
    return begun
  },

  waitForEcho: () => brokers[0]?.waitForServices(['bench']),

  /** The fewest others that any node here sees, and when that last changed. */
  known: () => ({
    fewest: Math.min(...brokers.map(broker => broker.registry.getNodeList({ onlyAvailable: true }).length - 1)),
    lastChange,
  }),

  /** Nodes that were lost since the last call. */
  stops: () => stops.splice(0),

  flood: (inflight: number, ms: number): Promise<Run> =>
    flood(n => (brokers[0] as Broker).call('bench.echo', { text: payload(n) }), inflight, ms),

  clear(): void {
    heard = { count: 0, outOfOrder: 0, last: 0, cpuMs: 0 }
  },

  /** Says numbered events, and lets go of the thread now and then: there is nothing to wait for. */
  async say(count: number): Promise<{ begun: number }> {
    const begun = now()
    for (let n = 0; n < count; n++) {
      const done = (brokers[0] as Broker).broadcast('tick', { text: payload(n) })
      if (n % 500 === 499) {
        await done
        await new Promise(resolve => setImmediate(resolve))
      }
    }
    return { begun }
  },

  /** One event; when it was said. */
  sayOnce(index: number, n: number): number {
    const begun = now()
    void brokers[index]?.broadcast('tick', { text: payload(n) })
    return begun
  },

  heard: (): Heard => ({ ...heard, cpuMs: cpuMs() }),

  /** What this process has sent and computed so far. */
  usage: () => ({ ...sent, streamBytes: sent.streamBytes, cpuMs: cpuMs(), time: now() }),
}

/** What the measuring process may call. */
export type MoleculerCommands = typeof commands

async function startNode(n: number, means: Means): Promise<void> {
  const broker = new BrokerClass({ nodeID: `node-${n}`, logger: false, transporter: transporter(n, means) })
  const echo = (context: { params: { text: string } }): unknown => context.params.text
  const tick = (context: { params: { text: string } }): void => {
    if (numberOf(context.params.text) !== heard.count) heard.outOfOrder += 1
    heard.count += 1
    heard.last = now()
  }
  // what is broadcast comes to the one who says it, too: the first node says and does not listen
  if (n === 0) broker.createService({ name: 'bench', actions: { echo } })
  else broker.createService({ name: 'ears', events: { tick } })
  broker.localBus.on('$node.connected', () => { lastChange = now() })
  broker.localBus.on('$node.disconnected', ({ node }) => {
    lastChange = now()
    stops.push({ at: brokers.indexOf(broker), peer: node.id, time: lastChange })
  })
  brokers.push(broker)
  await broker.start()
}

function transporter(n: number, means: Means): object {
  if ('nats' in means) return { type: 'NATS', options: { servers: `127.0.0.1:${means.nats}` } }
  const urls = means.tcp.map((port, i) => `tcp://127.0.0.1:${port}/node-${i}`)
  return { type: 'TCP', options: { udpDiscovery: false, urls, port: means.tcp[n] } }
}

serve(commands)
