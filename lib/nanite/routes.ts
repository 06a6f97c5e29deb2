import { TelepathineError } from '../gossip/errors.js'
import { Actor, isActor, type ActorClass } from './actor.js'
import { checkPrefix, prefixOf, routeOf } from './names.js'
import { refuse } from './options.js'
import type { Deliverable, ExceptionHandler } from './types.js'

/** A method of an actor. */
export interface Action {
  readonly actor: Actor
  readonly method: string
}

type Method = (payload: unknown, deliverable: Deliverable) => unknown

/** What reaches a prefix alone. */
const indexMethod = 'index'

/** The actors of an agent, and which route leads where. Bounded by what is registered. */
export class Routes {
  /** By prefix. */
  readonly #actors = new Map<string, ReadonlyMap<string, Action>>()

  /** The routes that lead somewhere, in the order in which they were registered. */
  get services(): readonly string[] {
    return [...this.#actors].flatMap(([prefix, actions]) =>
      Array.from(actions.keys(), (method) => routeOf(prefix, method)))
  }

  /**
   * Adds an actor; one that was there by the same prefix goes.
   *
   * @throws TelepathineError `ERR_OPTION`, `ERR_KEY`
   */
  register(actor: unknown, prefix?: string): void {
    if (!isActor(actor)) throw refuse('actor', actor, 'an instance of a class that extends Actor')
    const { name } = actor.constructor
    if (prefix === undefined && name === '') {
      throw new TelepathineError('ERR_KEY', 'prefix: none given, and the class has no name to make one of')
    }
    this.#actors.set(checkPrefix(prefix ?? prefixOf(name)), actionsOf(actor))
  }

  /**
   * Where a route leads: the longest prefix that it begins with says which actor, what follows is the method, and
   * nothing is `index`. Undefined when nowhere.
   */
  find(route: string): Action | undefined {
    const path = route.replaceAll(/\/+/g, '/').replaceAll(/^\/|\/$/g, '')
    const slash = path.lastIndexOf('/')
    const named = slash === -1 ? undefined : this.#actors.get(path.slice(0, slash))?.get(path.slice(slash + 1))
    return named ?? this.#actors.get(path)?.get(indexMethod)
  }
}

/** Runs an action: whatever the actor has by that name now. */
export function perform({ actor, method }: Action, deliverable: Deliverable): unknown {
  return methodsOf(actor)[method]?.(deliverable.payload, deliverable)
}

/** What to call when an action fails; undefined when the class does not say. */
export function exceptionHandlerOf(actor: Actor): ExceptionHandler | undefined {
  const { on_exception: given } = actor.constructor as unknown as ActorClass
  const handler: unknown = typeof given === 'string' ? methodsOf(actor)[given] : given
  return typeof handler === 'function' ? (handler as ExceptionHandler) : undefined
}

/** The actions that a class exposes. What is no method is told of, and left out. */
function actionsOf(actor: Actor): ReadonlyMap<string, Action> {
  const { name, expose = [] } = actor.constructor as unknown as ActorClass
  const methods: unknown = typeof expose === 'string' ? [expose] : expose
  if (!Array.isArray(methods)) throw refuse(`expose of ${name}`, expose, 'an array of names of methods')
  const actions = new Map<string, Action>()
  for (const method of methods.map(String)) {
    const run: unknown = methodsOf(actor)[method]
    const isOwn = typeof run === 'function' && run !== methodsOf(Actor.prototype)[method]
    if (isOwn && !method.includes('/')) actions.set(method, { actor, method })
    else process.emitWarning(`${name} exposes ${JSON.stringify(method)}, which is none of its methods: left out`)
  }
  return actions
}

function methodsOf(actor: Actor): Readonly<Record<string, Method | undefined>> {
  return actor as unknown as Readonly<Record<string, Method | undefined>>
}
