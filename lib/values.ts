import { addExtension, Packr, RESERVE_START_SPACE, RESET_BUFFER_MODE } from 'msgpackr'
import { TelepathineError } from './gossip/errors.js'

/**
 * Values on the wire are MessagePack: strings, numbers, booleans, null, undefined, bigint, Date, Buffer and typed
 * arrays, arrays, plain objects, Map, Set, Error and RegExp arrive as what they were. Objects of a class arrive as
 * plain objects, those with `toJSON` as what it returns. Functions, symbols, promises and the like are refused, and so
 * is what refers to itself or is nested deeper than {@link depthMax}.
 *
 * What comes from the network is checked before it is decoded: lengths must fit what is there, nesting is bounded, and
 * only the extensions that we write ourselves are let through.
 */
const depthMax = 100

/** A Map on its way through MessagePack, which knows only one kind of map and uses it for objects. */
class Pairs {
  readonly list: readonly (readonly [unknown, unknown])[]

  constructor(list: readonly (readonly [unknown, unknown])[]) {
    this.list = list
  }
}

/** Types of MessagePack extensions. */
const ext = {
  undefined: 0x00,
  bigint: 0x42,
  error: 0x65,
  map: 0x6d,
  set: 0x73,
  typedArray: 0x74,
  regexp: 0x78,
  date: 0xff,
}

addExtension({
  Class: Pairs,
  type: ext.map,
  write: (pairs: Pairs) => pairs.list,
  read: (list: [unknown, unknown][]) => new Map(list),
})

const packr = new Packr({
  useRecords: false,
  variableMapSize: true,
  mapsAsObjects: true,
  moreTypes: true,
  useBigIntExtension: true,
  copyBuffers: true,
})

/** Beyond this the encoder's scratch memory is given back after use. */
const scratchBytesMax = 1 << 20

/**
 * Encodes a value, leaving `headBytes` free in front. The result lies in scratch memory: valid until the next call.
 *
 * @throws TelepathineError `ERR_VALUE` names what cannot be serialised and where; `ERR_TOO_LARGE` over `bytesMax`.
 */
export function encodeValue(value: unknown, bytesMax: number, headBytes = 0): Uint8Array {
  const simple = typeof value !== 'object' && typeof value !== 'function' && typeof value !== 'symbol'
  const bytes = packr.pack(
    simple || value === null ? value : new Preparation(bytesMax).prepare(value),
    RESET_BUFFER_MODE | RESERVE_START_SPACE | headBytes,
  )
  if (bytes.buffer.byteLength > scratchBytesMax) packr.useBuffer(Buffer.allocUnsafeSlow(8_192))
  if (bytes.length - headBytes > bytesMax) throw tooLarge(bytes.length - headBytes, bytesMax)
  return bytes
}

/** The bytes that {@link encodeValue} gave, in memory of one's own. */
export function ownBytes(bytes: Uint8Array): Uint8Array {
  // scratch memory that has grown so large is not used again
  return bytes.buffer.byteLength > scratchBytesMax ? bytes : Buffer.from(bytes)
}

/**
 * Decodes what {@link encodeValue} wrote, from `start` on, up to `end`. Buffers in it are copies.
 *
 * @throws TelepathineError `ERR_VALUE` when the bytes are not such a value. Nothing else, whatever the bytes.
 */
export function decodeValue(bytes: Uint8Array, start = 0, end: number = bytes.length): unknown {
  const source = Buffer.from(bytes.buffer, bytes.byteOffset + start, Math.max(0, end - start))
  let cause: unknown
  try {
    if (isWellFormed(source)) return decodeText(source) ?? packr.unpack(source)
  } catch (error) {
    cause = error
  }
  throw new TelepathineError('ERR_VALUE', `not an encoded value: ${source.length} bytes`, { cause })
}

function tooLarge(bytes: number | string, bytesMax: number): TelepathineError {
  return new TelepathineError('ERR_TOO_LARGE', `value takes ${bytes} bytes, allowed are ${bytesMax}`)
}

/**
 * The most common kind of value, in a third of the time. Expects a well-formed value; undefined when it is not a
 * string.
 */
function decodeText(source: Buffer): string | undefined {
  const token = source[0] as number
  const head = token === 0xd9 ? 2 : token === 0xda ? 3 : token === 0xdb ? 5 : (token & 0xe0) === 0xa0 ? 1 : 0
  return head === 0 ? undefined : source.toString('utf8', head)
}

/**
 * Goes through a value once before it is packed: refuses what cannot be, and wraps Maps. Copies only what holds a
 * Map.
 */
