import createDebug from 'debug'
import { TelepathineError } from '../gossip/errors.js'
import type { Ledger } from './ledger.js'

const log = createDebug('telepathine:queue')

/** What a step of a transaction does. It may be run again, as if it had never been. */
export type Run<T> = (ledger: Ledger, now: number, news: Set<string>) => T

/** What runs a function in a transaction; resolves when what that changed is on disk. */
export interface Transactions {
  transaction(act: () => void): Promise<unknown>
}

/** LMDB gives up a transaction now and then, as its list of free pages is in its own way: MDB_NOTFOUND. */
const givenUpCode = -30_798
/** Errors after which LMDB writes nothing any more, and hangs when it is asked to: EIO, MDB_PANIC. */
const fatalCodes: readonly unknown[] = [5, -30_795]

interface Step {
  readonly run: (ledger: Ledger, now: number, news: Set<string>) => void
  readonly done: () => void
  readonly failed: (error: TelepathineError) => void
}

/**
 * Changes a ledger, in transactions. What is asked for in one turn of the event loop, or while a transaction is under
 * way, goes into one, all together: a sync to disk costs the same for one step as for a thousand.
 */
export class Writer {
  readonly #transactions: Transactions
  readonly #ledger: Ledger
  readonly #tell: (news: ReadonlySet<string>) => void
  #steps: Step[] = []
  #lastSteps: Step[] = []
  #writing: Promise<void> | undefined
  /** Resolves, with why, when nothing can be written any more, though nobody has ended it. */
  readonly failed: Promise<TelepathineError>
  #fail: (why: TelepathineError) => void = () => undefined
  /** Why nothing can be written any more. */
  #over: TelepathineError | undefined

  /** @param tell is told what a transaction did that others are to know, when all of it has been resolved */
  constructor(transactions: Transactions, ledger: Ledger, tell: (news: ReadonlySet<string>) => void) {
    this.#transactions = transactions
    this.#ledger = ledger
    this.#tell = tell
    this.failed = new Promise((resolve) => (this.#fail = resolve))
  }

  /** Writes nothing more; resolves when nothing is under way. */
  async end(): Promise<void> {
    this.#over ??= new TelepathineError('ERR_QUEUE', 'the queue was closed')
    await this.#writing
  }

  /** Does something in the next transaction. @throws TelepathineError `ERR_QUEUE` by rejection: it is not done */
  write<T>(run: Run<T>): Promise<T> {
    return this.#add(this.#steps, run)
  }

  /** The same, when all others of that transaction have been done. */
  writeLast<T>(run: Run<T>): Promise<T> {
    return this.#add(this.#lastSteps, run)
  }

  #add<T>(steps: Step[], run: Run<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let done: () => void
      steps.push({
        run: (...given) => {
          try {
            const result = run(...given)
            done = () => resolve(result)
          } catch (error) {
            // the others of this transaction have nothing to do with it
            done = () => reject(error)
          }
        },
        done: () => done(),
        failed: reject,
      })
      this.#writing ??= new Promise((written) => setImmediate(() => void this.#writeAll().then(written)))
    })
  }

  async #writeAll(): Promise<void> {
    while (this.#steps.length + this.#lastSteps.length > 0) {
      const steps = [...this.#steps, ...this.#lastSteps]
      this.#steps = []
      this.#lastSteps = []
      const news = new Set<string>()
      let failure = await this.#transact(steps, news)
      // it reads that list anew
      if (codeOf(failure?.cause) === givenUpCode) failure = await this.#transact(steps, news)
      if (failure === undefined) for (const { done } of steps) done()
      else for (const { failed } of steps) failed(failure)
      if (news.size > 0) this.#tell(news)
      // whoever was waiting asks for the next thing now: it goes into the same transaction
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
    this.#writing = undefined
  }

  /** All of it is on disk, or none of it is done, and why. */
  async #transact(steps: readonly Step[], news: Set<string>): Promise<TelepathineError | undefined> {
    if (this.#over !== undefined) return this.#over
    try {
      await this.#transactions.transaction(() => {
        const now = Date.now()
        news.clear()
        this.#ledger.begin()
        for (const step of steps) step.run(this.#ledger, now, news)
        this.#ledger.end(now)
      })
      return undefined
    } catch (error) {
      news.clear()
      const cause = await causeOf(error)
      log('transaction: %O', cause)
      const failure = new TelepathineError('ERR_QUEUE', `the queue cannot be written: ${String(cause)}`, { cause })
      if (!fatalCodes.includes(codeOf(cause))) return failure
      this.#over = failure
      this.#fail(failure)
      return failure
    }
  }
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | undefined)?.code
}

/** LMDB tells why a commit failed by a promise of its own, which ends the process when nobody takes it. */
async function causeOf(error: unknown): Promise<unknown> {
  const { commitError } = error as { commitError?: Promise<never> }
  return commitError === undefined ? error : commitError.catch((cause: unknown) => cause)
}
