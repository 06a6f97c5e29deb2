import { randomBytes } from 'node:crypto'
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node'
import { settled } from '../settled.js'

/** How long a pull waits for jobs. */
const pullMs = 20_000
/** How much longer it may take to hear of that. */
const slackMs = 3_000
/** How long the server has to hear that no more is wanted; if it does not, what it sends then is not taken. */
const stopMs = 1_000
/** How soon the server is asked again when it refuses. */
const againMs = 100

/** Asks a consumer for as many messages as there is room for. */
export class Puller {
  readonly #nc: NatsConnection
  readonly #subject: string
  readonly #take: (message: Msg) => void
  readonly #inbox: string
  readonly #subscription: Subscription
  /** How many may still come for a request. Bounded by the room. */
  readonly #requests = new Map<string, { left: number; timer: NodeJS.Timeout }>()
  #room: number
  #asked = 0
  #serials = 0
  #isSoon = false
  #isStopped = false

  constructor(nc: NatsConnection, subject: string, room: number, take: (message: Msg) => void) {
    this.#nc = nc
    this.#subject = subject
    this.#room = room
    this.#take = take
    this.#inbox = `_INBOX.${randomBytes(12).toString('hex')}`
    this.#subscription = nc.subscribe(`${this.#inbox}.*`, { callback: (_, message) => this.#hear(message) })
    this.#ask()
  }

  /** There is room for one more. */
  free(): void {
    this.#room++
    this.#askSoon()
  }

  /** The connection is another one: nothing will come of what was asked before. */
  restart(): void {
    for (const serial of this.#requests.keys()) this.#over(serial)
    this.#askSoon()
  }

  /** Asks no more. What the server has sent already is taken. */
  async stop(): Promise<void> {
    this.#isStopped = true
    for (const serial of this.#requests.keys()) this.#over(serial)
    if (this.#nc.isClosed()) return
    // the server is told first, and what it sent until it heard of that is taken
    await settled(this.#subscription.drain(), stopMs)
    this.#subscription.unsubscribe()
  }

  #askSoon(): void {
    if (this.#isSoon) return
    this.#isSoon = true
    setImmediate(() => {
      this.#isSoon = false
      this.#ask()
    })
  }

  #ask(): void {
    const batch = this.#room - this.#asked
    if (batch <= 0 || this.#isStopped || this.#nc.isClosed()) return
    const serial = String(++this.#serials)
    const timer = setTimeout(() => {
      this.#over(serial)
      this.#askSoon()
    }, pullMs + slackMs)
    this.#requests.set(serial, { left: batch, timer })
    this.#asked += batch
    const request = JSON.stringify({ batch, expires: nanos(pullMs) })
    this.#nc.publish(this.#subject, request, { reply: `${this.#inbox}.${serial}` })
  }

  #hear(message: Msg): void {
    const { code = 0 } = message.headers ?? {}
    if (message.data.length === 0 && code >= 400) {
      this.#over(message.subject.slice(this.#inbox.length + 1))
      // 408: nothing came in time; all else is better not asked again at once
      if (code === 408) this.#askSoon()
      else setTimeout(() => this.#askSoon(), againMs)
      return
    }
    if (code === 100) return
    // a job does not say for which request it comes: the server serves them in order
    for (const [serial, request] of this.#requests) {
      this.#asked--
      if (--request.left === 0) this.#over(serial)
      break
    }
    this.#room--
    this.#take(message)
  }

  #over(serial: string): void {
    const request = this.#requests.get(serial)
    if (request === undefined) return
    clearTimeout(request.timer)
    this.#asked -= request.left
    this.#requests.delete(serial)
  }
}

/** Milliseconds in the unit of the server. */
export function nanos(ms: number): number {
  return Math.round(ms) * 1_000_000
}
