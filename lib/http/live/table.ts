import type { TablePatch } from './protocol.js'

/** A row of a table: flat, so that what has changed in it can be told field by field. */
export interface Row {
  readonly key: string
}

/** Tells what has changed between one look at a table and the next. */
export class Table<R extends Row> {
  #rows = new Map<string, R>()

  /** The rows as they were at the last look. */
  get rows(): R[] {
    return [...this.#rows.values()]
  }

  /** A row as it was at the last look. */
  row(key: string): R | undefined {
    return this.#rows.get(key)
  }

  /** Takes the rows as they are now; returns what is different, undefined when nothing is. */
  look(rows: readonly R[]): TablePatch<R> | undefined {
    const before = this.#rows
    const now = new Map(rows.map((row) => [row.key, row]))
    const set = rows.flatMap((row) => changes(before.get(row.key), row) ?? [])
    const gone = [...before.keys()].filter((key) => !now.has(key))
    this.#rows = now
    if (set.length === 0 && gone.length === 0) return undefined
    return { ...(set.length > 0 && { set }), ...(gone.length > 0 && { gone }) }
  }
}

function changes<R extends Row>(before: R | undefined, row: R): (Partial<R> & Row) | undefined {
  if (!before) return row
  const fields = (Object.keys(row) as (keyof R)[]).filter((field) => !Object.is(row[field], before[field]))
  if (fields.length === 0) return undefined
  return Object.fromEntries([['key', row.key], ...fields.map((field) => [field, row[field]])]) as Partial<R> & Row
}
