/** An intermediate result with a key of its own; see {@link keyed}. */
export class Keyed<T = unknown> {
  /** Its key. */
  readonly key: string
  /** The result. */
  readonly value: T

  constructor(key: string, value: T) {
    this.key = key
    this.value = value
  }
}

/** The key of intermediate results that have none of their own. */
export const defaultKey = 'defaultkey'

/**
 * Gives an intermediate result a key: `yield keyed('progress', 0.5)`. What is yielded as it is has the key
 * `defaultkey`.
 */
export function keyed<T>(key: string | number, value: T): Keyed<T> {
  return new Keyed(String(key), value)
}
