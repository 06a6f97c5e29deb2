import createDebug from 'debug'
import type { Clock } from '../host/clock.js'
import type { Dispatcher, QueueInfo } from '../work/index.js'

const log = createDebug('telepathine:http')

/** An answer serves all who ask within so long, milliseconds … */
const restMs = 1_000
/** … or within so many times as long as it took: an engine with much to count is not kept busy with it. */
const restTimes = 9
const restMsMax = 10_000
/** So long an answer is waited for, milliseconds. */
const patienceMs = 1_000

/**
 * How many jobs the queue of a peer holds, for all who would like to know: however many they are and however often they
 * ask, the engine is asked once a second and for a tenth of the time at most, and never again before it has answered.
 */
export class Depths {
  readonly #clock: Clock
  readonly #work: Pick<Dispatcher, 'hasQueue' | 'queues'>
  #found: Promise<readonly QueueInfo[] | undefined> | undefined
  #askAgainAt = -Infinity
  #isAsking = false

  constructor(clock: Clock, work: Pick<Dispatcher, 'hasQueue' | 'queues'>) {
    this.#clock = clock
    this.#work = work
  }

  /**
   * The figures as they were a moment ago; resolves to undefined when the engine does not give them within a second,
   * and never rejects. Undefined when there is no queue.
   */
  look(): Promise<readonly QueueInfo[] | undefined> | undefined {
    if (!this.#work.hasQueue) return (this.#found = undefined)
    if (this.#isAsking || this.#clock.now() < this.#askAgainAt) return this.#found
    return (this.#found = this.#ask())
  }

  #ask(): Promise<readonly QueueInfo[] | undefined> {
    const askedAt = this.#clock.now()
    this.#askAgainAt = askedAt + restMs
    this.#isAsking = true
    return new Promise((resolve) => {
      const cancel = this.#clock.after(patienceMs, () => resolve(undefined))
      const settle = (found?: readonly QueueInfo[]): void => {
        this.#isAsking = false
        cancel()
        resolve(found)
      }
      const answered = (found: readonly QueueInfo[]): void => {
        const now = this.#clock.now()
        this.#askAgainAt = Math.max(this.#askAgainAt, now + Math.min(restTimes * (now - askedAt), restMsMax))
        // whoever asks from now on has it, however late it came
        this.#found = Promise.resolve(found)
        settle(found)
      }
      this.#work.queues().then(answered, (error: unknown) => {
        log('queue: %O', error)
        settle()
      })
    })
  }
}
