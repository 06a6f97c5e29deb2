import type { Callback, IntermediateHandler, MissingAgent } from './types.js'

/** Intermediate results of one job that are kept. */
const statesMax = 10_000

/** What a job is made for. */
export interface JobParts<T> {
  readonly token: string
  readonly type: string
  readonly callback: Callback<T> | undefined
  readonly handler: IntermediateHandler | Readonly<Record<string, IntermediateHandler>> | undefined
  /** Hears of what callback and handlers throw. */
  readonly failed: (error: unknown) => void
  /** Called once, when all have answered, or are known not to. */
  readonly over: () => void
}

/** A request, from the moment it is made until all who were asked have answered, or are known not to. */
export class Job<T = unknown> {
  /** What {@link Mapper.request} returned: 32 hexadecimal digits. */
  readonly token: string
  /** The route. */
  readonly type: string
  /** Identities of the agents that have yet to answer. */
  readonly targets: string[] = []
  /** What came back, by identity. For an action that threw: `Dispatch Error: ` and the error's message. */
  readonly results: Record<string, T> = {}
  /** What actions threw, by identity. */
  readonly errors: Record<string, Error> = {}
  /** Who did not answer, and why. */
  readonly missing: MissingAgent[] = []
  /**
   * Intermediate results by identity and key, in the order in which they came. The first 10,000 of them are kept;
   * handlers are told of all.
   */
  readonly intermediate_state: Record<string, Record<string, unknown[]>> = {}
  readonly #parts: JobParts<T>
  #states = 0
  #isOver = false

  /** @internal */
  constructor(parts: JobParts<T>) {
    this.#parts = parts
    this.token = parts.token
    this.type = parts.type
  }

  /** Whether all have answered, or are known not to. */
  get completed(): boolean {
    return this.#isOver
  }

  /** The same as {@link Job.intermediate_state}. */
  get intermediateState(): Record<string, Record<string, unknown[]>> {
    return this.intermediate_state
  }

  /** @internal These are asked. */
  asks(agents: readonly { readonly identity: string }[]): void {
    this.targets.push(...agents.map(({ identity }) => identity))
  }

  /** @internal Another is asked in its place. */
  asksInstead(agent: string, other: string): void {
    this.targets[this.targets.indexOf(agent)] = other
  }

  /** @internal It turned out that it was not asked. */
  asksNot(agent: string): void {
    this.targets.splice(this.targets.indexOf(agent), 1)
  }

  /** @internal */
  intermediate(agent: string, key: string, value: unknown): void {
    if (this.#states++ < statesMax) listOf((this.intermediate_state[agent] ??= {}), key).push(value)
    const handler = this.#handlerOf(key)
    if (handler === undefined) return
    const told = handler.length === 1 || handler.length === 2 ? [value, this] : [key, agent, value, this]
    this.#call(handler, told)
  }

  /** @internal */
  answered(agent: string, result: T): void {
    this.results[agent] = result
    this.#settled(agent)
  }

  /** @internal Its action threw. */
  threw(agent: string, error: Error): void {
    this.errors[agent] = error
    this.answered(agent, `Dispatch Error: ${error.message}` as T)
  }

  /** @internal */
  missed(agent: string, reason: string): void {
    this.missing.push({ agent, reason })
    this.#settled(agent)
  }

  #settled(agent: string): void {
    const at = this.targets.indexOf(agent)
    if (at !== -1) this.targets.splice(at, 1)
    if (this.targets.length > 0 || this.#isOver) return
    this.#isOver = true
    this.#parts.over()
    if (this.#parts.callback !== undefined) this.#call(this.#parts.callback, [this.results, this])
  }

  #handlerOf(key: string): IntermediateHandler | undefined {
    const { handler } = this.#parts
    if (typeof handler !== 'object') return handler
    return Object.hasOwn(handler, key) ? handler[key] : handler['*']
  }

  #call(run: (...values: never[]) => unknown, values: readonly unknown[]): void {
    try {
      Promise.resolve(run(...(values as never[]))).catch(this.#parts.failed)
    } catch (error) {
      this.#parts.failed(error)
    }
  }
}

/** The list of a key, which comes from outside: `__proto__` and `constructor` are keys like any other. */
function listOf(states: Record<string, unknown[]>, key: string): unknown[] {
  if (!Object.hasOwn(states, key)) {
    Object.defineProperty(states, key, { value: [], enumerable: true, writable: true, configurable: true })
  }
  return states[key] as unknown[]
}
