import { describe } from '../describe.js'
import { dropOldest } from '../gossip/bounded.js'
import { TelepathineError } from '../gossip/errors.js'
import type { NCPacket } from './packet.js'
import { type Matcher, wholeName } from './pattern.js'

/** Called with each packet whose event the pattern matches. */
export type NCListener = (packet: NCPacket) => unknown

interface Entry {
  readonly pattern: string
  readonly listener: NCListener
  readonly matches: Matcher
  readonly once: boolean
}

/** Event names of which it is remembered who listens to them. */
const rememberedMax = 1_024

/** Listeners by pattern, called in the order in which they were added. */
export class Listeners {
  #entries: readonly Entry[] = []
  readonly #byEvent = new Map<string, readonly Entry[]>()

  /** @throws TelepathineError `ERR_KEY` for a pattern that is none, `ERR_OPTION` for a listener that is none */
  add(pattern: string, listener: NCListener, once: boolean): void {
    const matches = wholeName(pattern)
    if (typeof listener !== 'function') {
      throw new TelepathineError('ERR_OPTION', `listener: ${describe(listener)} given, allowed: a function`)
    }
    this.#change([...this.#entries, { pattern, listener, matches, once }])
  }

  /** Takes off the one that was added last with these two; nothing if there is none. */
  remove(pattern: string, listener: NCListener): void {
    const found = this.#entries.findLast(entry => entry.pattern === pattern && entry.listener === listener)
    if (found !== undefined) this.#drop(found)
  }

  /** Whether anybody listens to this event. */
  hears(event: string): boolean {
    return this.#of(event).length > 0
  }

  /** Calls who listens. What they throw, or reject with, goes to `failed`; the others are called all the same. */
  call(packet: NCPacket, failed: (error: unknown) => void): void {
    for (const entry of this.#of(packet.event)) {
      if (entry.once) {
        if (!this.#entries.includes(entry)) continue
        this.#drop(entry)
      }
      try {
        const result = entry.listener(packet)
        if (result instanceof Promise) result.catch(failed)
      } catch (error) {
        failed(error)
      }
    }
  }

  #of(event: string): readonly Entry[] {
    let entries = this.#byEvent.get(event)
    if (entries === undefined) {
      entries = this.#entries.filter(entry => entry.matches(event))
      this.#byEvent.set(event, entries)
      dropOldest(this.#byEvent, rememberedMax)
    }
    return entries
  }

  #drop(entry: Entry): void {
    this.#change(this.#entries.filter(other => other !== entry))
  }

  #change(entries: readonly Entry[]): void {
    this.#entries = entries
    this.#byEvent.clear()
  }
}
