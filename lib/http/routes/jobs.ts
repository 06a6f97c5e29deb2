import type { CallOptions, Dispatcher } from '../../work/index.js'
import { Refusal, refusalOf } from '../errors.js'
import type { Exchange } from '../exchange.js'
import { toJSON } from '../json.js'
import { Lines, ndjson } from '../lines.js'
import { Results } from '../results.js'
import type { Route } from '../routes.js'

const timeoutMsMax = 86_400_000
const selections = ['p2c', 'least-loaded', 'random', 'round-robin'] as const

/**
 * Work for whoever serves it, wherever that is. One result, or several as they come if the client asks for NDJSON or
 * server-sent events; a client that goes away cancels its task.
 */
export function jobRoutes(work: Dispatcher, closing: AbortSignal): Route[] {
  const results = new Results()
  closing.addEventListener('abort', () => results.close())
  return [
    {
      method: 'POST',
      path: '/jobs/:name*',
      writes: true,
      summary:
        'Gives the JSON value in the body, as a task, to a peer that serves the job. Headers: ' +
        'X-Telepathine-Timeout-Ms, X-Telepathine-Target, X-Telepathine-Tags, X-Telepathine-Select, ' +
        'X-Telepathine-Idempotent, Idempotency-Key. With Prefer: respond-async 202 and a token to ask with later.',
      answer: (exchange) => perform(work, results, exchange, exchange.name('name')),
    },
    {
      method: 'POST',
      path: '/apps/:dir/:worker',
      writes: true,
      summary: 'As /jobs/, for a worker app.',
      answer: (exchange) => perform(work, results, exchange, `apps/${exchange.name('dir')}/${exchange.name('worker')}`),
    },
    {
      method: 'GET',
      path: '/jobs/:token',
      writes: true,
      summary: 'The result of a task that was given with Prefer: respond-async; 202 while it is under way.',
      answer: (exchange) => {
        const { token, outcome } = results.find(exchange.name('token'))
        if (outcome) exchange.send(outcome.status, 'application/json', outcome.text)
        else exchange.json(202, { token, done: false }, { 'retry-after': '1' })
      },
    },
    {
      method: 'DELETE',
      path: '/jobs/:token',
      writes: true,
      summary: 'Cancels such a task, and drops its result.',
      answer: (exchange) => {
        const result = results.find(exchange.name('token'))
        result.cancel()
        results.remove(result)
        exchange.empty(204)
      },
    },
  ]
}

async function perform(work: Dispatcher, results: Results, exchange: Exchange, name: string): Promise<void> {
  const options = optionsOf(exchange)
  const input = await exchange.body()
  if (/(^|,)\s*respond-async\s*(,|$)/i.test(exchange.header('prefer') ?? '')) {
    return later(work, results, exchange, { name, input, options })
  }
  const called = { ...options, signal: exchange.signal }
  if (exchange.accepts(ndjson) || exchange.accepts('text/event-stream')) {
    return streamed(work, exchange, { name, input, options: called })
  }
  exchange.json(200, await work.request(name, input, called))
}

interface Task {
  readonly name: string
  readonly input: unknown
  readonly options: CallOptions
}

/** The first value decides on the status; what goes wrong after it stands in the last line. */
async function streamed(work: Dispatcher, exchange: Exchange, { name, input, options }: Task): Promise<void> {
  const values = work.stream(name, input, options)
  const first = await values.next()
  const lines = new Lines(exchange)
  try {
    for (let next = first; next.done !== true; next = await values.next()) {
      lines.write('chunk', { value: next.value })
      await lines.drained()
    }
    lines.end({ ok: true })
  } catch (error) {
    lines.end({ ok: false, error: refusalOf(error).told })
  }
}

function later(work: Dispatcher, results: Results, exchange: Exchange, { name, input, options }: Task): void {
  const cancelled = new AbortController()
  const result = results.add(() => cancelled.abort())
  work.request(name, input, { ...options, signal: cancelled.signal }).then(
    (value) => results.settle(result, 200, `${toJSON(value)}\n`),
    (error: unknown) => {
      const refusal = refusalOf(error)
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
    ...(timeout !== undefined && { timeout: milliseconds(timeout) }),
    ...(target !== undefined && { target }),
    ...(tags !== undefined && { tags: tags.split(',').map((tag) => tag.trim()) }),
    ...(select !== undefined && { select: selection(select) }),
    ...(key !== undefined && { key }),
  }
}

function milliseconds(text: string): number {
  const ms = /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (ms >= 1 && ms <= timeoutMsMax) return ms
  const allowed = `milliseconds in 1..${timeoutMsMax}`
  throw new Refusal(400, 'ERR_OPTION', `x-telepathine-timeout-ms: ${JSON.stringify(text)} given, allowed: ${allowed}`)
}

function selection(text: string): (typeof selections)[number] {
  const found = selections.find((each) => each === text)
  if (found) return found
  const allowed = selections.join(', ')
  throw new Refusal(400, 'ERR_OPTION', `x-telepathine-select: ${JSON.stringify(text)} given, allowed: ${allowed}`)
}
