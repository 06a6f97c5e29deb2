/** The same with moleculer, two nodes over its TCP transporter. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { flood, type Run } from '../lib/calling.js'
import { payload } from '../lib/payload.js'
import { serve } from '../lib/serve.js'

/** What of moleculer is used here. */
interface Broker {
  createService(schema: object): void
  start(): Promise<void>
  waitForServices(names: string[]): Promise<void>
  call(action: string, params: unknown): Promise<unknown>
}
type BrokerClass = new (options: object) => Broker

let broker: Broker

const commands = {
  /** Starts one of two nodes, which know each other's ports; the first one serves. */
  async start(node: number, ports: number[]): Promise<void> {
    const load = createRequire(join(import.meta.dirname, '..', '..', '..', 'rivals', 'package.json'))
    const { ServiceBroker } = load('moleculer') as { ServiceBroker: BrokerClass }
    const urls = ports.map((port, i) => `tcp://127.0.0.1:${port}/node-${i}`)
    broker = new ServiceBroker({
      nodeID: `node-${node}`,
      logger: false,
      transporter: { type: 'TCP', options: { udpDiscovery: false, urls, port: ports[node] } },
    })
    const echo = (context: { params: { text: string } }): unknown => context.params.text
    if (node === 0) broker.createService({ name: 'bench', actions: { echo } })
    await broker.start()
    if (node !== 0) await broker.waitForServices(['bench'])
  },

  flood: (inflight: number, count: number): Promise<Run> =>
    flood(n => broker.call('bench.echo', { text: payload(n) }), inflight, count),
}

/** What the measuring process may call. */
export type RivalCallsCommands = typeof commands

serve(commands)
