/** What talk.ts does, over a Redis or a NATS server in between: says many events, or hears them. */
import { connectNats } from '../lib/nats.js'
import { numberOf, payload } from '../lib/payload.js'
import { connectRedis } from '../lib/redis.js'
import { serve } from '../lib/serve.js'
import { cpuMs, now } from '../lib/time.js'
import type { Heard } from './talk.js'

/** What a connection is used for here; `flushed` resolves when the server has all that was said. */
interface Line {
  say(text: string): void
  flushed(): Promise<unknown>
  hear(each: (text: string) => void): Promise<void>
}

/** The server's answers are waited for after so many: what is said faster than it passes on must wait somewhere. */
const window = 2_000

let line: Line
let heard: Heard = { count: 0, outOfOrder: 0, last: 0, cpuMs: 0 }

async function redisLine(port: number): Promise<Line> {
  const redis = await connectRedis(port)
  let last: Promise<unknown> = Promise.resolve()
  return {
    say: text => { last = redis.publish('tick', text) },
    flushed: () => last,
    async hear(each) {
      redis.on('message', (_channel, text) => each(text))
      await redis.subscribe('tick')
    },
  }
}

async function natsLine(port: number): Promise<Line> {
  const nats = await connectNats(port)
  return {
    say: text => nats.publish('tick', Buffer.from(text)),
    flushed: () => nats.flush(),
    async hear(each) {
      nats.subscribe('tick', {
        callback: (error, { data }) => each(error === null ? Buffer.from(data).toString() : `${error}`),
      })
      await nats.flush()
    },
  }
}

const commands = {
  async connect(kind: 'redis' | 'nats', port: number): Promise<void> {
    line = await (kind === 'redis' ? redisLine : natsLine)(port)
  },

  hear: () => line.hear(text => {
    const n = numberOf(text)
    if (n !== heard.count) heard.outOfOrder += 1
    heard.count += 1
    heard.last = now()
  }),

  clear(): void {
    heard = { count: 0, outOfOrder: 0, last: 0, cpuMs: 0 }
  },

  async say(count: number): Promise<{ begun: number }> {
    const begun = now()
    for (let n = 0; n < count; n++) {
      line.say(payload(n))
      if (n % window === window - 1) await line.flushed()
    }
    await line.flushed()
    return { begun }
  },

  heard: (): Heard => ({ ...heard, cpuMs: cpuMs() }),
}

/** What the measuring process may call. */
export type BrokerTalkCommands = typeof commands

serve(commands)
