import type { MessagePort, Worker } from 'node:worker_threads'

/**
 * Sends what is said in one turn of the event loop to another thread as one message: it is the message that costs, not
 * what is in it.
 */
export class Mailbox<T> {
  readonly #port: MessagePort | Worker
  #letters: T[] = []

  constructor(port: MessagePort | Worker) {
    this.#port = port
  }

  send(letter: T): void {
    this.#letters.push(letter)
    if (this.#letters.length > 1) return
    const port = this.#port
    setImmediate(() => {
      const letters = this.#letters
      this.#letters = []
      port.postMessage(letters)
    })
  }
}

/** The same bytes, in memory that holds nothing else: all of that would be sent. */
export function alone(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes)
}
