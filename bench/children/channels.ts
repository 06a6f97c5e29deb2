/** A channel server, or an agent that emits or hears; or the floor: frames through a process that passes bytes on. */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { pack, unpack } from 'msgpackr'
import { NCAgent, NCServer } from '../../lib/netcluster/index.js'
import { FrameWriter, readFrames } from '../lib/frames.js'
import { numberOf, payload } from '../lib/payload.js'
import { serve } from '../lib/serve.js'
import { cpuMs, now } from '../lib/time.js'
import type { Heard } from './talk.js'

let heard: Heard = { count: 0, outOfOrder: 0, last: 0, cpuMs: 0 }
let agent: NCAgent
let writer: FrameWriter

function hear(text: string): void {
  const n = numberOf(text)
  if (n !== heard.count) heard.outOfOrder += 1
  heard.count += 1
  heard.last = now()
}

const commands = {
  /** Serves the channels A, which goes to B, and B. When it was up. */
  async serve(socketdir: string): Promise<number> {
    const server = new NCServer()
    server.config = {
      socketdir, connecttonet: false, channels: { control: {}, A: { propagatetochannels: '^B$' }, B: {} },
    }
    await server.start()
    return now()
  },

  async join(socketdir: string, channel: string): Promise<void> {
    agent = new NCAgent({ socketdir })
    agent.on<string>('tick', packet => hear(packet.data))
    await agent.connect(channel)
  },

  /** When the agent is connected the next time. */
  async reconnected(): Promise<number> {
    await once(agent.events, 'connect')
    return now()
  },

  async say(count: number): Promise<{ begun: number }> {
    const begun = now()
    for (let n = 0; n < count; n++) if (!agent.emit('tick', payload(n))) await once(agent.events, 'drain')
    return { begun }
  },

  /** Passes on what comes to one socket to who connected to another. */
  async relay(folder: string): Promise<void> {
    const outs: Socket[] = []
    const out = createServer(socket => void outs.push(socket)).listen(join(folder, 'out'))
    const into = createServer(socket => outs.forEach(each => socket.pipe(each))).listen(join(folder, 'in'))
    await Promise.all([out, into].map(server => once(server, 'listening')))
  },

  async listenRaw(folder: string): Promise<void> {
    const socket = connect(join(folder, 'out'))
    readFrames(socket, message => hear(unpack(message) as string))
    await once(socket, 'connect')
  },

  async writeRaw(folder: string): Promise<void> {
    const socket = connect(join(folder, 'in'))
    writer = new FrameWriter([socket])
    await once(socket, 'connect')
  },

  async sayRaw(count: number): Promise<{ begun: number }> {
    const begun = now()
    for (let n = 0; n < count; n++) {
      const full = writer.write(pack(payload(n)))
      if (full !== undefined) await full
    }
    await writer.flush()
    return { begun }
  },

  clear(): void {
    heard = { count: 0, outOfOrder: 0, last: 0, cpuMs: 0 }
  },

  heard: (): Heard => ({ ...heard, cpuMs: cpuMs() }),
}

/** What this child can be asked. */
export type ChannelsCommands = typeof commands

serve(commands)
