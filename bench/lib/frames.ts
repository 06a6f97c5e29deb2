import { once } from 'node:events'
import type { Socket } from 'node:net'

const batchBytes = 64 << 10

/** The plainest fast way to send messages over TCP: four bytes of length before each, written in batches of 64 KiB. */
export class FrameWriter {
  readonly #sockets: readonly Socket[]
  #batch = Buffer.allocUnsafe(batchBytes)
  #used = 0

  /** All sockets get the same; each message is encoded and copied once. */
  constructor(sockets: readonly Socket[]) {
    this.#sockets = sockets
  }

  /** Adds a message. Returns a promise to wait for when the sockets have enough for now. */
  write(message: Uint8Array): Promise<unknown> | undefined {
    const size = 4 + message.length
    const wait = this.#used + size > batchBytes ? this.flush() : undefined
    if (size > this.#batch.length) this.#batch = Buffer.allocUnsafe(size)
    this.#batch.writeUInt32LE(message.length, this.#used)
    this.#batch.set(message, this.#used + 4)
    this.#used += size
    return wait
  }

  /** Sends what is in the batch. */
  flush(): Promise<unknown> | undefined {
    if (this.#used === 0) return undefined
    const batch = this.#batch.subarray(0, this.#used)
    this.#batch = Buffer.allocUnsafe(batchBytes)
    this.#used = 0
    const full = this.#sockets.filter(socket => !socket.write(batch))
    return full.length === 0 ? undefined : Promise.all(full.map(socket => once(socket, 'drain')))
  }
}

/** Calls `each` with every message that comes in; a message is a view that is good during the call. */
export function readFrames(socket: Socket, each: (message: Buffer) => void): void {
  let parts: Buffer[] = []
  let have = 0
  let need = 4
  socket.on('data', (chunk: Buffer) => {
    parts.push(chunk)
    have += chunk.length
    if (have < need) return
    const bytes = parts.length === 1 ? chunk : Buffer.concat(parts)
    let at = 0
    need = 4
    while (bytes.length - at >= 4) {
      const length = bytes.readUInt32LE(at)
      if (bytes.length - at - 4 < length) {
        need = 4 + length
        break
      }
      each(bytes.subarray(at + 4, at + 4 + length))
      at += 4 + length
    }
    parts = at < bytes.length ? [bytes.subarray(at)] : []
    have = bytes.length - at
  })
}
