import { TelepathineError, type ErrorCode } from '../gossip/errors.js'
import { Refusal } from './frame.js'

/** What else is known of a call that failed. */
export interface CallErrorDetails {
  /** The peer that was to do it. */
  peer?: string | undefined
  /** Whether it may have been done all the same. */
  maybeExecuted?: boolean
  /** When it may be worth another try, milliseconds. */
  retryAfterMs?: number
  /** What it comes from. */
  cause?: unknown
}

/** A call failed. `code` says why; for what a handler threw it is `ERR_HANDLER`, and `cause` is the error itself. */
export class CallError extends TelepathineError {
  /** Name of the peer that was to do it; undefined when there was none. */
  readonly peer: string | undefined
  /** Whether it may have been done, or begun, all the same. */
  readonly maybeExecuted: boolean
  /** With `ERR_BUSY`: when it may be worth another try, milliseconds. */
  readonly retryAfterMs: number | undefined

  constructor(code: ErrorCode, message: string, details: CallErrorDetails = {}) {
    super(code, message, details.cause !== undefined ? { cause: details.cause } : undefined)
    this.peer = details.peer
    this.maybeExecuted = details.maybeExecuted ?? false
    this.retryAfterMs = details.retryAfterMs
  }

  /** What the handler's error carried as `data`; undefined for other failures. */
  get data(): unknown {
    return this.cause instanceof RemoteError ? this.cause.data : undefined
  }
}

/** What a handler on another peer threw: its own name, message, code and data. */
export class RemoteError extends Error {
  /** The error's own code, if it had one. */
  readonly code: string | number | undefined
  /** The error's own data, if it had any. */
  readonly data: unknown
  /** Name of the peer where it was thrown. */
  readonly peer: string

  constructor(told: ErrorRecord, peer: string) {
    super(told.message)
    this.name = told.name
    this.code = told.code
    this.data = told.data
    this.peer = peer
    this.stack = told.stack ?? `${told.name}: ${told.message}\n    at ${peer}`
  }
}

/** An error as it crosses the wire. */
export interface ErrorRecord {
  /** Its class, as a rule. */
  readonly name: string
  /** For people to read. */
  readonly message: string
  /** Its own code. */
  readonly code: string | number | undefined
  /** Its own data. */
  readonly data: unknown
  /** Only when asked for; see {@link DispatcherOptions}. */
  readonly stack: string | undefined
}

/** Longest text of an error that crosses the wire, in characters. */
const textMax = 8_192

/** What is told of something that was thrown, whatever it is. Never throws. */
export function recordOf(thrown: unknown, withStack: boolean): ErrorRecord {
  try {
    if (thrown instanceof Error) return errorRecordOf(thrown, withStack)
  } catch {
    // a proxy, or a getter, that throws itself: what can be said of it is said below
  }
  return { name: 'Error', message: textOf(thrown), code: undefined, data: thrown, stack: undefined }
}

function errorRecordOf(thrown: Error, withStack: boolean): ErrorRecord {
  const { code, data } = thrown as { code?: unknown; data?: unknown }
  return {
    name: textOf(thrown.name),
    message: textOf(thrown.message),
    code: typeof code === 'string' ? textOf(code) : typeof code === 'number' ? code : undefined,
    data,
    stack: withStack ? textOf(thrown.stack) : undefined,
  }
}

/** What was told, whatever it is. */
export function readRecord(value: unknown): ErrorRecord {
  const told = (typeof value === 'object' && value !== null ? value : {}) as Partial<Record<keyof ErrorRecord, unknown>>
  const { code } = told
  return {
    name: typeof told.name === 'string' ? told.name : 'Error',
    message: typeof told.message === 'string' ? told.message : '',
    code: typeof code === 'string' || typeof code === 'number' ? code : undefined,
    data: told.data,
    stack: typeof told.stack === 'string' ? told.stack : undefined,
  }
}

function textOf(value: unknown): string {
  try {
    return String(value).slice(0, textMax)
  } catch {
    return 'something that cannot be put in words'
  }
}

/** The code of the error that a caller gets for a refusal. */
export function refusalCode(why: Refusal): ErrorCode {
  return refusalCodes[why]
}

const refusalCodes: Readonly<Record<Refusal, ErrorCode>> = {
  [Refusal.busy]: 'ERR_BUSY',
  [Refusal.draining]: 'ERR_DRAINING',
  [Refusal.unknown]: 'ERR_NO_WORKER',
  [Refusal.denied]: 'ERR_DENIED',
  [Refusal.keyReused]: 'ERR_KEY_REUSED',
  [Refusal.tooLarge]: 'ERR_TOO_LARGE',
  [Refusal.malformed]: 'ERR_VALUE',
  [Refusal.expired]: 'ERR_TIMEOUT',
  [Refusal.lost]: 'ERR_PEER_LOST',
}

/** The error that a caller gets for a refusal. */
export function refusalError(why: Refusal, service: string, peer: string, retryAfterMs: number): CallError {
  const who = `${peer} refuses ${JSON.stringify(service)}`
  switch (why) {
    case Refusal.busy:
      return new CallError('ERR_BUSY', `${who}: it is busy; try again in ${retryAfterMs} ms`, { peer, retryAfterMs })
    case Refusal.draining:
      return new CallError('ERR_DRAINING', `${who}: it is about to stop serving it`, { peer })
    case Refusal.denied:
      return new CallError('ERR_DENIED', `${who}: not for this caller`, { peer })
    case Refusal.keyReused:
      return new CallError('ERR_KEY_REUSED', `${who}: the key was used with another input`, { peer })
    case Refusal.tooLarge:
      return new CallError('ERR_TOO_LARGE', `${who}: the input is larger than it takes`, { peer })
    case Refusal.malformed:
      return new CallError('ERR_VALUE', `${who}: it cannot read the input`, { peer })
    case Refusal.expired:
      return new CallError('ERR_TIMEOUT', `${peer} had no time for ${JSON.stringify(service)}`, { peer })
    default:
      return noWorker(service)
  }
}

/** Nobody serves it, or none of those that were asked for. */
export function noWorker(
  service: string, plan: { readonly target?: string | undefined; readonly tags?: unknown } = {},
): CallError {
  const { target, tags } = plan
  const who = target === undefined ? 'nobody' : `${target} is not known to be alive and`
  const does = target === undefined ? 'serves' : 'to serve'
  const with_ = tags === undefined ? '' : ' with these tags'
  return new CallError('ERR_NO_WORKER', `${who} ${does} ${JSON.stringify(service)}${with_}`, { peer: target })
}
