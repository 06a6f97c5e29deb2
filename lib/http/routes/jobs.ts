import { setTimeout as sleep } from 'node:timers/promises'
import { TelepathineError } from '../../gossip/errors.js'
import type { CallOptions, Dispatcher, GatherOptions, GatherOutcome } from '../../work/index.js'
import { Refusal, refusalOf } from '../errors.js'
import { wholeNumber, type Exchange } from '../exchange.js'
import { toJSON } from '../json.js'
import { Lines, ndjson } from '../lines.js'
import { answerOutcome, discard, enqueue, isForQueue, isOfQueue } from '../queued.js'
import { Results } from '../results.js'
import type { Route } from '../routes.js'

const timeoutMsMax = 86_400_000
const selections = ['p2c', 'least-loaded', 'random', 'round-robin', 'all'] as const
/** Without a value for so long an answer in lines begins all the same, or proxies would take it for dead. */
const firstValueMs = 15_000

/** Whether a service that nobody serves, or not the peer that is asked for, may be served again soon. */
export type IsAway = (service: string, target: string | undefined) => boolean

/**
 * Work for whoever serves it, wherever that is. One result, or several as they come if the client asks for NDJSON or
 * server-sent events; a client that goes away cancels its task.
 */
export function jobRoutes(work: Dispatcher, isAway: IsAway, closing: AbortSignal): Route[] {
  const results = new Results()
  closing.addEventListener('abort', () => results.close())
  const perform = async (exchange: Exchange, name: string): Promise<void> => {
    const options = optionsOf(exchange)
    const task = new Task(work, name, await exchange.body(), options, isAway)
    if (exchange.prefers('respond-async')) {
      const isStored = isForQueue(work, exchange, name)
      return isStored ? enqueue(work, exchange, name, task.input) : later(task, results, exchange)
    }
    try {
      if (exchange.prefers('return=minimal')) {
        await work.push(name, task.input, { ...options, signal: exchange.signal })
        return exchange.empty(204, { 'preference-applied': 'return=minimal' })
      }
      if (exchange.accepts(ndjson) || exchange.accepts('text/event-stream')) return await streamed(task, exchange)
      exchange.json(200, await task.result(exchange.signal))
    } catch (error) {
      throw task.explain(error)
    }
  }
  return [
    {
      method: 'POST',
      path: '/jobs/:name*',
      writes: true,
      summary:
        'Gives the JSON value in the body, as a task, to a peer that serves the job. Headers: ' +
        'X-Telepathine-Timeout-Ms, X-Telepathine-Target, X-Telepathine-Tags, X-Telepathine-Select (all: to everyone ' +
        'who serves it; the answer is { results, errors, missing, complete }), X-Telepathine-Idempotent, ' +
        'Idempotency-Key. With Prefer: respond-async 202 and a token to ask with later: of the queue, if this peer ' +
        'has one and the job is served from it, or with X-Telepathine-Durable: true (X-Telepathine-Delay-Ms, ' +
        'X-Telepathine-Attempts). With Prefer: return=minimal 204 once somebody has taken it.',
      answer: (exchange) => perform(exchange, exchange.name('name')),
    },
    {
      method: 'POST',
      path: '/apps/:dir/:worker',
      writes: true,
      summary: 'As /jobs/, for a worker app.',
      answer: (exchange) => perform(exchange, `apps/${exchange.name('dir')}/${exchange.name('worker')}`),
    },
    {
      method: 'GET',
      path: '/jobs/:token',
      writes: true,
      summary: 'The result of a task that was given with Prefer: respond-async; 202 while it is under way.',
      answer: async (exchange) => {
        const given = exchange.name('token')
        if (!results.has(given) && isOfQueue(work, given)) return answerOutcome(work, exchange, given)
        const { token, outcome } = results.find(given)
        if (outcome) exchange.send(outcome.status, 'application/json', outcome.text)
        else exchange.json(202, { token, done: false }, { 'retry-after': '1' })
      },
    },
    {
      method: 'DELETE',
      path: '/jobs/:token',
      writes: true,
      summary: 'Cancels such a task, and drops its result; from the queue, drops a dead letter.',
      answer: async (exchange) => {
        const token = exchange.name('token')
        if (!results.has(token) && isOfQueue(work, token)) return discard(work, exchange, token)
        const result = results.find(token)
        result.cancel()
        results.remove(result)
        exchange.empty(204)
      },
    },
  ]
}

/** What a client wants done: by one, or by all who serve it. */
class Task {
  readonly input: unknown
  readonly #work: Dispatcher
  readonly #name: string
  readonly #options: CallOptions
  readonly #isAway: IsAway

