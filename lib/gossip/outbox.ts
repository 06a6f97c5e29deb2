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
  /** What was collected since it was last taken out; undefined: nothing. */
  #effects: Effects | undefined

  send(kind: TrafficClass, to: string, via: Send['via'], parts: readonly Uint8Array[]): number {
    let bytes = 0
    for (const part of parts) bytes += part.length
    const sent = this.sent[kind]
    sent.messages++
    sent.bytes += bytes
    this.#collected.sends.push({ to, via, parts })
    return bytes
  }

  notify(notice: Notice): void {
    this.#collected.notices.push(notice)
  }

  link(names: readonly string[]): void {
    this.#collected.links = names
  }

  drop(name: string): void {
    this.#collected.drops.push(name)
  }

  get isEmpty(): boolean {
    return this.#effects === undefined
  }

  drain(): Effects {
    const effects = this.#effects ?? nothing
    this.#effects = undefined
    return effects
  }

  get #collected(): Effects {
    return (this.#effects ??= { sends: [], notices: [], links: undefined, drops: [] })
  }
}
