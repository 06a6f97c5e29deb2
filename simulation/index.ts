/**
 * A whole cluster in one process on virtual time, for tests.
 *
 * @packageDocumentation
 */
export { Simulation, type PeerTraffic, type SimulationOptions, type SimulationStats } from './simulation.js'
export type { Conditions } from './conditions.js'
export type { Network } from './network.js'
export type { Violation } from './referee.js'
export type { Count, TrafficClass } from './traffic.js'
