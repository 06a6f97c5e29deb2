/** How a value that was refused stands in the message: recognisable, and short whatever it is. */
export function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}…` : value)
    case 'object':
      return value === null ? 'null' : Array.isArray(value) ? 'an array' : 'an object'
    case 'function':
      return 'a function'
    default:
      return String(value)
  }
}
