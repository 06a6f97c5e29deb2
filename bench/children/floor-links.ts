/** The floor of noticing a death: a TCP connection to the victim, and when it closes. */
import { connect, createServer } from 'node:net'
import { serve } from '../lib/serve.js'
import { now } from '../lib/time.js'

let closedAt = 0

const commands = {
  /** Be the victim: accept connections. */
  listen: () => new Promise<number>(resolve => {
    const server = createServer(socket => void socket.on('error', () => {}))
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port))
  }),

  /** Be a survivor. */
  watch: (port: number) => new Promise<void>(resolve => {
    closedAt = 0
    const socket = connect(port, '127.0.0.1', resolve)
    socket.on('error', () => {}).on('close', () => { closedAt = now() }).resume()
  }),

  closed: () => closedAt,
}

/** What the measuring process may call. */
export type LinkCommands = typeof commands

serve(commands)
