/** What runs in the thread of an engine; see `thread.ts`. */
import { parentPort, workerData } from 'node:worker_threads'
import { TelepathineError } from '../gossip/errors.js'
import type { Delivery, Engine, Taker } from './engine.js'
import { alone, Mailbox } from './mailbox.js'
import type { Request, ThreadData, ThreadError, Told } from './thread.js'

const port = parentPort
if (port === null) throw new Error('to be run as a thread')

const takers = new Map<number, Taker>()
const watches = new Map<number, () => void>()
/** What is held, by the id of its delivery. */
const held = new Map<number, Delivery>()

const mailbox = new Mailbox<Told>(port)
const tell = (what: Told): void => mailbox.send(what)

const found = (bytes: Uint8Array | undefined): Uint8Array | undefined => bytes && alone(bytes)

/** The thread ends: another takes its place. */
function fail(why: Error): void {
  setImmediate(() => {
    throw why
  })
}

async function openEngine({ kind, url, settings }: ThreadData): Promise<Engine> {
  if (kind === 'jetstream') return (await import('./jetstream.js')).open(url, settings, fail)
  return (await import('./amqp.js')).open(url, settings)
}

/** Something that is done with a delivery; one that is not held any more has been settled. */
async function settle(id: number, act: (delivery: Delivery) => Promise<void>): Promise<void> {
  const delivery = held.get(id)
  if (delivery === undefined) return
  await act(delivery)
  held.delete(id)
}

async function answer(engine: Engine, { serial, method, given }: Request): Promise<unknown> {
  const [first, second, third] = given as [never, never, never]
  switch (method) {
    case 'join': return engine.join(first)
    case 'add': return engine.add(first)
    case 'take': {
      const taker = await engine.take(first, second, (delivery) => {
        held.set(delivery.id, delivery)
        tell({ kind: 'deliver', taker: serial, delivery: { ...delivery, bytes: alone(delivery.bytes) } })
      })
      return void takers.set(serial, taker)
    }
    case 'stopTaking':
      await takers.get(first)?.stop()
      return void takers.delete(first)
    case 'isCurrent': {
      const delivery = held.get(first)
      const isCurrent = delivery !== undefined && await engine.isCurrent(delivery)
      if (!isCurrent) held.delete(first)
      return isCurrent
    }
    case 'finish': return settle(first, (delivery) => engine.finish(delivery, second))
    case 'putBack': return settle(first, (delivery) => engine.putBack(delivery, second, third))
    case 'bury': return settle(first, (delivery) => engine.bury(delivery, second))
    case 'outcome': return found(await engine.outcome(first))
    case 'watch':
      return void watches.set(serial, await engine.watch(first, (outcome) => {
        tell({ kind: 'look', watch: serial, outcome: found(outcome) })
      }))
    case 'stopWatching':
      watches.get(first)?.()
      return void watches.delete(first)
    case 'dead': return engine.dead(first, second)
    case 'revive': return engine.revive(first)
    case 'discard': return engine.discard(first, second)
    case 'depths': return engine.depths()
    case 'putBlob': return engine.putBlob(first, second, third)
    case 'blob': return found(await engine.blob(first))
    case 'dropBlob': return engine.dropBlob(first)
    case 'lost': return engine.lost(first)
    case 'close': return engine.close()
    default: throw new TelepathineError('ERR_QUEUE', `the thread knows no ${method}`)
  }
}

function told(error: unknown): ThreadError {
  const { code, message } = error as Partial<NodeJS.ErrnoException>
  const isKnown = error instanceof TelepathineError || code === 'ERR_MODULE_NOT_FOUND'
  return { code: isKnown ? String(code) : 'ERR_QUEUE', message: message ?? String(error) }
}

try {
  const engine = await openEngine(workerData as ThreadData)
  port.on('message', (requests: readonly Request[]) => {
    for (const request of requests) {
      const { serial } = request
      answer(engine, request).then(
        (result) => tell({ kind: 'done', serial, result }),
        (error: unknown) => tell({ kind: 'failed', serial, error: told(error) }),
      )
    }
  })
  tell({ kind: 'open', priorityMax: engine.priorityMax })
} catch (error) {
  tell({ kind: 'failed', serial: 0, error: told(error) })
}
