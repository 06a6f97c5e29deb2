import type { EventEmitter } from 'node:events'

/**
 * Calls the listeners of an event, as `emit` does. But what goes wrong in one of them, now or in its promise, stops
 * neither us nor the others: it goes to `failed`. Says whether there were any.
 */
export function tell(
  emitter: Pick<EventEmitter, 'rawListeners'>, event: string, values: readonly unknown[],
  failed: (error: unknown) => void,
): boolean {
  const listeners = emitter.rawListeners(event)
  for (const listener of listeners) attempt(() => listener.apply(emitter, values), failed)
  return listeners.length > 0
}

/** Calls a function of the user's; what it throws, or its promise rejects with, goes to `failed`. */
export function attempt(run: () => unknown, failed: (error: unknown) => void): void {
  try {
    const result = run()
    if (isThenable(result)) result.then(undefined, failed)
  } catch (error) {
    failed(error)
  }
}

/** What was thrown, as an error. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown })
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
