import eventemitter2 from 'eventemitter2'
import type { event, eventNS, ListenerFn, OnOptions } from 'eventemitter2'
import createDebug from 'debug'

const log = createDebug('telepathine:peer')

/**
 * EventEmitter2 with wildcards, made safe for names that others choose:
 *
 * - A handler that throws, or whose promise rejects, stops neither the others nor the caller; its error goes to
 *   `error`.
 * - Segments such as `__proto__`, `constructor` or `_listeners` are names like any other. (The original keeps
 *   listeners in
 *   plain objects, and would write into `Object.prototype`.)
 * - A `*` in a name that is announced is just a character. (In the original's `emit` it would reach every listener.)
 * - Announcing what nobody listens to costs next to nothing.
 */
export class Emitter extends eventemitter2.EventEmitter2 {
  /** Inside a handler: the name of the event. */
  declare event: string
  /** What is listened to, computed when asked for; undefined after any change. */
  #interest: Interest | undefined

  constructor() {
    super({ wildcard: true, delimiter: ':' })
  }

  /** Whether anybody may listen to names of two segments or more that begin with `family`. May err towards yes. */
  protected isWanted(family: string): boolean {
    const { families, all } = (this.#interest ??= this.#survey())
    return all || families.has(family)
  }

  /** Whether anybody listens to a name of one segment. */
  protected isHeard(name: string): boolean {
    return this.#listening(name).length > 0 || this.listenersAny().length > 0
  }

  /** Tells the listeners of a name of one segment. Says whether there were any. */
  protected announce(name: string, ...values: readonly unknown[]): boolean {
    return this.#tell(this.#listening(name), name, values)
  }

  /** Tells the listeners of `family:name`, whatever characters the name is made of. */
  protected announceIn(family: string, name: string, ...values: readonly unknown[]): boolean {
    const { families, all } = (this.#interest ??= this.#survey())
    const names = families.get(family)
    if (!all && (names === undefined || (names !== 'patterns' && !names.has(name)))) return false
    const segments = name.split(':').map((segment) => (isWildcard(segment) ? `${mark}${segment}` : segment))
    return this.#tell(this.listeners([family, ...segments]), `${family}:${name}`, values)
  }

  /** Calls a handler; what goes wrong in it is reported and goes no further. */
  protected call(handler: (...values: never[]) => unknown, name: string, values: readonly unknown[]): void {
    this.event = name
    try {
      const result = handler.apply(this, values as never[])
      if (isThenable(result)) result.then(undefined, (error: unknown) => this.#reportFrom(name, error))
    } catch (error) {
      this.#reportFrom(name, error)
    }
  }

  /** Hands an error to the listeners of `error`; with none it is only logged. */
  protected report(cause: unknown): void {
    const error = cause instanceof Error ? cause : new Error(String(cause), { cause })
    log('error: %O', error)
    this.announce('error', error)
  }

  #reportFrom(name: string, error: unknown): void {
    // an error in a handler of `error` has nobody to go to
    if (name === 'error') log('in a handler of error: %O', error)
    else this.report(error)
  }

  #tell(listeners: readonly ListenerFn[], name: string, values: readonly unknown[]): boolean {
    const any = [...this.listenersAny()]
    for (const listener of any) this.call(listener, name, [name, ...values])
    for (const listener of listeners) this.call(listener, name, values)
    return any.length + listeners.length > 0
  }

  #listening(name: string): readonly ListenerFn[] {
    const { listeners } = (this.#interest ??= this.#survey())
    let found = listeners.get(name)
    if (!found) listeners.set(name, (found = this.listeners([name])))
    return found
  }

  #survey(): Interest {
    const families = new Map<string, Set<string> | 'patterns'>()
    for (const name of this.eventNames(true)) {
      const [family = '', ...rest] = (Array.isArray(name) ? name : [name]).map(String)
      const names = families.get(family) ?? new Set<string>()
      if (names === 'patterns' || rest.some(isWildcard)) families.set(family, 'patterns')
      else families.set(family, names.add(rest.map(unmarked).join(':')))
    }
    const all = this.listenersAny().length > 0 || [...families.keys()].some(isWildcard)
    return { families, all, listeners: new Map() }
  }

  /** @internal `on`, `once`, `many`, `waitFor` and those that prepend all come through here. */
  _on(name: event | eventNS, listener: ListenerFn, prepend: boolean, options?: boolean | OnOptions): unknown {
    this.#interest = undefined
    return inner._on.call(this, safe(name), listener, prepend, options)
  }

  /** @internal As above, for `onAny` and `prependAny`. */
  _onAny(listener: ListenerFn, prepend: boolean): unknown {
    this.#interest = undefined
    return inner._onAny.call(this, listener, prepend)
  }

  /** Emits an event of one's own, as EventEmitter2 does: a `*` in the name stands for any segment. */
  override emit(name: event | eventNS, ...values: unknown[]): boolean {
    return super.emit(safe(name), ...values)
  }

  /** Takes a listener off again. */
  override off(name: event | eventNS, listener: ListenerFn): this {
    this.#interest = undefined
    return super.off(safe(name), listener)
  }

  /** The same as `off`. */
  override removeListener(name: event | eventNS, listener: ListenerFn): this {
    return this.off(name, listener)
  }

  /** Takes off a listener of everything. */
  override offAny(listener: ListenerFn): this {
    this.#interest = undefined
    return super.offAny(listener)
  }

  /** Takes off all listeners, or those of one event; not what `hear`, `know` and `believe` were given. */
  override removeAllListeners(name?: event | eventNS): this {
    this.#interest = undefined
    return name === undefined ? super.removeAllListeners() : super.removeAllListeners(safe(name))
  }

  /** The listeners of an event, those with wildcards included. */
  override listeners(name?: event | eventNS): ListenerFn[] {
    return super.listeners(name === undefined ? undefined : safe(name))
  }
}

interface Interest {
  /** First segments of all names and patterns listened to, and the rests of the names; or that there are patterns. */
  readonly families: ReadonlyMap<string, ReadonlySet<string> | 'patterns'>
  /** Somebody listens to everything, or to a pattern that begins with a wildcard. */
  readonly all: boolean
  /** Listeners of names of one segment, as asked for. Bounded: only our own names are asked for. */
  readonly listeners: Map<string, readonly ListenerFn[]>
}

/** What EventEmitter2 does not declare. */
const inner = eventemitter2.EventEmitter2.prototype as unknown as Pick<Emitter, '_on' | '_onAny'>

/** Begins a segment that is not what it looks like to EventEmitter2. */
const mark = '\0'

function isWildcard(segment: string): boolean {
  return segment === '*' || segment === '**'
}

/** The segment as its user wrote it. */
function unmarked(segment: string): string {
  const rest = segment.slice(mark.length)
  return segment.startsWith(mark) && isTreacherous(rest) ? rest : segment
}

function isTreacherous(segment: unknown): segment is string {
  return typeof segment === 'string' && (segment === '_listeners' || segment in Object.prototype)
}

function safe(name: event | eventNS): event | eventNS {
  if (typeof name === 'symbol') return name
  const segments = typeof name === 'string' ? name.split(':') : name
  if (!segments.some(isTreacherous)) return name
  return segments.map((segment) => (isTreacherous(segment) ? `${mark}${segment}` : segment))
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
