/** Durable jobs: whoever enqueues them, or does them; on an engine of ours, or with BullMQ. */
import { Telepathine } from '../../lib/index.js'
import { Dispatcher, openQueue } from '../../lib/work/index.js'
import { flood, type Run } from '../lib/calling.js'
import { payload } from '../lib/payload.js'
import { requireRival } from '../lib/rivals.js'
import { serve } from '../lib/serve.js'
import { now } from '../lib/time.js'

/** What of BullMQ is used here. */
interface Job { data: { text: string }; waitUntilFinished(events: object): Promise<unknown> }
interface BullMq {
  Queue: new (name: string, options: object) => {
    add(name: string, data: object, options: object): Promise<Job>
    setMaxListeners(count: number): void
  }
  QueueEvents: new (name: string, options: object) => { waitUntilReady(): Promise<unknown> }
  Worker: new (name: string, work: (job: Job) => Promise<unknown>, options: object) => {
    waitUntilReady(): Promise<unknown>
  }
}

const concurrency = 256
/** Stores one. */
let add: (n: number) => Promise<unknown>
/** Stores one and waits for what comes of it. */
let call: (n: number) => Promise<unknown>
let done = 0

const commands = {
  async ours(url: string, seeds: string[], isWorker: boolean): Promise<string> {
    const queue = await openQueue(url)
    const peer = await new Telepathine(0, seeds).start().ready()
    const work = new Dispatcher(peer, { queue })
    const echo = (text: string): string => {
      done++
      return text
    }
    if (isWorker) work.serve('echo', echo, { durable: true, concurrency })
    add = n => work.enqueue('echo', payload(n))
    call = async n => work.outcome(await work.enqueue('echo', payload(n)))
    return peer.name
  },

  async bullmq(port: number, isWorker: boolean): Promise<void> {
    const { Queue, QueueEvents, Worker } = requireRival<BullMq>('bullmq')
    const connection = { host: '127.0.0.1', port }
    if (isWorker) {
      const work = async ({ data }: Job): Promise<string> => {
        done++
        return data.text
      }
      await new Worker('echo', work, { connection, concurrency }).waitUntilReady()
      return
    }
    const queue = new Queue('echo', { connection })
    queue.setMaxListeners(0) // each job that is waited for adds some
    const events = new QueueEvents('echo', { connection })
    await events.waitUntilReady()
    add = n => queue.add('echo', { text: payload(n) }, { removeOnComplete: 10_000 })
    call = async n => (await add(n) as Job).waitUntilFinished(events)
  },

  awaited: (inflight: number, ms: number): Promise<Run> => flood(call, inflight, ms),

  /** Stores so many, `inflight` of them at a time; resolves when the last is stored, to when it began. */
  async store(count: number, inflight: number): Promise<number> {
    const begun = now()
    let next = 0
    const one = async (): Promise<void> => {
      while (next < count) await add(next++)
    }
    await Promise.all(Array.from({ length: inflight }, one))
    return now() - begun
  },

  done: (): number => done,
}

/** What the measuring process may call. */
export type QueueCommands = typeof commands

serve(commands)
