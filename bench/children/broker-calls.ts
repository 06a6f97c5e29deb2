/** Calls over a server in between: a request of NATS, or a job of BullMQ that is waited for. */
import { flood, type MakeCall, type Run } from '../lib/calling.js'
import { connectNats } from '../lib/nats.js'
import { payload } from '../lib/payload.js'
import { requireRival } from '../lib/rivals.js'
import { serve } from '../lib/serve.js'

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

let call: MakeCall

const commands = {
  /** Be the worker, or the caller. */
  async nats(port: number, isWorker: boolean): Promise<void> {
    const nats = await connectNats(port)
    if (isWorker) nats.subscribe('echo', { callback: (_error, message) => message.respond(message.data) })
    await nats.flush()
    call = async n => (await nats.request('echo', Buffer.from(payload(n)), { timeout: 10_000 })).data
  },

  async bullmq(port: number, isWorker: boolean): Promise<void> {
    const { Queue, QueueEvents, Worker } = requireRival<BullMq>('bullmq')
    const connection = { host: '127.0.0.1', port }
    if (isWorker) {
      await new Worker('echo', async job => job.data.text, { connection, concurrency: 256 }).waitUntilReady()
      return
    }
    const queue = new Queue('echo', { connection })
    queue.setMaxListeners(0) // each job that is waited for adds some
    const events = new QueueEvents('echo', { connection })
    await events.waitUntilReady()
    call = async n => {
      const job = await queue.add('echo', { text: payload(n) }, { removeOnComplete: 10_000 })
      return job.waitUntilFinished(events)
    }
  },

  flood: (inflight: number, ms: number): Promise<Run> => flood(call, inflight, ms),
}

/** What the measuring process may call. */
export type BrokerCallsCommands = typeof commands

serve(commands)
