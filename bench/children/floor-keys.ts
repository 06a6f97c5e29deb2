/** The floor of joining: pairs of key and value over one TCP connection, each packed and unpacked by itself. */
import { connect, createServer } from 'node:net'
import { pack, unpack } from 'msgpackr'
import { FrameWriter, readFrames } from '../lib/frames.js'
import { keyName, payload } from '../lib/payload.js'
import { serve } from '../lib/serve.js'
import { stopwatch, type Taken } from '../lib/time.js'

const commands = {
  /** Be the owner: whoever connects gets all keys. */
  own: (count: number) => new Promise<number>(resolve => {
    const keys = new Map(Array.from({ length: count }, (_, n) => [keyName(n), payload(n)] as const))
    const server = createServer(async socket => {
      socket.on('error', () => {})
      const writer = new FrameWriter([socket])
      for (const pair of keys) {
        const full = writer.write(pack(pair))
        if (full !== undefined) await full
      }
      await writer.flush()
    })
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port))
  }),

  /** Be the newcomer: what it took from connecting until all are here. */
  join: (port: number, count: number) => new Promise<Taken>(resolve => {
    const keys = new Map<string, string>()
    const watch = stopwatch()
    const socket = connect(port, '127.0.0.1').setNoDelay()
    readFrames(socket, message => {
      const [key, value] = unpack(message) as [string, string]
      keys.set(key, value)
      if (keys.size === count) {
        resolve(watch())
        socket.destroy()
      }
    })
  }),
}

/** What the measuring process may call. */
export type FloorKeysCommands = typeof commands

serve(commands)
