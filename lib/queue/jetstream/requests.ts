import { randomBytes } from 'node:crypto'
import type { Msg, MsgHdrs, NatsConnection } from '@nats-io/transport-node'

interface Waiting {
  readonly dueAt: number
  readonly resolve: (answer: Msg) => void
  readonly reject: (error: Error) => void
}

/**
 * Asks the server, any number of questions at a time: by one subscription, one timer, and no more for each than its
 * promise. The client's own requests make two errors and a timer each, which cost more than all the rest of them.
 */
export class Requests {
  readonly #nc: NatsConnection
  readonly #timeoutMs: number
  readonly #inbox = `_INBOX.${randomBytes(12).toString('hex')}`
  /** The oldest first. Bounded by what is asked for at a time. */
  readonly #waiting = new Map<string, Waiting>()
  #serials = 0
  #timer: NodeJS.Timeout | undefined

  constructor(nc: NatsConnection, timeoutMs: number) {
    this.#nc = nc
    this.#timeoutMs = timeoutMs
    nc.subscribe(`${this.#inbox}.*`, { callback: (_, message) => this.#hear(message) })
  }

  /** Resolves to the answer, whatever it says. @throws Error by rejection when there is none in time */
  ask(subject: string, bytes: Uint8Array, headers?: MsgHdrs): Promise<Msg> {
    return new Promise((resolve, reject) => {
      const serial = (++this.#serials).toString(36)
      this.#nc.publish(subject, bytes, { reply: `${this.#inbox}.${serial}`, ...(headers && { headers }) })
      this.#waiting.set(serial, { dueAt: Date.now() + this.#timeoutMs, resolve, reject })
      this.#timer ??= setTimeout(() => this.#sweep(), this.#timeoutMs)
    })
  }

  close(): void {
    clearTimeout(this.#timer)
    for (const { reject } of this.#waiting.values()) reject(new Error('the connection is closed'))
    this.#waiting.clear()
  }

  #hear(answer: Msg): void {
    const serial = answer.subject.slice(this.#inbox.length + 1)
    const waiting = this.#waiting.get(serial)
    this.#waiting.delete(serial)
    const isFromNobody = answer.data.length === 0 && answer.headers?.code === 503
    if (isFromNobody) waiting?.reject(new Error('nobody is there to answer'))
    else waiting?.resolve(answer)
  }

  #sweep(): void {
    this.#timer = undefined
    const now = Date.now()
    for (const [serial, { dueAt, reject }] of this.#waiting) {
      if (dueAt > now) {
        this.#timer = setTimeout(() => this.#sweep(), dueAt - now)
        return
      }
      this.#waiting.delete(serial)
      reject(new Error(`no answer within ${this.#timeoutMs} ms`))
    }
  }
}
