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
}

/** After how many seconds a client may try again what was refused for the moment. */
const retryAfterSeconds = 1

/** A request that is refused: what to answer. */
export class Refusal extends Error {
  readonly status: number
  readonly code: string
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.status = status
    this.code = code
    this.headers = headers
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
  const { code, message } = error
  const status = statuses[code]
  const headers = status === 429 || status === 503 ? { 'retry-after': String(retryAfterSeconds) } : undefined
  return new Refusal(status, code, message, headers)
}
