import { createServer } from 'node:net'
import type { Telepathine } from '../../lib/index.js'
import { requireRival } from './rivals.js'

/** Whose peers: this library's, the same with a network key, or those of the original telepathine 0.3.3. */
export type Kind = 'ours' | 'sealed' | 'original'

/** What the two have in common, as far as it is measured. */
export type BenchPeer = Pick<Telepathine,
  'start' | 'on' | 'once' | 'set' | 'get' | 'say' | 'hear' | 'livePeers' | 'getRemote' | 'getRemoteKeys'>

/** The class under test. */
export type PeerClass = new (port: number, seeds: string[], options: Record<string, unknown>) => BenchPeer

/** Interval at which the original is measured: far shorter than its default of 2,500 ms, as its users would set it. */
export const originalIntervalMs = 200

/** Loads one of the two. The original is CommonJS, and is where `--rivals` put it. */
export async function loadPeer(kind: Kind): Promise<PeerClass> {
  if (kind !== 'original') {
    const { Telepathine } = await import('../../lib/index.js')
    if (kind === 'ours') return Telepathine
    return class extends Telepathine {
      constructor(port: number, seeds: string[], options: Record<string, unknown>) {
        super(port, seeds, { network: 'a key for benchmarks only', ...options })
      }
    }
  }
  const { Telepathine } = requireRival<{ Telepathine: PeerClass }>('telepathine')
  return class extends Telepathine {
    constructor(port: number, seeds: string[], options: Record<string, unknown>) {
      super(port, seeds, { gossipIntervalMS: originalIntervalMs, heartbeatIntervalMS: originalIntervalMs, ...options })
      Object.assign(this, { public: false }) // listens on loopback only
    }
  }
}

/** Ports that were free a moment ago: the original takes no port 0, and a seed's port must be known beforehand. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => new Promise<ReturnType<typeof createServer>>(
    (resolve, reject) => {
      const server = createServer()
      server.once('error', reject).listen(0, '127.0.0.1', () => resolve(server))
    })))
  const ports = servers.map(server => (server.address() as { port: number }).port)
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
  return ports
}
