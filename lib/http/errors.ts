import { TelepathineError, type ErrorCode } from '../gossip/errors.js'

/** What HTTP calls the errors of this library. */
const statuses: Readonly<Record<ErrorCode, number>> = {
  ERR_PORT: 400,
  ERR_ADDRESS: 400,
  ERR_KEY: 400,
  ERR_VALUE: 400,
  ERR_OPTION: 400,
  ERR_TOO_LARGE: 413,
  ERR_OVERLOAD: 503,
  ERR_STOPPED: 503,
  ERR_NO_WORKER: 404,
  ERR_TIMEOUT: 504,
  ERR_ABORTED: 499,
  ERR_BUSY: 429,
  ERR_DRAINING: 503,
  ERR_DENIED: 403,
  ERR_PEER_LOST: 502,
  ERR_KEY_REUSED: 409,
  ERR_HANDLER: 500,
  ERR_QUEUE: 503,
}

/** After how many milliseconds a client may try again what was refused for the moment, unless more is known. */
const retryAfterMs = 1_000

/** A request that is refused: what to answer. */
export class Refusal extends Error {
  readonly status: number
  readonly code: string
  readonly headers: Readonly<Record<string, string>>
  /** What else is known of it. */
  readonly details: object

  constructor(
    status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}, details: object = {},
  ) {
    super(message)
    this.status = status
    this.code = code
    this.headers = headers
    this.details = details
  }

  /** As clients get to see it. */
  get told(): object {
    return { code: this.code, message: this.message, ...this.details }
  }
}

/**
 * The answer to a request that failed with `error`. Errors that nobody gave a code are ours: the client learns that
 * something broke, and not what it says of this machine.
 */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  if (!(error instanceof TelepathineError)) {
    return new Refusal(500, 'ERR_INTERNAL', 'this peer failed to answer; its log says why')
  }
  const { code } = error
  const status = isInvalid(error) ? 422 : statuses[code]
  return new Refusal(status, code, messageOf(error), headersOf(status, error as CallDetails), detailsOf(error))
}

/** Whether a handler could read its input, and found fault with it. */
function isInvalid({ code, cause }: TelepathineError): boolean {
  return code === 'ERR_HANDLER' && (cause as { code?: unknown } | undefined)?.code === 'ERR_VALUE'
}

/** What errors of calls tell beside their code; see `CallError`. */
interface CallDetails {
  readonly peer?: unknown
  readonly maybeExecuted?: unknown
  readonly retryAfterMs?: unknown
}

function headersOf(status: number, { retryAfterMs: knownMs }: CallDetails): Readonly<Record<string, string>> {
  if (status !== 429 && status !== 503) return {}
  return { 'retry-after': String(Math.ceil((typeof knownMs === 'number' ? knownMs : retryAfterMs) / 1_000)) }
}

/** The handler's own words are what a caller wants to know. */
function messageOf(error: TelepathineError): string {
  return error.code === 'ERR_HANDLER' && error.cause instanceof Error ? error.cause.message : error.message
}

function detailsOf(error: TelepathineError & CallDetails): object {
  const { peer, maybeExecuted } = error
  const isOwn = error.code === 'ERR_HANDLER'
  const cause = isOwn ? (error.cause as Partial<Record<'name' | 'code' | 'data', unknown>> | undefined) : undefined
  const { name, code, data } = cause ?? {}
  return {
    ...(typeof peer === 'string' && { peer }),
    ...(maybeExecuted === true && !isOwn && { maybeExecuted }),
    ...(name !== undefined && { name }),
    ...(code !== undefined && { cause: code }),
    ...(data !== undefined && { data }),
  }
}
