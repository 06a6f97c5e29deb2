/** What an action that is a generator gives; undefined for any other result. */
export function iteratorOf(value: unknown): Iterator<unknown> | AsyncIterator<unknown> | undefined {
  const kind = Object.prototype.toString.call(value)
  const isGenerator = kind === '[object Generator]' || kind === '[object AsyncGenerator]'
  return isGenerator ? (value as Iterator<unknown> | AsyncIterator<unknown>) : undefined
}
