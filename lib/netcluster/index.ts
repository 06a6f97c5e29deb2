/**
 * Channels between the processes of a machine, routed to other channels and to other machines.
 *
 * @packageDocumentation
 */
export { NCAgent, type NCAgentEvents, type NCAgentOptions } from './agent.js'
export type { ClientInfo as NCClientInfo } from './client.js'
export { readConfig, type NCChannelConfig, type NCConfig } from './config.js'
export type { NCPacket } from './packet.js'
export { NCServer, type NCServerEvents } from './server.js'
