/**
 * What is written about a job, and what came of it: values as everywhere, in a list with a version in front. It comes
 * back from a store that others can reach, so nothing in it is taken for granted.
 */
import { TelepathineError, errorCodes, type ErrorCode } from '../gossip/errors.js'
import { decodeValue, encodeValue, ownBytes } from '../values.js'
import { CallError, type ErrorRecord, readRecord, RemoteError } from './errors.js'
import { decodePayload } from './payload.js'

const version = 1
/** Largest record without what is kept apart. */
const recordBytesMax = 1 << 20
/** A value larger than this is kept apart, and referred to. */
export const inlineBytesMax = 256 << 10

/** An input or a result: as it is, or where it is. */
export interface Content {
  readonly form: number
  readonly bytes: Uint8Array
  /** The id of a blob; then `bytes` is empty. */
  readonly blob: string | undefined
}

/** A job, as whoever enqueued it wrote it down. */
export interface Letter {
  readonly from: string
  readonly key: string | undefined
  readonly attempts: number
  readonly backoffMs: number
  readonly expiresAt: number
  readonly enqueuedAt: number
  /** Where it stands in a trace; see `tracecontext.ts`. */
  readonly trace: Uint8Array | undefined
  readonly content: Content
}

/** What came of a job. */
export type Verdict =
  | { readonly isDone: true; readonly peer: string; readonly attempt: number; readonly content: Content }
  | {
      readonly isDone: false
      readonly peer: string
      readonly attempt: number
      readonly code: ErrorCode
      readonly message: string
      /** What the handler threw, with `ERR_HANDLER`. */
      readonly record: ErrorRecord | undefined
    }

export function encodeLetter(letter: Letter): Uint8Array {
  const { from, key, attempts, backoffMs, expiresAt, enqueuedAt, trace, content: { form, bytes, blob } } = letter
  const fields = [version, from, key, attempts, backoffMs, expiresAt, enqueuedAt, trace, form, bytes, blob]
  return ownBytes(encodeValue(fields, recordBytesMax))
}

/** Undefined when it makes no sense. */
export function decodeLetter(written: Uint8Array): Letter | undefined {
  const [from, key, attempts, backoffMs, expiresAt, enqueuedAt, trace, ...content] = fieldsOf(written)
  const what = contentOf(content)
  if (what === undefined || typeof from !== 'string' || !isTextOrNothing(key)) return undefined
  if (!isCount(attempts) || !isCount(backoffMs) || typeof expiresAt !== 'number' || typeof enqueuedAt !== 'number') {
    return undefined
  }
  if (trace !== undefined && !(trace instanceof Uint8Array)) return undefined
  return { from, key, attempts, backoffMs, expiresAt, enqueuedAt, trace, content: what }
}

export function encodeVerdict(verdict: Verdict): Uint8Array {
  const { isDone, peer, attempt } = verdict
  if (isDone) {
    const { form, bytes, blob } = verdict.content
    return ownBytes(encodeValue([version, true, peer, attempt, form, bytes, blob], recordBytesMax))
  }
  const { code, message, record } = verdict
  const fields = [version, false, peer, attempt, code, message]
  try {
    return ownBytes(encodeValue([...fields, record], inlineBytesMax))
  } catch {
    // its data is too large, or cannot be written
    return ownBytes(encodeValue([...fields, record && { ...record, data: undefined }], recordBytesMax))
  }
}

/** Undefined when it makes no sense. */
export function decodeVerdict(written: Uint8Array): Verdict | undefined {
  const [isDone, peer, attempt, ...rest] = fieldsOf(written)
  if (typeof peer !== 'string' || !isCount(attempt)) return undefined
  if (isDone === true) {
    const content = contentOf(rest)
    return content && { isDone, peer, attempt, content }
  }
  const [code, message, record] = rest
  if (isDone !== false || !isCode(code) || typeof message !== 'string') return undefined
  return { isDone, peer, attempt, code, message, record: record === undefined ? undefined : readRecord(record) }
}

/** The value of an input or a result; `bytes` are those of the blob, if it is one. */
export function decodeContent({ form, bytes }: Content, blob: Uint8Array | undefined): unknown {
  const source = blob ?? bytes
  return decodePayload(source, form, 0, source.length)
}

/** The error of a job that came to nothing. */
export function errorOf(verdict: Verdict & { isDone: false }): TelepathineError {
  const { code, message, peer, record } = verdict
  return new CallError(code, message, {
    peer,
    maybeExecuted: code === 'ERR_HANDLER' || code === 'ERR_PEER_LOST',
    ...(record !== undefined && { cause: new RemoteError(record, peer) }),
  })
}

function fieldsOf(written: Uint8Array): readonly unknown[] {
  try {
    const fields = decodeValue(written)
    if (Array.isArray(fields) && fields[0] === version) return fields.slice(1)
  } catch {
    // like any other that makes no sense
  }
  return []
}

function contentOf([form, bytes, blob]: readonly unknown[]): Content | undefined {
  if (!isCount(form) || !(bytes instanceof Uint8Array) || !isTextOrNothing(blob)) return undefined
  return { form, bytes, blob }
}

function isTextOrNothing(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string'
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isCode(value: unknown): value is ErrorCode {
  return (errorCodes as readonly unknown[]).includes(value)
}
