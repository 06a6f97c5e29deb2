import { describe } from '../describe.js'
import { TelepathineError } from '../gossip/errors.js'
import type { Reply } from './reply.js'

/** What can be invoked from elsewhere. It answers through `this`: `this.set('key', value).send()`. */
export type Method = (this: Reply, ...params: never[]) => unknown

/** Methods ({@link Method}) and tables of methods, by name; whatever else is in it is left out. */
export interface MethodTable {
  readonly [name: string]: unknown
}

/** Codes of what went wrong other than in the method; those of the original, which leave out JSON-RPC's minus. */
export const methodCodes = { invalidRequest: 32600, notFound: 32601, invalidParams: 32602, internal: 32603 } as const

/** A method answered with an error, or there is none of that name (code 32601, `Method not found.`). */
export class MethodError extends Error {
  /** As given to {@link Reply.error}, the thrown error's own, or one of 32600 to 32603. */
  readonly code: string | number
  /** Which method was invoked. */
  readonly method: string
  /** With what. */
  readonly params: readonly unknown[]

  constructor(
    message: string, code: string | number, method: string, params: readonly unknown[], options?: ErrorOptions,
  ) {
    super(message, options)
    this.name = 'MethodError'
    this.code = code
    this.method = method
    this.params = params
  }
}

/** Methods by their full names. */
export class Methods {
  readonly #methods = new Map<string, Method>()

  /** @throws TelepathineError `ERR_KEY` for a name that is none, `ERR_OPTION` for what cannot be invoked */
  expose(name: string, what: Method | MethodTable): void {
    if (typeof name !== 'string' || name === '') {
      throw new TelepathineError('ERR_KEY', `name: ${describe(name)} given, allowed: a string that is not empty`)
    }
    if (typeof what === 'function') this.#methods.set(name, what)
    else if (typeof what === 'object' && what !== null) this.#exposeTable(name, what, [])
    else throw new TelepathineError('ERR_OPTION', `${name}: ${describe(what)} given, allowed: a function or an object`)
  }

  find(name: string): Method | undefined {
    return this.#methods.get(name)
  }

  names(): string[] {
    return [...this.#methods.keys()]
  }

  /** A table within itself is left out. */
  #exposeTable(prefix: string, table: MethodTable, around: readonly MethodTable[]): void {
    if (around.includes(table)) return
    for (const [name, what] of Object.entries(table)) {
      if (typeof what === 'function') this.#methods.set(`${prefix}.${name}`, what as Method)
      else if (typeof what === 'object' && what !== null) {
        this.#exposeTable(`${prefix}.${name}`, what as MethodTable, [...around, table])
      }
    }
  }
}

/** The method that tells which there are. */
export function listOf(names: readonly string[]): Method {
  return function list() {
    for (const name of names) this.set(name, 'function')
    this.set('Array', names).send()
  }
}
