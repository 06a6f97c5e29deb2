/**
 * Every code a {@link TelepathineError} may carry. The table is closed: a code that is not here does not exist.
 * Errors of the operating system (`EADDRINUSE`, `EACCES` …) are passed on as they are and keep the system's code.
 */
export const errorCodes = [
  'ERR_PORT',
  'ERR_ADDRESS',
  'ERR_KEY',
  'ERR_VALUE',
  'ERR_OPTION',
  'ERR_TOO_LARGE',
  'ERR_OVERLOAD',
  'ERR_STOPPED',
  'ERR_NO_WORKER',
  'ERR_TIMEOUT',
  'ERR_ABORTED',
  'ERR_BUSY',
  'ERR_DRAINING',
  'ERR_DENIED',
  'ERR_PEER_LOST',
  'ERR_KEY_REUSED',
  'ERR_HANDLER',
  'ERR_QUEUE',
] as const

/** One of the closed table of codes. */
export type ErrorCode = (typeof errorCodes)[number]

/**
 * The one class of errors that this library makes. `code` says what went wrong and is safe to branch on; `message`
 * names the value that was refused and what is allowed. Unless a code's documentation says otherwise, the state of the
 * peer is what it was before the call.
 */
export class TelepathineError extends Error {
  /** What went wrong: one of {@link errorCodes}. */
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = code === 'ERR_ABORTED' ? 'AbortError' : 'TelepathineError'
    this.code = code
  }
}
