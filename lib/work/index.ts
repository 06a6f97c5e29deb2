/**
 * Work for peers: serve a function on any of them, call it from any other.
 *
 * @packageDocumentation
 */
export { Dispatcher } from './dispatcher.js'
export { CallError, RemoteError } from './errors.js'
export type { CallErrorDetails, ErrorRecord } from './errors.js'
export type { Policy } from './selection.js'
export type {
  Answer, ByKey, Call, CallOptions, DispatcherOptions, ErrorAnswer, Gathered, GatherOptions, GatherOutcome,
  GatherResult, Handler, Missing, Select, Selector, ServeOptions, TagChoice, ValueStream, WaitOptions, Withdraw,
  WithdrawOptions, WorkerInfo, WorkStats,
} from './types.js'
