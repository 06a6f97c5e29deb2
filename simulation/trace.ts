/**
 * A hash of everything that happened, in the order it happened: two runs with the same hash were the same run. Two
 * multiply-and-xor lanes over 32-bit words; fast enough for every byte on every wire, and not meant to resist anyone.
 */
export class Trace {
  // always 32-bit integers: one that is not would be kept as a double, in a box of its own
  #a = 0x811c9dc5 | 0
  #b = 0x9e3779b9 | 0

  /** Adds a whole number (its lower 53 bits). */
  number(value: number): void {
    this.#word(value | 0)
    this.#word((value / 0x1_0000_0000) | 0)
  }

  /** Adds bytes. */
  bytes(bytes: Uint8Array): void {
    let a = this.#a
    let b = this.#b
    const whole = bytes.length & ~3
    const view = bytes.length < viewMin ? undefined : new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    for (let i = 0; i <= whole; i += 4) {
      const word = i === whole ? restOf(bytes, i) : view === undefined ? wordAt(bytes, i) : view.getInt32(i, true)
      a = Math.imul(a ^ word, 0x01000193)
      a ^= a >>> 15
      b = Math.imul(b ^ a ^ word, 0x85ebca6b)
      b ^= b >>> 13
    }
    this.#a = a
    this.#b = b
  }

  /** Adds a string. */
  text(text: string): void {
    for (let i = 0; i < text.length; i++) this.#word(text.charCodeAt(i))
    this.#word(text.length)
  }

  /** The hash so far, as a whole number of 53 bits. */
  get short(): number {
    return (this.#a >>> 0) * 0x20_0000 + (this.#b & 0x1f_ffff)
  }

  /** The hash so far, 16 hexadecimal digits. */
  toString(): string {
    return hex(this.#a) + hex(this.#b)
  }

  #word(word: number): void {
    const a = Math.imul(this.#a ^ word, 0x01000193)
    this.#a = a ^ (a >>> 15)
    const b = Math.imul(this.#b ^ this.#a ^ word, 0x85ebca6b)
    this.#b = b ^ (b >>> 13)
  }
}

/** A number that stands for the bytes: 53 bits, so that two different values of one run do not meet. */
export function fingerprint(bytes: Uint8Array): number {
  const trace = new Trace()
  trace.bytes(bytes)
  return trace.short
}

/** From so many bytes on, a view for reading whole words is worth making. */
const viewMin = 256

function wordAt(bytes: Uint8Array, i: number): number {
  const low = (bytes[i] as number) | ((bytes[i + 1] as number) << 8)
  return low | ((bytes[i + 2] as number) << 16) | ((bytes[i + 3] as number) << 24)
}

/** The last bytes, which are no whole word. */
function restOf(bytes: Uint8Array, from: number): number {
  let rest = bytes.length
  for (let i = from; i < bytes.length; i++) rest = (rest << 8) ^ (bytes[i] as number)
  return rest
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0')
}
