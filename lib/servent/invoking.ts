import { CallError, RemoteError } from '../work/index.js'
import { type Methods, listOf, MethodError, methodCodes } from './methods.js'
import type { Peer } from './peer.js'
import { Reply, type ReplyParts } from './reply.js'
import { attempt } from './tell.js'
import { uid } from './uid.js'

/** Called once with what a method answered. `id` is that of the invocation. */
export type InvokeCallback<R = Record<string, unknown>> = (
  error: Error | null, result: R | undefined, id: string,
) => unknown

/** Invokes a method of a peer; see {@link Peer.invoke}. */
export type Invoke = (
  peer: Peer, method: string, params: readonly unknown[], callback: InvokeCallback | undefined,
) => Promise<unknown>

/** Makes the call of an invocation, and hands what comes of it to whoever invoked. */
export async function invoke(
  request: (id: string) => Promise<unknown>,
  method: string, params: readonly unknown[], callback: InvokeCallback | undefined, failed: (error: unknown) => void,
): Promise<unknown> {
  const id = uid()
  try {
    const result = await request(id)
    if (callback === undefined) return result
    attempt(() => callback(null, result as Record<string, unknown>, id), failed)
  } catch (thrown) {
    const error = errorOf(thrown, method, params)
    if (callback === undefined) throw error
    attempt(() => callback(error, undefined, id), failed)
  }
  return undefined
}

/** What an invocation is served with. */
export interface ServedParts extends Pick<ReplyParts, 'peer' | 'broadcast'> {
  /** In the order in which they are looked through. */
  readonly methods: readonly Methods[]
  /** Something went wrong when it was answered already. */
  failed(error: unknown): void
}

/** Has a method answer. What it was told to call comes from the network. */
export function serveInvocation(request: readonly unknown[], parts: ServedParts): Promise<unknown> {
  const [id, name, params] = request
  return new Promise((sent, refused) => {
    const refuse = (message: string, code: number): void => refused(Object.assign(new Error(message), { code }))
    if (typeof id !== 'string' || typeof name !== 'string') {
      return refuse('Invalid Request', methodCodes.invalidRequest)
    }
    if (!Array.isArray(params)) return refuse('Invalid params.', methodCodes.invalidParams)
    const method = parts.methods.map((each) => each.find(name)).find((found) => found !== undefined)
      ?? (name === 'list' ? listOf(['list', ...parts.methods.flatMap((each) => each.names())]) : undefined)
    if (method === undefined) return refuse('Method not found.', methodCodes.notFound)
    const { peer, broadcast } = parts
    const reply = new Reply({ id, method: name, params, peer, broadcast, sent, refused })
    attempt(() => Reflect.apply(method, reply, params), (thrown) => {
      if (!reply.threw(thrown)) parts.failed(thrown)
    })
  })
}

function errorOf(thrown: unknown, method: string, params: readonly unknown[]): Error {
  if (!(thrown instanceof CallError) || !(thrown.cause instanceof RemoteError)) return thrown as Error
  const { message, code = methodCodes.internal } = thrown.cause
  return new MethodError(message, code, method, params, { cause: thrown.cause })
}
