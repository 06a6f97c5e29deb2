import createDebug from 'debug'
import type { Clock } from '../host/clock.js'
import type { QueueInfo } from '../work/index.js'

const log = createDebug('telepathine:http')

/** An answer serves all who ask within so long, milliseconds. */
const restMs = 1_000
/** So long an answer is waited for, milliseconds. */
const patienceMs = 1_000

/**
 * How many jobs the queue of a peer holds, for all who would like to know: however many they are and however often they
 * ask, the engine is asked once a second at the most, and never again before it has answered.
 */
export class Depths {
  readonly #clock: Clock
  readonly #ask: () => Promise<readonly QueueInfo[]> | undefined
  #found: Promise<readonly QueueInfo[] | undefined> | undefined
  #askedAt = -Infinity
  #isAsking = false

  /** @param ask asks the engine; undefined when there is no queue */
  constructor(clock: Clock, ask: () => Promise<readonly QueueInfo[]> | undefined) {
    this.#clock = clock
    this.#ask = ask
  }

  /**
   * The figures as they were within the last second; resolves to undefined when the engine does not give them within
   * a second, and never rejects. Undefined when there is no queue.
   */
  look(): Promise<readonly QueueInfo[] | undefined> | undefined {
    const now = this.#clock.now()
    if (this.#isAsking || now - this.#askedAt < restMs) return this.#found
    const asked = this.#ask()
    if (asked === undefined) return (this.#found = undefined)
    this.#askedAt = now
    this.#isAsking = true
    return (this.#found = this.#wait(asked))
  }

  #wait(asked: Promise<readonly QueueInfo[]>): Promise<readonly QueueInfo[] | undefined> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(patienceMs, () => resolve(undefined))
      const settle = (found?: readonly QueueInfo[]): void => {
        this.#isAsking = false
        cancel()
        resolve(found)
      }
      asked.then(settle, (error: unknown) => {
        log('queue: %O', error)
        settle()
      })
    })
  }
}
