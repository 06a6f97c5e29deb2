import { requireRival } from './rivals.js'

/** What of a NATS connection is used here. */
export interface NatsConnection {
  publish(subject: string, payload: Uint8Array): void
  subscribe(subject: string, options: {
    callback(error: Error | null, message: { data: Uint8Array; respond(payload: Uint8Array): boolean }): void
  }): unknown
  request(subject: string, payload: Uint8Array, options: { timeout: number }): Promise<{ data: Uint8Array }>
  /** Resolves when the server has handled everything before. */
  flush(): Promise<void>
}

/** Connects to a server on loopback. */
export function connectNats(port: number): Promise<NatsConnection> {
  const { connect } = requireRival<{ connect(options: object): Promise<NatsConnection> }>('@nats-io/transport-node')
  return connect({ servers: `127.0.0.1:${port}` })
}
