import { AsyncResource } from 'node:async_hooks'
import { TelepathineError } from '../gossip/errors.js'
import type { Clock } from '../host/clock.js'

interface Waiting {
  enter(): void
  fail(error: TelepathineError): void
}

/**
 * Lets no more calls in than may be under way at a time. Those that may wait do so in a line, first come, first served;
 * there may be as many of them again.
 */
export class Turnstile {
  /** How many are in; counted down by whoever settles them. */
  pending = 0
  readonly #clock: Clock
  readonly #pendingMax: number
  readonly #line = new Set<Waiting>()
  #cancelTurn: (() => void) | undefined

  constructor(clock: Clock, pendingMax: number) {
    this.#clock = clock
    this.#pendingMax = pendingMax
  }

  /** How many are in the line. */
  get waiting(): number {
    return this.#line.size
  }

  /** @throws TelepathineError `ERR_OVERLOAD` when there is no room */
  check(): void {
    if (this.pending >= this.#pendingMax) throw this.#full(`${this.pending} calls are under way`)
  }

  /**
   * Calls `enter` as soon as there is room, with what is then left of `timeoutMs`; or `fail`, when that is over before,
   * the signal aborts, or the line is full.
   */
  wait(
    timeoutMs: number, signal: AbortSignal | undefined, enter: (leftMs: number) => void,
    fail: (error: TelepathineError) => void,
  ): void {
    if (this.pending < this.#pendingMax && this.#line.size === 0) return enter(timeoutMs)
    if (this.#line.size >= this.#pendingMax) return fail(this.#full(`${this.#line.size} calls wait`))
    const dueAt = this.#clock.now() + timeoutMs
    // whoever makes room for it, it is made for the call that is being served now, if there is one
    const enterHere = AsyncResource.bind(enter)
    const leave = (): void => {
      this.#line.delete(waiting)
      cancelTimer?.()
      signal?.removeEventListener('abort', aborted)
    }
    const aborted = (): void => {
      waiting.fail(new TelepathineError('ERR_ABORTED', 'the call was aborted', { cause: signal?.reason }))
    }
    const waiting: Waiting = {
      enter: () => {
        leave()
        enterHere(Math.max(1, dueAt - this.#clock.now()))
      },
      fail: (error) => {
        leave()
        fail(error)
      },
    }
    const late = (): void => {
      waiting.fail(new TelepathineError('ERR_TIMEOUT', `there was no room for the call within ${timeoutMs} ms`))
    }
    const cancelTimer = timeoutMs === Infinity ? undefined : this.#clock.after(timeoutMs, late)
    signal?.addEventListener('abort', aborted)
    this.#line.add(waiting)
  }

  /** A call is over. The next of the line enter in another turn: one that fails at once makes room in its turn. */
  freed(): void {
    if (this.#line.size === 0) return
    this.#cancelTurn ??= this.#clock.soon(() => {
      this.#cancelTurn = undefined
      for (const waiting of this.#line) {
        if (this.pending >= this.#pendingMax) break
        waiting.enter()
      }
    })
  }

  /** All that wait do so in vain. */
  stop(why: string): void {
    this.#cancelTurn?.()
    this.#cancelTurn = undefined
    for (const waiting of this.#line) waiting.fail(new TelepathineError('ERR_STOPPED', why))
  }

  #full(what: string): TelepathineError {
    return new TelepathineError('ERR_OVERLOAD', `${what}; maxPending is ${this.#pendingMax}`)
  }
}
