/**
 * A value as a short text, much as JSON has it. However large the value is, only as much of it is looked at as the
 * text can show; what is left out is marked by `…`.
 */
export function preview(value: unknown, lengthMax: number): string {
  const pen = new Pen(lengthMax)
  write(pen, value, 0)
  return pen.isCut ? `${pen.text.slice(0, lengthMax - 1)}…` : pen.text
}

/** Deeper than this nothing is shown: it may refer to itself. */
const depthMax = 6

type Plain = number | bigint | boolean | null | undefined

/** Collects a text up to its length. */
class Pen {
  text = ''
  /** Whether there was more. */
  isCut = false
  readonly #lengthMax: number

  constructor(lengthMax: number) {
    this.#lengthMax = lengthMax
  }

  get isFull(): boolean {
    return this.text.length >= this.#lengthMax
  }

  put(text: string): void {
    const room = this.#lengthMax - this.text.length
    this.text += text.slice(0, room)
    if (text.length > room) this.isCut = true
  }

  /** A text in quotes, of which not more is looked at than fits. */
  quote(text: string): void {
    const room = this.#lengthMax - this.text.length
    this.put(JSON.stringify(text.slice(0, room + 1)))
  }
}

function write(pen: Pen, value: unknown, depth: number): void {
  if (pen.isFull) return pen.put('…')
  if (typeof value === 'string') return pen.quote(value)
  // what stands for a value that cannot be decoded
  if (typeof value === 'symbol') return pen.put('<unreadable>')
  if (typeof value !== 'object' || value === null) return pen.put(`${value as Plain}`)
  if (depth > depthMax) return pen.put('…')
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return pen.put(`<${value.byteLength} bytes>`)
  if (value instanceof Date) return pen.quote(Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString())
  if (value instanceof RegExp) return pen.put(String(value))
  if (value instanceof Error) return pen.put(`${value.name}: ${value.message}`)
  if (Array.isArray(value) || value instanceof Set) {
    return list(pen, '[]', value, (item) => write(pen, item, depth + 1))
  }
  const pairs = value instanceof Map ? value : pairsOf(value as Record<string, unknown>)
  list(pen, '{}', pairs, ([name, item]) => {
    if (typeof name === 'string') pen.quote(name)
    else write(pen, name, depth + 1)
    pen.put(':')
    write(pen, item, depth + 1)
  })
}

function list<T>(pen: Pen, brackets: string, items: Iterable<T>, each: (item: T) => void): void {
  pen.put(brackets[0] ?? '')
  let isFirst = true
  for (const item of items) {
    if (pen.isFull) return pen.put('…')
    if (!isFirst) pen.put(',')
    isFirst = false
    each(item)
  }
  pen.put(brackets[1] ?? '')
}

function* pairsOf(value: Readonly<Record<string, unknown>>): Generator<[string, unknown]> {
  for (const name of Object.keys(value)) yield [name, value[name]]
}
