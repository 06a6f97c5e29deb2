/**
 * A hash of everything that happened, in the order it happened: two runs with the same hash were the same run. Two
 * multiply-and-xor lanes over 32-bit words; fast enough for every byte on every wire, and not meant to resist anyone.
 */
export class Trace {
  #a = 0x811c9dc5
  #b = 0x9e3779b9

  /** Adds a whole number (its lower 53 bits). */
  number(value: number): void {
    this.#word(value | 0)
    this.#word((value / 0x1_0000_0000) | 0)
  }

  /** Adds bytes. */
  bytes(bytes: Uint8Array): void {
    const whole = bytes.length & ~3
    let i = 0
    for (; i < whole; i += 4) {
      const low = (bytes[i] as number) | ((bytes[i + 1] as number) << 8)
      this.#word(low | ((bytes[i + 2] as number) << 16) | ((bytes[i + 3] as number) << 24))
    }
    let rest = bytes.length
    for (; i < bytes.length; i++) rest = (rest << 8) ^ (bytes[i] as number)
    this.#word(rest)
  }

  /** Adds a string. */
  text(text: string): void {
    for (let i = 0; i < text.length; i++) this.#word(text.charCodeAt(i))
    this.#word(text.length)
  }

  /** The hash so far, 16 hexadecimal digits. */
  toString(): string {
    return hex(this.#a) + hex(this.#b)
  }

  #word(word: number): void {
    this.#a = Math.imul(this.#a ^ word, 0x01000193)
    this.#a ^= this.#a >>> 15
    this.#b = Math.imul(this.#b ^ this.#a ^ word, 0x85ebca6b)
    this.#b ^= this.#b >>> 13
  }
}

/** A number that stands for the bytes: 53 bits, so that two different values of one run do not meet. */
export function fingerprint(bytes: Uint8Array): number {
  let a = 0x811c9dc5
  let b = bytes.length
  for (const byte of bytes) {
    a = Math.imul(a ^ byte, 0x01000193)
    b = Math.imul(b ^ (a >>> 11), 0x85ebca6b)
  }
  return (a >>> 0) * 0x20_0000 + ((b ^ (b >>> 15)) & 0x1f_ffff)
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0')
}
