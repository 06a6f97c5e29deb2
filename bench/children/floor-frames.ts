/** The floor of talking: messages packed by msgpackr over one TCP connection per subscriber. */
import { createHash, randomBytes } from 'node:crypto'
import { connect, createServer, type Socket } from 'node:net'
import { pack, unpack } from 'msgpackr'
import { FrameWriter, readFrames } from '../lib/frames.js'
import { numberOf, payload } from '../lib/payload.js'
import { serve } from '../lib/serve.js'
import { cpuMs, now } from '../lib/time.js'
import type { Heard } from './talk.js'

const subscribers: Socket[] = []
let heard: Heard = { count: 0, outOfOrder: 0, last: 0, cpuMs: 0 }
let arrived = { hash: '', time: 0 }
const hash = (text: string): string => createHash('sha256').update(text).digest('hex')

const commands = {
  listen: () => new Promise<number>(resolve => {
    const server = createServer(socket => void subscribers.push(socket.setNoDelay().on('error', () => {})))
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port))
  }),

  subscribe: (port: number) => new Promise<void>(resolve => {
    const socket = connect(port, '127.0.0.1', resolve)
    readFrames(socket, message => {
      const text = unpack(message) as string
      if (text.length > 100) {
        arrived = { time: now(), hash: hash(text) }
        return
      }
      const n = numberOf(text)
      if (n !== heard.count) heard.outOfOrder += 1
      heard.count += 1
      heard.last = now()
    })
  }),

  clear(): void {
    heard = { count: 0, outOfOrder: 0, last: 0, cpuMs: 0 }
  },

  async say(count: number): Promise<{ begun: number; waits: number }> {
    const begun = now()
    const writer = new FrameWriter(subscribers)
    let waits = 0
    for (let n = 0; n < count; n++) {
      const full = writer.write(pack(payload(n)))
      if (full === undefined) continue
      waits += 1
      await full
    }
    await writer.flush()
    return { begun, waits }
  },

  heard: (): Heard => ({ ...heard, cpuMs: cpuMs() }),

  async large(bytes: number): Promise<{ hash: string; begun: number }> {
    const text = randomBytes(bytes / 2).toString('hex')
    const sent = { hash: hash(text), begun: now() }
    const writer = new FrameWriter(subscribers)
    await writer.write(pack(text))
    await writer.flush()
    return sent
  },

  arrived: () => arrived,
}

/** What the measuring process may call. */
export type FramesCommands = typeof commands

serve(commands)
