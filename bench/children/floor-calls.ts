/** The floor of calling: an echo of msgpackr over one TCP connection, all that is written in one turn in one write. */
import { connect, createServer, type Socket } from 'node:net'
import { Packr } from 'msgpackr'
import { flood, type Run } from '../lib/calling.js'
import { FrameWriter, readFrames } from '../lib/frames.js'
import { payload } from '../lib/payload.js'
import { serve } from '../lib/serve.js'

const packr = new Packr({ useRecords: false })
const waiting = new Map<number, (answer: unknown) => void>()
let send: (message: unknown) => void

/** Writes at the end of the turn. */
function coalescing(socket: Socket): (message: unknown) => void {
  const writer = new FrameWriter([socket.setNoDelay()])
  let isScheduled = false
  return message => {
    void writer.write(packr.pack(message))
    if (isScheduled) return
    isScheduled = true
    setImmediate(() => {
      isScheduled = false
      void writer.flush()
    })
  }
}

const commands = {
  listen: () => new Promise<number>(resolve => {
    const server = createServer(socket => {
      const reply = coalescing(socket.on('error', () => {}))
      readFrames(socket, message => reply(packr.unpack(message)))
    })
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port))
  }),

  connect: (port: number) => new Promise<void>(resolve => {
    const socket = connect(port, '127.0.0.1', resolve)
    send = coalescing(socket)
    readFrames(socket, message => {
      const [id, value] = packr.unpack(message) as [number, unknown]
      waiting.get(id)?.(value)
      waiting.delete(id)
    })
  }),

  flood: (inflight: number, ms: number): Promise<Run> => flood(n => new Promise(resolve => {
    waiting.set(n, resolve)
    send([n, payload(n)])
  }), inflight, ms),
}

/** What the measuring process may call. */
export type FloorCallsCommands = typeof commands

serve(commands)
