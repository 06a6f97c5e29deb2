/**
 * Work for peers: serve a function on any of them, call it from any other.
 *
 * @packageDocumentation
 */
export { Dispatcher } from './dispatcher.js'
export { openQueue, Queue, type QueueOptions } from '../queue/queue.js'
export { CallError, RemoteError } from './errors.js'
export type { CallErrorDetails, ErrorRecord } from './errors.js'
export type { Policy } from './selection.js'
export type {
  Answer, ByKey, Call, CallOptions, DeadJob, DeadOptions, DispatcherOptions, Done, EnqueueOptions, ErrorAnswer,
  Gathered, GatherOptions, GatherOutcome, GatherResult, GivenUp, Handler, Missing, OutcomeOptions, QueueInfo, Select,
  Selector, ServeOptions, Settled, TagChoice, ValueStream, WaitOptions, Withdraw, WithdrawOptions, WorkerInfo,
  WorkStats,
} from './types.js'
