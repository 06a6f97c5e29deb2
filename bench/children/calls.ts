/** One peer that calls others or works for them. */
import { randomBytes } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Telepathine } from '../../lib/index.js'
import { Dispatcher, type CallOptions } from '../../lib/work/index.js'
import { flood, quantile, steady, type Run } from '../lib/calling.js'
import { payload } from '../lib/payload.js'
import { serve } from '../lib/serve.js'
import { now, sleep } from '../lib/time.js'

let peer: Telepathine
let work: Dispatcher
let release: () => void = () => {}

const commands = {
  async start(seeds: string[]): Promise<string> {
    peer = await new Telepathine(0, seeds).start().ready()
    work = new Dispatcher(peer, { maxPending: 100_000 })
    return peer.name
  },

  /** Serves an echo; with `ms` it takes so long on average, and is done so many at a time. */
  serve(ms: number, concurrency: number): void {
    if (ms === 0) {
      work.serve('echo', (input: unknown) => input)
      return
    }
    const echo = async (input: unknown): Promise<unknown> => {
      await sleep(-Math.log(1 - Math.random()) * ms)
      return input
    }
    work.serve('echo', echo, { concurrency, queue: 100_000 })
  },

  /** Serves what never ends before it is released. */
  hold(concurrency: number): void {
    const released = new Promise<void>(resolve => { release = resolve })
    work.serve('hold', () => released, { concurrency })
  },

  release: () => release(),

  async found(name: string, count: number): Promise<void> {
    await work.waitFor(name, { count })
  },

  flood: (inflight: number, ms: number): Promise<Run> =>
    flood(n => work.request('echo', payload(n)), inflight, ms),

  steady: (perSecond: number, seconds: number, options: CallOptions): Promise<Run> =>
    steady(n => work.request('echo', payload(n), options), perSecond, seconds),

  /** A value of `bytes` there and back, with small calls at the same time: its time, and theirs. */
  async large(bytes: number, perSecond: number): Promise<{ ms: number; p99: number; max: number; isSame: boolean }> {
    const value = randomBytes(bytes)
    const small: number[] = []
    const done = new AbortController()
    const calling = (async () => {
      while (!done.signal.aborted) {
        const at = now()
        void work.request('echo', 'small').then(() => small.push(now() - at))
        await sleep(1_000 / perSecond)
      }
    })()
    await sleep(50)
    const begun = now()
    const back = await work.request<Uint8Array>('echo', value)
    const ms = now() - begun
    done.abort()
    await calling
    await sleep(50)
    small.sort((a, b) => a - b)
    return { ms, p99: quantile(small, 0.99), max: small.at(-1) ?? NaN, isSame: Buffer.compare(back, value) === 0 }
  },

  /** Memory of each of `count` calls under way. */
  async memory(count: number): Promise<number> {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const used = (): number => {
      collect()
      const { heapUsed, external } = process.memoryUsage()
      return heapUsed + external
    }
    const before = used()
    const calls: Promise<unknown>[] = []
    for (let n = 0; n < count; n++) calls.push(work.request('hold', payload(n)))
    await sleep(500)
    const each = (used() - before) / count
    void Promise.allSettled(calls)
    return each
  },
}

/** What the measuring process may call. */
export type CallsCommands = typeof commands

serve(commands)
