import type { Clock } from '../host/clock.js'
import { TelepathineError } from '../gossip/errors.js'

interface Waiter {
  readonly owner: object
  readonly isMet: () => boolean
  settle(error?: TelepathineError): void
}

/** Those who wait for something to be so. */
export class Waiters {
  readonly #clock: Clock
  readonly #waiters = new Set<Waiter>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Resolves once it is so; rejects after `timeoutMs`, or when the signal aborts. */
  wait(
    owner: object, what: string, isMet: () => boolean, timeoutMs: number, signal: AbortSignal | undefined,
  ): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(aborted(signal))
    if (isMet()) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const abort = (): void => waiter.settle(aborted(signal))
      const timedOut = (): void => waiter.settle(new TelepathineError('ERR_TIMEOUT', `${what}: not in ${timeoutMs} ms`))
      const cancel = timeoutMs === Infinity ? undefined : this.#clock.after(timeoutMs, timedOut)
      const waiter: Waiter = {
        owner,
        isMet,
        settle: (error) => {
          this.#waiters.delete(waiter)
          cancel?.()
          signal?.removeEventListener('abort', abort)
          if (error === undefined) resolve()
          else reject(error)
        },
      }
      signal?.addEventListener('abort', abort)
      this.#waiters.add(waiter)
    })
  }

  /** Something has changed: whoever has what it waits for goes. */
  look(): void {
    for (const waiter of this.#waiters) if (waiter.isMet()) waiter.settle()
  }

  /** Those of one owner, or all, wait in vain. */
  stop(owner: object | undefined, why: string): void {
    for (const waiter of this.#waiters) {
      if (owner === undefined || waiter.owner === owner) waiter.settle(new TelepathineError('ERR_STOPPED', why))
    }
  }
}

function aborted(signal: AbortSignal | undefined): TelepathineError {
  return new TelepathineError('ERR_ABORTED', 'the wait was aborted', { cause: signal?.reason })
}
