import type { Queue } from '../work/index.js'
import type { Job } from './job.js'
import type { Mapper } from './mapper.js'
import type { SelectorName } from './selectors.js'

/** An agent, as a mapper sees it. */
export interface Candidate {
  /** The name of its peer. */
  readonly identity: string
  /** What it said last that its load is; see {@link AgentOptions.status_proc}. */
  readonly status: unknown
  /** The routes that it serves: `/foo/bar`. */
  readonly services: readonly string[]
  /** As given to the agent. */
  readonly tags: readonly string[]
  /** When it was last heard of, unix time in milliseconds. */
  readonly timestamp: number
  /** How many requests of this mapper are under way there. */
  readonly outstanding: number
}

/** Chooses among those who serve a route: one, several or nobody; as they were given, or by identity. */
export type Selector = (
  candidates: readonly Candidate[], type: string,
) => Candidate | string | readonly (Candidate | string)[] | null | undefined

/** Which tags are asked for; an empty list asks for nothing. */
export interface TagsWanted {
  /** One of these. */
  readonly any?: readonly string[]
  /** All of these. */
  readonly all?: readonly string[]
}

/** Options of {@link Mapper.push}. */
export interface PushOptions {
  /**
   * Who is to do it: `least_loaded`, the default, is whoever says that its status is least, strictly; among equals the
   * one with the fewest requests from here. `all`, `random`, `rr` (in turns, by route), or a function.
   */
  selector?: SelectorName | Selector
  /** Identity of the agent that is to do it, and nobody else. */
  target?: string
  /** Only agents that have one of these tags; or see {@link TagsWanted}. */
  tags?: readonly string[] | TagsWanted
  /** Whether it waits for an agent when there is none, instead of being refused. Default: that of the mapper. */
  offline_failsafe?: boolean
  /** The same. */
  offlineFailsafe?: boolean
  /**
   * Whether it goes through the queue, so that it outlives the mapper and the agent that is at it. Any agent that
   * serves the route and uses the queue does it; it cannot be chosen which. Takes a queue. Default: that of the mapper.
   */
  persistent?: boolean
  /**
   * Milliseconds until those who have not answered count as missing; 0 or Infinity: never. Default 30,000; through the
   * queue never.
   */
  timeout?: number
}

/** Options of {@link Mapper.request}. */
export interface RequestOptions extends PushOptions {
  /** Told of intermediate results: a function for all, or one by key, where `*` stands for all others. */
  intermediate_handler?: IntermediateHandler | Readonly<Record<string, IntermediateHandler>>
  /** The same. */
  intermediateHandler?: IntermediateHandler | Readonly<Record<string, IntermediateHandler>>
}

/** Who is to do it, and how: a selector, or options. */
export type How<O extends PushOptions> = SelectorName | Selector | O

/**
 * Is called once, when all who were asked have answered or are known not to. `results` is what they returned, by
 * identity; {@link Job.missing} says who did not answer.
 */
export type Callback<T = unknown> = (results: Record<string, T>, job: Job<T>) => unknown

/** As {@link Callback}; null when there was nobody to do it. */
export type ActorCallback<T = unknown> = (results: Record<string, T> | null, job?: Job<T>) => unknown

/**
 * Told of each intermediate result. One that takes one or two arguments gets `(state, job)`, any other
 * `(key, agent, state, job)`.
 */
export type IntermediateHandler =
  | ((state: never, job: Job) => unknown)
  | ((key: string, agent: string, state: never, job: Job) => unknown)

/** A request as an action gets it. */
export interface Deliverable {
  /** The route: `/foo/bar`. */
  readonly type: string
  /** As given to {@link Mapper.request}. */
  readonly payload: unknown
  /** Name of the peer that asks. */
  readonly from: string
  /** What {@link Mapper.request} returned there. */
  readonly token: string
  /** Unix time in milliseconds by which it is to be done; undefined: whenever. */
  readonly deadline: number | undefined
  /** Aborts when nobody waits for the result any more. */
  readonly signal: AbortSignal
}

/** Hears of an error in an action; `this` is the actor. */
export type ExceptionHandler = (method: string, deliverable: Deliverable, error: unknown) => unknown

/** Says whether a request may be done. Throwing is a no. */
export type Authorize = (deliverable: Deliverable) => boolean | Promise<boolean>

/** An agent that is asked and has not answered, and why: a code such as `ERR_TIMEOUT` or `ERR_PEER_LOST`. */
export interface MissingAgent {
  /** Its identity; empty when there never was one. */
  readonly agent: string
  /** Code of the error. */
  readonly reason: string
}

/** What may be given to `new Agent(peer, options)`. */
export interface AgentOptions {
  /** Seconds between two pings, which tell its status; above 0, up to 86,400. Default 15. */
  ping_time?: number
  /** The same. */
  pingTime?: number
  /**
   * Gives the status that each ping tells: anything that can be compared, numbers best; or a promise of it. Default:
   * the machine's load average, the mean over 1, 5 and 15 minutes (0 in a simulation).
   */
  status_proc?: () => unknown
  /** The same. */
  statusProc?: () => unknown
  /** What mappers may choose by. */
  tags?: readonly string[]
  /** How many requests run at a time; 1 to 1,000,000, default 256. 1,024 more may wait, others go elsewhere. */
  prefetch?: number
  /** The folder that files from others are written to, and relative paths of files to send start from. */
  file_root?: string
  /** The same. */
  fileRoot?: string
  /** What `openQueue` opened, to take requests from; not needed if a dispatcher of the peer was given one before. */
  queue?: Queue
  /** Largest file sent or taken, in bytes; 0 to 1 GiB, default 64 MiB. */
  max_file_bytes?: number
  /** The same. */
  maxFileBytes?: number
}

/** How to stop. */
export interface StopOptions {
  /** Milliseconds after which what still runs is given up. */
  grace?: number
}

/** Told when an agent comes or goes. */
export interface MapperCallbacks {
  /** An agent is there. */
  register?: (identity: string, mapper: Mapper) => unknown
  /** An agent has said goodbye. */
  unregister?: (identity: string, mapper: Mapper) => unknown
  /** An agent is silent or has failed. It is not chosen from then on; returning false keeps it in the list. */
  timeout?: (identity: string, mapper: Mapper) => unknown
}

/** What may be given to `new Mapper(peer, options)`. */
export interface MapperOptions {
  /** Seconds of silence after which an agent counts as gone; above 0, up to 86,400. Default 15. */
  agent_timeout?: number
  /** The same. */
  agentTimeout?: number
  /** Whether what nobody can do at the moment waits for an agent: in the queue, if there is one. Default false. */
  offline_failsafe?: boolean
  /** The same. */
  offlineFailsafe?: boolean
  /** Whether requests go through the queue, see {@link PushOptions.persistent}. Default false. */
  persistent?: boolean
  /** What `openQueue` opened, to store requests in; not needed if a dispatcher of the peer was given one before. */
  queue?: Queue
  /** Seconds after which what waits is tried again, at the latest; above 0, up to 86,400. Default 10. */
  offline_redelivery_frequency?: number
  /** The same. */
  offlineRedeliveryFrequency?: number
  /** As in {@link PushOptions.timeout}, for all requests that do not say otherwise. Default 30,000. */
  timeout?: number
  /** Told when agents come and go. */
  callbacks?: MapperCallbacks
}
