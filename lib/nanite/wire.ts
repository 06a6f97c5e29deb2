import { Keyed, defaultKey } from './keyed.js'

/** The one service that all agents serve, whatever their actors are: agents know best what they can do. */
export const serviceName = 'nanite'

/** What a route is called in the queue. */
export function queuedName(type: string): string {
  return `${serviceName}:${type}`
}

/** Longest token that is taken. */
const tokenMax = 200

/** A request on its way. */
export interface Asked {
  readonly type: string
  readonly payload: unknown
  readonly token: string
}

/** A request, as it is sent. */
export function writeAsked({ type, payload, token }: Asked): readonly unknown[] {
  return [type, payload, token]
}

/** A request, as it came in; undefined when it is none. */
export function readAsked(input: unknown): Asked | undefined {
  if (!Array.isArray(input) || input.length !== 3) return undefined
  const [type, payload, token] = input as readonly unknown[]
  if (typeof type !== 'string' || typeof token !== 'string' || token.length > tokenMax) return undefined
  return { type, payload, token }
}

/** What an agent tells of a request: any number of intermediate results, then the result. */
export type Told = { readonly result: unknown } | { readonly key: string; readonly value: unknown }

/** The result, as it is sent. */
export function writeResult(result: unknown): readonly unknown[] {
  return [result]
}

/** What an action yielded, as it is sent. */
export function writeIntermediate(yielded: unknown): readonly unknown[] {
  return yielded instanceof Keyed ? [yielded.key, yielded.value] : [defaultKey, yielded]
}

/** What an agent told; undefined when it makes no sense. */
export function readTold(chunk: unknown): Told | undefined {
  if (!Array.isArray(chunk)) return undefined
  const [first, value] = chunk as readonly unknown[]
  if (chunk.length === 1) return { result: first }
  return chunk.length === 2 && typeof first === 'string' ? { key: first, value } : undefined
}

/** What an agent tells of a request from the queue: who it is, and the result, or what the action threw. */
export interface QueuedTold {
  readonly identity: string
  readonly result: unknown
  readonly error: { readonly name: string; readonly message: string } | undefined
}

/** What came of a request from the queue, as it is stored. */
export function writeQueued({ identity, result, error }: QueuedTold): readonly unknown[] {
  return [identity, result, error && [error.name, error.message]]
}

/** What came of a request from the queue; undefined when it makes no sense. */
export function readQueued(stored: unknown): QueuedTold | undefined {
  if (!Array.isArray(stored) || typeof stored[0] !== 'string') return undefined
  const [identity, result, error] = stored as readonly unknown[]
  if (!Array.isArray(error)) return { identity: identity as string, result, error: undefined }
  const [name, message] = error as readonly unknown[]
  return { identity: identity as string, result, error: { name: String(name), message: String(message) } }
}
