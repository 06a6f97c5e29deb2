/**
 * Nanite: agents that offer actors, and mappers that find the right one.
 *
 * @packageDocumentation
 */
export { Actor, isActor, isActorClass, type ActionName, type Exposed } from './actor.js'
export { Agent } from './agent.js'
export type { BroadcastOptions, FileDelivery, FileReader } from './files.js'
export type { Job } from './job.js'
export { keyed, type Keyed } from './keyed.js'
export { Mapper } from './mapper.js'
export type { SelectorName } from './selectors.js'
export type {
  ActorCallback, AgentOptions, Authorize, Callback, Candidate, Deliverable, ExceptionHandler, How, IntermediateHandler,
  MapperCallbacks, MapperOptions, MissingAgent, PushOptions, RequestOptions, Selector, StopOptions, TagsWanted,
} from './types.js'
