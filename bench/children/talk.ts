/** One peer that says many events or hears them, and a large value or event one way. */
import { createHash, randomBytes } from 'node:crypto'
import { loadPeer, type BenchPeer, type Kind } from '../lib/peers.js'
import { numberOf, payload } from '../lib/payload.js'
import { serve } from '../lib/serve.js'
import { cpuMs, now } from '../lib/time.js'

let peer: BenchPeer
let heard: Heard = { count: 0, outOfOrder: 0, last: 0, cpuMs: 0 }
let arrived = { hash: '', time: 0 }
const hash = (text: string): string => createHash('sha256').update(text).digest('hex')

const commands = {
  /** Starts a peer; resolves once it sees `others` alive. */
  async start(kind: Kind, port: number, seeds: string[]): Promise<void> {
    const Peer = await loadPeer(kind)
    peer = new Peer(port, seeds, {})
    peer.hear('tick', (data: unknown) => {
      const n = numberOf(data as string)
      if (n !== heard.count) heard.outOfOrder += 1
      heard.count += 1
      heard.last = now()
    })
    peer.hear('large', (data: unknown) => { arrived = { time: now(), hash: hash(data as string) } })
    peer.on('set:large', (_peer: string, value: unknown) => { arrived = { time: now(), hash: hash(value as string) } })
    await new Promise(resolve => { peer.once('start', resolve); peer.start() })
  },

  live: () => peer.livePeers().length,

  clear(): void {
    heard = { count: 0, outOfOrder: 0, last: 0, cpuMs: 0 }
    arrived = { hash: '', time: 0 }
  },

  /** Says numbered events of 100 bytes, as fast as the peer lets one; when it began, and how often it had to wait. */
  async say(count: number): Promise<{ begun: number; waits: number }> {
    const begun = now()
    let waits = 0
    for (let n = 0; n < count; n++) {
      if (peer.say('tick', payload(n)) !== false) continue
      waits += 1
      await new Promise(resolve => peer.once('drain', resolve))
    }
    return { begun, waits }
  },

  /** The same in one go, to be sent with the next exchange: the original begins an exchange at every say otherwise. */
  sayBuffered(count: number): { begun: number } {
    const begun = now()
    for (let n = 0; n < count; n++) peer.say('tick', payload(n), 20_000, true)
    return { begun }
  },

  heard: (): Heard => ({ ...heard, cpuMs: cpuMs() }),

  /** Sends a random text of so many bytes; its hash, and when. */
  large(how: 'set' | 'say', bytes: number): { hash: string; begun: number } {
    const text = randomBytes(bytes / 2).toString('hex')
    const sent = { hash: hash(text), begun: now() }
    if (how === 'set') peer.set('large', text)
    else peer.say('large', text)
    return sent
  },

  arrived: () => arrived,

  /** The code that a value or event of so many bytes is refused with. */
  refusal(how: 'set' | 'say', bytes: number): string {
    try {
      if (how === 'set') peer.set('huge', 'x'.repeat(bytes))
      else peer.say('huge', 'x'.repeat(bytes))
      return 'accepted'
    } catch (error) {
      return String((error as { code?: unknown }).code)
    }
  },
}

/**
 * What a subscriber heard: an event whose number is not the next one is out of order (or one before it was lost).
 * `cpuMs` is what the process has computed since it began.
 */
export interface Heard { count: number; outOfOrder: number; last: number; cpuMs: number }

/** What the measuring process may call. */
export type TalkCommands = typeof commands

serve(commands)
