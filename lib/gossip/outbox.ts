import type { Effects, Notice, Send } from './effects.js'

/** The classes of traffic that are counted and bounded apart. */
export type TrafficClass = 'news' | 'repair' | 'liveness'

/** Messages and bytes sent by one class of traffic. */
export interface ClassTraffic {
  messages: number
  bytes: number
}

const nothing: Effects = { sends: [], notices: [], links: undefined, drops: [] }

/** Collects what is to be done until the host takes it out. */
export class Outbox {
  readonly sent: Record<TrafficClass, ClassTraffic> = {
    news: { messages: 0, bytes: 0 },
    repair: { messages: 0, bytes: 0 },
    liveness: { messages: 0, bytes: 0 },
  }
  #sends: Send[] = []
  #notices: Notice[] = []
  #links: readonly string[] | undefined
  #drops: string[] = []

  send(kind: TrafficClass, to: string, via: Send['via'], parts: readonly Uint8Array[]): number {
    let bytes = 0
    for (const part of parts) bytes += part.length
    const sent = this.sent[kind]
    sent.messages++
    sent.bytes += bytes
    this.#sends.push({ to, via, parts })
    return bytes
  }

  notify(notice: Notice): void {
    this.#notices.push(notice)
  }

  link(names: readonly string[]): void {
    this.#links = names
  }

  drop(name: string): void {
    this.#drops.push(name)
  }

  get isEmpty(): boolean {
    return this.#sends.length === 0 && this.#notices.length === 0 && this.#drops.length === 0
  }

  drain(): Effects {
    if (this.isEmpty && this.#links === undefined) return nothing
    const effects: Effects = { sends: this.#sends, notices: this.#notices, links: this.#links, drops: this.#drops }
    this.#sends = []
    this.#notices = []
    this.#links = undefined
    this.#drops = []
    return effects
  }
}
