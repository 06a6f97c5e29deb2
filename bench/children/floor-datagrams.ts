/** The floor of spreading: UDP sockets that note when a datagram arrives; one of them sends to all the others. */
import { createSocket, type Socket } from 'node:dgram'
import { serve } from '../lib/serve.js'
import { now } from '../lib/time.js'

const sockets: Socket[] = []
let heard = { count: 0, last: 0 }

const commands = {
  async open(count: number): Promise<number[]> {
    for (let i = 0; i < count; i++) {
      const socket = createSocket('udp4', () => { heard.count += 1; heard.last = now() })
      await new Promise<void>(resolve => socket.bind(0, '127.0.0.1', resolve))
      sockets.push(socket)
    }
    return sockets.map(socket => socket.address().port)
  },

  clear(): void {
    heard = { count: 0, last: 0 }
  },

  /** One datagram of 100 bytes to each port. */
  send(ports: number[]): number {
    const begun = now()
    const bytes = Buffer.alloc(100)
    for (const port of ports) sockets[0]?.send(bytes, port, '127.0.0.1')
    return begun
  },

  heard: () => heard,
}

/** What the measuring process may call. */
export type DatagramCommands = typeof commands

serve(commands)
