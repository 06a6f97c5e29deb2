import { createSocket } from 'node:dgram'
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

/** Below what systems give to whoever asks for any port: nobody gets one of these by chance. */
const portMin = 10_000
const portMax = 30_000
const given = new Set<number>()

/**
 * Ports that nobody has, neither for TCP nor for UDP, each given once: the original takes no port 0, and a seed's port
 * must be known beforehand.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  while (ports.length < count) {
    const port = portMin + Math.floor(Math.random() * (portMax - portMin))
    if (given.has(port) || !await isFree(port)) continue
    given.add(port)
    ports.push(port)
  }
  return ports
}

async function isFree(port: number): Promise<boolean> {
  const listening = await new Promise<boolean>(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
  return listening && new Promise<boolean>(resolve => {
    const socket = createSocket('udp4')
    socket.once('error', () => { socket.close(); resolve(false) })
      .bind(port, '127.0.0.1', () => socket.close(() => resolve(true)))
  })
}
