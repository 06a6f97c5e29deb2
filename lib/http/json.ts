/**
 * Writes a value as JSON. Values of peers may be more than JSON knows: a Map becomes a list of pairs, a Set a list, a
 * bigint its decimal text, bytes their base64, a RegExp its source text, an Error its name, message and code; what is
 * undefined, NaN or infinite becomes null.
 */
export function toJSON(value: unknown): string {
  return JSON.stringify(value, replace) ?? 'null'
}

/** `value` is what `toJSON` made of it, where there is one: a Buffer must be looked at before that. */
function replace(this: unknown, key: string, value: unknown): unknown {
  const original = (this as Record<string, unknown>)[key]
  if (typeof original !== 'object' || original === null) return typeof value === 'bigint' ? String(value) : value
  if (original instanceof Map || original instanceof Set) return [...original]
  if (original instanceof RegExp) return String(original)
  if (original instanceof Error) return errorToJSON(original)
  if (original instanceof ArrayBuffer) return Buffer.from(original).toString('base64')
  if (ArrayBuffer.isView(original)) {
    return Buffer.from(original.buffer, original.byteOffset, original.byteLength).toString('base64')
  }
  return value
}

function errorToJSON(error: Error & { readonly code?: unknown; readonly data?: unknown }): object {
  const { name, message, code, data } = error
  return { name, message, code, data }
}
