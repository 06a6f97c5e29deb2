/**
 * Work for all nodes at once, as in partition.io: a servent connects to any other, and has jobs done by every one.
 *
 * @packageDocumentation
 */
export { Job, type JobEvents } from './job.js'
export { type Method, MethodError, type MethodTable } from './methods.js'
export { Peer } from './peer.js'
export type { InvokeCallback } from './invoking.js'
export type { Reply } from './reply.js'
export { Servent } from './servent.js'
export type { ServentAddress, ServentEvents, ServentOptions } from './types.js'
export { Worker, type WorkerCallback, type WorkerFunction } from './worker.js'
