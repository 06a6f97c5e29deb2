import { TelepathineError } from '../gossip/errors.js'
import { requestArguments } from './options.js'
import type { ActorCallback, Callback, Deliverable, How, PushOptions, RequestOptions } from './types.js'

/** What an actor needs of the agent that it is registered with. */
export interface ActorHome {
  readonly mapper: {
    request(type: string, payload: unknown, how: How<RequestOptions> | undefined, callback?: Callback): string | false
    push(type: string, payload: unknown, how?: How<PushOptions>): boolean | 'offline'
  }
}

/** What makes an actor one, even if it comes from another copy of this package. */
const brand = Symbol.for('telepathine.nanite.actor')

const homes = new WeakMap<object, ActorHome>()

/**
 * What agents offer: methods, of which those that the class names in `static expose` can be called from afar.
 *
 * ```ts
 * class Mock extends Actor {
 *   static expose = ['list']
 *
 *   list(filter) {
 *     return [1, 2, 3]
 *   }
 * }
 * agent.register(new Mock()) // serves /mock/list
 * ```
 *
 * An action is called with `(payload, deliverable)`, `this` being the actor. What it returns, or what its promise
 * resolves to, is the result. If it is a generator, each value that it yields is an intermediate result; see
 * {@link keyed}. The exposed method `index` is also reached by the prefix alone.
 *
 * With `static on_exception = (method, deliverable, error) => …`, or the name of a method, a class hears of errors in
 * its actions. In TypeScript `static expose: Exposed<Mock> = ['list']` refuses names that are no actions.
 */
export class Actor {
  /** @internal */
  get [brand](): true {
    return true
  }

  /**
   * Calls on other actors, as {@link Mapper.request} does. When there is nobody to do it the callback gets null.
   *
   * @throws TelepathineError as there; `ERR_STOPPED` also when the actor is not registered with an agent
   */
  request<T = unknown>(type: string, callback?: ActorCallback<T>): string | false
  /** As above. */
  request<T = unknown>(type: string, payload: unknown, callback?: ActorCallback<T>): string | false
  /** As above. */
  request<T = unknown>(
    type: string, payload: unknown, how: How<RequestOptions> | undefined, callback?: ActorCallback<T>,
  ): string | false
  request(type: string, ...given: readonly unknown[]): string | false {
    const { payload, how, callback } = requestArguments<ActorCallback>(given)
    const told = homeOf(this).mapper.request(type, payload, how, callback)
    if (told === false) queueMicrotask(() => callback?.(null))
    return told
  }

  /** As {@link Actor.request}, for work whose result nobody waits for. */
  push(type: string, payload: unknown = '', how?: How<PushOptions>): boolean | 'offline' {
    return homeOf(this).mapper.push(type, payload, how)
  }
}

/** Names of the methods of an actor that can be actions: they take a payload and a {@link Deliverable}, at most. */
export type ActionName<A extends Actor> = {
  [K in keyof A]: A[K] extends (payload: never, deliverable: Deliverable) => unknown ? K : never
}[Exclude<keyof A, keyof Actor>] & string

/** What `static expose` of an actor may hold: `static expose: Exposed<Mock> = ['list']`. */
export type Exposed<A extends Actor> = readonly ActionName<A>[]

/** What an actor's class may say. */
export interface ActorClass {
  readonly name: string
  readonly expose?: unknown
  readonly on_exception?: unknown
}

/** Whether it is an actor. */
export function isActor(value: unknown): value is Actor {
  return typeof value === 'object' && value !== null && (value as { [brand]?: unknown })[brand] === true
}

/** Whether it is a class of actors. */
export function isActorClass(value: unknown): value is new () => Actor {
  return typeof value === 'function' && isActor(value.prototype) && isActor(Object.getPrototypeOf(value.prototype))
}

/** Tells an actor where it lives. */
export function settle(actor: Actor, home: ActorHome): void {
  homes.set(actor, home)
}

function homeOf(actor: Actor): ActorHome {
  const home = homes.get(actor)
  if (home !== undefined) return home
  throw new TelepathineError('ERR_STOPPED', `${actor.constructor.name} is registered with no agent: register it first`)
}
