import type { Dispatcher, EnqueueOptions } from '../work/index.js'
import { Refusal, refusalOf } from './errors.js'
import { wholeNumber, type Exchange } from './exchange.js'

const delayMsMax = 365 * 86_400_000
const attemptsMax = 1_000

/**
 * Whether a task whose client does not wait goes into the queue: it asks for that, or whoever serves it takes from
 * there.
 */
export function isForQueue(work: Dispatcher, exchange: Exchange, name: string): boolean {
  return exchange.header('x-telepathine-durable') === 'true' || (work.hasQueue && work.isDurable(name))
}

/** Stores a task: what the client is told then outlives this peer. */
export async function enqueue(work: Dispatcher, exchange: Exchange, name: string, input: unknown): Promise<void> {
  const token = await work.enqueue(name, input, optionsOf(exchange))
  const headers = { location: `/jobs/${token}`, 'preference-applied': 'respond-async' }
  exchange.json(202, { token, done: false, durable: true }, headers)
}

/** Whether a token may be one of the queue. */
export function isOfQueue(work: Dispatcher, token: string): boolean {
  return work.hasQueue && /^[\w-]{24}$/.test(token)
}

/** Answers with what came of a job of the queue: 202 while nothing has. */
export async function answerOutcome(work: Dispatcher, exchange: Exchange, token: string): Promise<void> {
  const settled = await work.peek(token)
  if (settled === undefined) {
    exchange.json(202, { token, done: false, durable: true }, { 'retry-after': '1' })
  } else if (settled.error !== undefined) {
    const { status, told } = refusalOf(settled.error)
    exchange.json(status, { error: told })
  } else {
    exchange.json(200, settled.value)
  }
}

/** Drops a dead letter. */
export async function discard(work: Dispatcher, exchange: Exchange, token: string): Promise<void> {
  if (!(await work.discard(token))) throw new Refusal(404, 'ERR_KEY', 'there is no such dead letter')
  exchange.empty(204)
}

function optionsOf(exchange: Exchange): EnqueueOptions {
  const key = exchange.header('idempotency-key')
  const delay = exchange.header('x-telepathine-delay-ms')
  const attempts = exchange.header('x-telepathine-attempts')
  return {
    ...(key !== undefined && { key }),
    ...(delay !== undefined && { delay: wholeNumber('x-telepathine-delay-ms', delay, 0, delayMsMax) }),
    ...(attempts !== undefined && { attempts: wholeNumber('x-telepathine-attempts', attempts, 1, attemptsMax) }),
  }
}
