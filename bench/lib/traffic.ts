import diagnostics from 'node:diagnostics_channel'
import { Socket as DatagramSocket } from 'node:dgram'
import type { Socket } from 'node:net'

/** What this process handed to its sockets; payload, without the headers of IP, UDP and TCP. */
export interface Sent { datagrams: number; datagramBytes: number; readonly streamBytes: number }

/**
 * Counts from now on what goes out of every UDP and TCP socket of this process, at the sockets themselves: no library
 * is taken at its word, and all are counted alike.
 */
export function countTraffic(): Sent {
  const open = new Set<Socket>()
  let closedBytes = 0
  const follow = (message: unknown): void => {
    const { socket } = message as { socket: Socket }
    open.add(socket)
    socket.once('close', () => {
      open.delete(socket)
      closedBytes += socket.bytesWritten
    })
  }
  diagnostics.subscribe('net.client.socket', follow)
  diagnostics.subscribe('net.server.socket', follow)

  const sent = {
    datagrams: 0,
    datagramBytes: 0,
    get streamBytes(): number {
      let bytes = closedBytes
      for (const socket of open) bytes += socket.bytesWritten
      return bytes
    },
  }
  const send = DatagramSocket.prototype.send as (this: DatagramSocket, ...args: unknown[]) => void
  DatagramSocket.prototype.send = function (this: DatagramSocket, ...args: unknown[]): void {
    sent.datagrams += 1
    sent.datagramBytes += datagramBytes(args)
    send.apply(this, args)
  } as DatagramSocket['send']
  return sent
}

/** `send(message, port, …)` or `send(message, offset, length, port, …)`, where a message may be in parts. */
function datagramBytes([message, , length, port]: unknown[]): number {
  if (typeof length === 'number' && typeof port === 'number') return length
  const parts = Array.isArray(message) ? message as Uint8Array[] : [message as Uint8Array]
  return parts.reduce((bytes, part) => bytes + part.length, 0)
}