class Preparation {
  readonly #path: (string | number)[] = []
  readonly #bytesMax: number
  #count = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  prepare(value: unknown): unknown {
    // each thing takes a byte at least; stops those that multiply by being referred to many times
    if (++this.#count > this.#bytesMax) throw tooLarge(`more than ${this.#bytesMax}`, this.#bytesMax)
    if (typeof value === 'function' || typeof value === 'symbol') throw this.#refuse(`a ${typeof value}`)
    if (typeof value !== 'object' || value === null) return value
    if (this.#path.length > depthMax) throw this.#refuse(`nested deeper than ${depthMax}, or refers to itself`)
    if (Array.isArray(value)) return this.#array(value)
    if (value instanceof Map) return new Pairs(this.#array([...value]) as [unknown, unknown][])
    if (value instanceof Set) {
      const items = [...value]
      const prepared = this.#array(items)
      return prepared === items ? value : new Set(prepared)
    }
    if (value instanceof Date || value instanceof RegExp || value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
      return value
    }
    if (value instanceof Error) {
      this.#at('cause', value.cause)
      return value
    }
    if ('toJSON' in value && typeof value.toJSON === 'function') return this.#at('toJSON()', value.toJSON())
    return this.#object(value as Record<string, unknown>)
  }

  #array(array: readonly unknown[]): readonly unknown[] {
    let result = array as unknown[]
    for (let i = 0; i < array.length; i++) {
      const prepared = this.#at(i, array[i])
      if (prepared === array[i] || Number.isNaN(prepared)) continue
      if (result === array) result = [...array]
      result[i] = prepared
    }
    return result
  }

  #object(object: Record<string, unknown>): Record<string, unknown> {
    const kind = Object.prototype.toString.call(object).slice(8, -1)
    if (kind !== 'Object') throw this.#refuse(`a ${kind}`)
    let result = object
    for (const key of Object.keys(object)) {
      const prepared = this.#at(key, object[key])
      if (prepared === object[key] || Number.isNaN(prepared)) continue
      if (result === object) result = { ...object }
      result[key] = prepared
    }
    return result
  }

  #at(place: string | number, value: unknown): unknown {
    this.#path.push(place)
    const prepared = this.prepare(value)
    this.#path.pop()
    return prepared
  }

  #refuse(what: string): TelepathineError {
    const where = this.#path.slice(0, 8).join('.') + (this.#path.length > 8 ? '…' : '')
    return new TelepathineError('ERR_VALUE', `value cannot be serialised: ${what}${where ? ` at ${where}` : ''}`)
  }
}

/** Whether the bytes hold exactly one value within the bounds. Allocates nothing. */
function isWellFormed(bytes: Uint8Array): boolean {
  return skip(bytes, 0, 0) === bytes.length
}

const malformed = -1

/** Where the value that begins at `at` ends; {@link malformed} when it does not. */
function skip(bytes: Uint8Array, at: number, depth: number): number {
  const token = bytes[at]
  if (token === undefined || depth > depthMax) return malformed
  if (token < 0x80 || token >= 0xe0) return at + 1
  if (token < 0x90) return skipItems(bytes, at + 1, (token & 0x0f) * 2, depth)
  if (token < 0xa0) return skipItems(bytes, at + 1, token & 0x0f, depth)
  if (token < 0xc0) return within(bytes, at + 1 + (token & 0x1f))
  switch (token) {
    case 0xc0: case 0xc2: case 0xc3: return at + 1
    case 0xc4: case 0xd9: return within(bytes, at + 2 + length(bytes, at + 1, 1))
    case 0xc5: case 0xda: return within(bytes, at + 3 + length(bytes, at + 1, 2))
    case 0xc6: case 0xdb: return within(bytes, at + 5 + length(bytes, at + 1, 4))
    case 0xc7: return skipExtension(bytes, at + 2, length(bytes, at + 1, 1))
    case 0xc8: return skipExtension(bytes, at + 3, length(bytes, at + 1, 2))
    case 0xc9: return skipExtension(bytes, at + 5, length(bytes, at + 1, 4))
    case 0xcc: case 0xd0: return within(bytes, at + 2)
    case 0xcd: case 0xd1: return within(bytes, at + 3)
    case 0xca: case 0xce: case 0xd2: return within(bytes, at + 5)
    case 0xcb: case 0xcf: case 0xd3: return within(bytes, at + 9)
    case 0xd4: return skipTag(bytes, at + 1, depth)
    case 0xd5: return skipExtension(bytes, at + 1, 2)
    case 0xd6: return skipExtension(bytes, at + 1, 4)
    case 0xd7: return skipExtension(bytes, at + 1, 8)
    case 0xd8: return skipExtension(bytes, at + 1, 16)
    case 0xdc: return skipItems(bytes, at + 3, length(bytes, at + 1, 2), depth)
    case 0xdd: return skipItems(bytes, at + 5, length(bytes, at + 1, 4), depth)
    case 0xde: return skipItems(bytes, at + 3, length(bytes, at + 1, 2) * 2, depth)
    case 0xdf: return skipItems(bytes, at + 5, length(bytes, at + 1, 4) * 2, depth)
    default: return malformed
  }
}

function skipItems(bytes: Uint8Array, at: number, count: number, depth: number): number {
  if (count > bytes.length - at) return malformed
  for (let i = 0; i < count && at !== malformed; i++) at = skip(bytes, at, depth + 1)
  return at
}

/** An extension whose bytes are the value. */
function skipExtension(bytes: Uint8Array, at: number, size: number): number {
  const type = bytes[at]
  if (type !== ext.date && type !== ext.bigint && type !== ext.typedArray) return malformed
  return within(bytes, at + 1 + size)
}

/** An extension of one byte: on its own, or announcing that the value which follows is to be read as a Set, Map, … */
function skipTag(bytes: Uint8Array, at: number, depth: number): number {
  switch (bytes[at]) {
    case ext.undefined: case ext.date: case ext.bigint: return within(bytes, at + 2)
    case ext.set: case ext.map: case ext.error: case ext.regexp: return skip(bytes, at + 2, depth + 1)
    default: return malformed
  }
}

function within(bytes: Uint8Array, end: number): number {
  return end <= bytes.length ? end : malformed
}

/** A big-endian number of `size` bytes; beyond any end when the bytes run out. */
function length(bytes: Uint8Array, at: number, size: number): number {
  let n = 0
  for (let i = 0; i < size; i++) n = n * 256 + (bytes[at + i] ?? Infinity)
  return n
}
