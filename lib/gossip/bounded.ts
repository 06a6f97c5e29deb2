/** Keeps a map or set within its bound by dropping what was put in first; call it after each addition. */
export function dropOldest<K>(
  collection: { readonly size: number; keys(): IterableIterator<K>; delete(key: K): boolean },
  max: number,
): void {
  if (collection.size <= max) return
  for (const oldest of collection.keys()) {
    collection.delete(oldest)
    return
  }
}
