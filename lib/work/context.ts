import { AsyncLocalStorage } from 'node:async_hooks'

/** The call that the code which runs now serves, for what it calls in turn. */
export interface Served {
  /** When its time is over, on the peer's clock; Infinity: never. */
  readonly dueAt: number
  /** Whether its handler is done: what that left behind is its own from now on. */
  readonly isServed: boolean
  /** Calls that were made for it and are under way: they end with it. */
  nested: Set<{ abort(reason: unknown): void }> | undefined
}

const storage = new AsyncLocalStorage<Served>()

/** The call that is being served here; undefined outside of handlers, and for what goes on when a handler is done. */
export function servedNow(): Served | undefined {
  const call = storage.getStore()
  return call?.isServed === false ? call : undefined
}

/** Runs something as part of serving a call; what it begins before it is done is part of it too. */
export function serving<R>(call: Served, run: () => R): R {
  return storage.run(call, run)
}