  constructor(work: Dispatcher, name: string, input: unknown, options: CallOptions, isAway: IsAway) {
    this.#work = work
    this.#name = name
    this.input = input
    this.#options = options
    this.#isAway = isAway
  }

  /** Resolves to the result, or the results of all. */
  async result(signal: AbortSignal): Promise<unknown> {
    if (this.#options.select !== 'all') return this.#work.request(this.#name, this.input, { ...this.#options, signal })
    const { results, errors, missing, complete } = await this.#gather(signal).result()
    const told = [...errors].map(([peer, error]) => [peer, refusalOf(error).told])
    return { results: Object.fromEntries(results), errors: Object.fromEntries(told) as object, missing, complete }
  }

  /** Yields what is to stand in each line; returns what is to stand in the last. */
  async *lines(signal: AbortSignal): AsyncGenerator<object, object> {
    if (this.#options.select !== 'all') {
      const values = this.#work.stream(this.#name, this.input, { ...this.#options, signal })
      for await (const value of values) yield { value }
      return { ok: true }
    }
    const gathered = this.#gather(signal)
    for await (const outcome of gathered) yield lineOf(outcome)
    const { missing, complete } = await gathered.result()
    return { ok: true, complete, missing }
  }

  /** What a client gets to know of what went wrong. */
  explain(error: unknown): unknown {
    const { target } = this.#options
    if (!(error instanceof TelepathineError) || error.code !== 'ERR_NO_WORKER') return error
    if (!this.#isAway(this.#name, target)) return error
    return new Refusal(503, error.code, `${error.message} at the moment`, { 'retry-after': '1' })
  }

  #gather(signal: AbortSignal): ReturnType<Dispatcher['gather']> {
    const { timeout, idempotent, key, ...rest } = this.#options
    if (key !== undefined || idempotent === true) {
      const problem = 'x-telepathine-select: all given with idempotency-key or x-telepathine-idempotent'
      throw new Refusal(400, 'ERR_OPTION', `${problem}, which are for tasks that go to one peer`)
    }
    const options: GatherOptions = { ...rest, signal, ...(timeout !== undefined && { ttl: timeout }) }
    return this.#work.gather(this.#name, this.input, options)
  }
}

function lineOf({ peer, value, error }: GatherOutcome): object {
  return error === undefined ? { peer, value } : { peer, error: refusalOf(error).told }
}

/** What comes of it before the first value decides on the status; what goes wrong later stands in the last line. */
async function streamed(task: Task, exchange: Exchange): Promise<void> {
  const values = task.lines(exchange.signal)
  const first = values.next()
  const come = new AbortController()
  await Promise.race([first, sleep(firstValueMs, undefined, { signal: come.signal }).catch(() => undefined)]).finally(
    () => come.abort(),
  )
  const lines = new Lines(exchange)
  try {
    for (let next = await first; ; next = await values.next()) {
      if (next.done === true) return lines.end({ ...next.value })
      lines.write('chunk', { ...next.value })
      await lines.drained()
    }
  } catch (error) {
    lines.end({ ok: false, error: refusalOf(task.explain(error)).told })
  }
}

function later(task: Task, results: Results, exchange: Exchange): void {
  const cancelled = new AbortController()
  const result = results.add(() => cancelled.abort())
  task.result(cancelled.signal).then(
    (value) => results.settle(result, 200, `${toJSON(value)}\n`),
    (error: unknown) => {
      const refusal = refusalOf(task.explain(error))
      results.settle(result, refusal.status, `${toJSON({ error: refusal.told })}\n`)
    },
  )
  const { token } = result
  exchange.json(202, { token, done: false }, { location: `/jobs/${token}`, 'preference-applied': 'respond-async' })
}

function optionsOf(exchange: Exchange): CallOptions {
  const timeout = exchange.header('x-telepathine-timeout-ms')
  const target = exchange.header('x-telepathine-target')
  const tags = exchange.header('x-telepathine-tags')
  const select = exchange.header('x-telepathine-select')
  const key = exchange.header('idempotency-key')
  return {
    idempotent: exchange.header('x-telepathine-idempotent') === 'true',
    ...(timeout !== undefined && { timeout: wholeNumber('x-telepathine-timeout-ms', timeout, 1, timeoutMsMax) }),
    ...(target !== undefined && { target }),
    ...(tags !== undefined && { tags: tags.split(',').map((tag) => tag.trim()) }),
    ...(select !== undefined && { select: selection(select) }),
    ...(key !== undefined && { key }),
  }
}

function selection(text: string): (typeof selections)[number] {
  const found = selections.find((each) => each === text)
  if (found) return found
  const allowed = selections.join(', ')
  throw new Refusal(400, 'ERR_OPTION', `x-telepathine-select: ${JSON.stringify(text)} given, allowed: ${allowed}`)
}
