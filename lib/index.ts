/**
 * Turns Node.js processes into a cluster with nothing else to run.
 *
 * @packageDocumentation
 */
export { Telepathine, Telepathine as default } from './telepathine.js'
export { errorCodes, TelepathineError, type ErrorCode } from './gossip/errors.js'
export { PhiAccrualDetector, type PhiAccrualOptions } from './gossip/phi.js'
export type { StopReason } from './gossip/effects.js'
export type { Random } from './gossip/random.js'
export type { Clock } from './host/clock.js'
export type { CertificateOptions, Certificates } from './net/certificates.js'
export type { Keyring, NetworkKey } from './net/keyring.js'
export type {
  BoundAddress, LinkDown, OpenOptions, Security, Traffic, Transport, TransportHandlers,
} from './net/transport.js'
export type { HTTPOptions, PhiOptions, TelepathineOptions } from './options.js'
export type { Stream, StreamOptions } from './stream.js'
export type { Heard, HearHandler, Known, KnowHandler, PeerInfo, Rejection, TelepathineEvents } from './types.js'
