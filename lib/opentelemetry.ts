import { createRequire } from 'node:module'
import type * as OpenTelemetry from '@opentelemetry/api'
import type { CallMessage, ServeMessage, TraceContext } from './diagnostics.js'
import { parseAddress } from './net/address.js'

type Api = typeof OpenTelemetry

/** The span of a call or of its handler, until it ends. */
export interface CallSpan {
  /** Where the span stands, for whoever is called. */
  readonly context: TraceContext
  /** Runs something within the span: what begins there is its child. */
  run<R>(work: () => R): R
  /** The call goes to a worker. */
  attempted(worker: string, attempt: number): void
  /** It came to an end: what went wrong, or undefined if nothing did. */
  ended(error: unknown): void
}

/** Where all copies of `@opentelemetry/api` 1.x look for what the application has registered. */
const registered = Symbol.for('opentelemetry.js.api.1')

/** The interface, once it was looked for; `null`: it cannot be loaded from here. */
let found: Api | null | undefined

/** Whether the application uses OpenTelemetry, or something that registers as it does. */
export function isTraced(): boolean {
  return registered in globalThis
}

/** Begins the span of a call; undefined when the application does not use OpenTelemetry. */
export function spanOfCall(message: CallMessage): CallSpan | undefined {
  const api = apiNow()
  if (api === undefined) return undefined
  const { PRODUCER, CLIENT } = api.SpanKind
  const kind = isAwaited(message) ? CLIENT : PRODUCER
  const span = tracer(api).startSpan(message.service, { kind, attributes: attributesOf(message) })
  return new Spanned(api, span, api.context.active())
}

/** Begins the span of a handler, a child of the caller's; undefined when the application does not use OpenTelemetry. */
export function spanOfServing(message: ServeMessage): CallSpan | undefined {
  const api = apiNow()
  if (api === undefined) return undefined
  const { CONSUMER, SERVER } = api.SpanKind
  const kind = isAwaited(message) ? SERVER : CONSUMER
  const remote = remoteContext(api, message.trace)
  // never what happens to be active: that is the caller's before, or of who sent the bytes
  const parent = remote === undefined ? api.ROOT_CONTEXT : api.trace.setSpanContext(api.ROOT_CONTEXT, remote)
  const span = tracer(api).startSpan(message.service, { kind, attributes: attributesOf(message) }, parent)
  if (span.isRecording()) span.setAttributes(addressOf('client', message.from))
  return new Spanned(api, span, parent)
}

/**
 * The interface, if the application has registered something with it. Until then it is not even loaded; and whichever
 * copy of it is loaded, all share what was registered.
 */
function apiNow(): Api | undefined {
  if (!isTraced()) return undefined
  if (found === undefined) {
    try {
      found = createRequire(import.meta.url)('@opentelemetry/api') as Api
    } catch {
      found = null
    }
  }
  return found ?? undefined
}

/** Whether the caller waits for what comes of it. */
function isAwaited({ kind }: CallMessage | ServeMessage): boolean {
  return kind === 'request' || kind === 'stream'
}

function tracer(api: Api): OpenTelemetry.Tracer {
  return api.trace.getTracer('telepathine')
}

/** By the semantic conventions for remote procedure calls. */
function attributesOf({ service, kind }: CallMessage | ServeMessage): OpenTelemetry.Attributes {
  return { 'rpc.system.name': 'telepathine', 'rpc.method': service, 'telepathine.call.kind': kind }
}

function addressOf(role: 'client' | 'server', peer: string): OpenTelemetry.Attributes {
  const { host, port } = parseAddress(peer)
  return { [`${role}.address`]: host, [`${role}.port`]: port }
}

/** A span that is not recorded, as most are where one in so many is sampled, is told nothing. */
class Spanned implements CallSpan {
  readonly #api: Api
  readonly #span: OpenTelemetry.Span
  readonly #within: OpenTelemetry.Context
  readonly #isRecording: boolean

  constructor(api: Api, span: OpenTelemetry.Span, parent: OpenTelemetry.Context) {
    this.#api = api
    this.#span = span
    this.#within = api.trace.setSpan(parent, span)
    this.#isRecording = span.isRecording()
  }

  get context(): TraceContext {
    const { traceId, spanId, traceFlags, traceState } = this.#span.spanContext()
    const flags = traceFlags.toString(16).padStart(2, '0')
    return { traceparent: `00-${traceId}-${spanId}-${flags}`, tracestate: traceState?.serialize() ?? '' }
  }

  run<R>(work: () => R): R {
    return this.#api.context.with(this.#within, work)
  }

  attempted(worker: string, attempt: number): void {
    if (!this.#isRecording) return
    this.#span.setAttributes(addressOf('server', worker))
    if (attempt > 1) this.#span.addEvent('retry', { 'telepathine.call.attempt': attempt, 'server.address': worker })
  }

  ended(error: unknown): void {
    if (this.#isRecording) this.#conclude(error)
    this.#span.end()
  }

  #conclude(error: unknown): void {
    if (error === undefined) return void this.#span.setAttribute('rpc.response.status_code', 'OK')
    const { code, name, message } = detailsOf(error)
    this.#span.recordException(error instanceof Error ? error : message)
    this.#span.setStatus({ code: this.#api.SpanStatusCode.ERROR, message })
    this.#span.setAttribute('error.type', code ?? name)
    if (code !== undefined) this.#span.setAttribute('rpc.response.status_code', code)
  }
}

function detailsOf(error: unknown): { code: string | undefined; name: string; message: string } {
  if (!(error instanceof Error)) return { code: undefined, name: '_OTHER', message: 'something that is no Error' }
  const { code } = error as { code?: unknown }
  return { code: typeof code === 'string' ? code : undefined, name: error.name, message: error.message }
}

function remoteContext(api: Api, trace: TraceContext | undefined): OpenTelemetry.SpanContext | undefined {
  if (trace === undefined) return undefined
  const [, traceId = '', spanId = '', flags = '00'] = trace.traceparent.split('-')
  const traceState = trace.tracestate === '' ? {} : { traceState: api.createTraceState(trace.tracestate) }
  return { traceId, spanId, traceFlags: parseInt(flags, 16), isRemote: true, ...traceState }
}
