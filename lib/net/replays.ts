/** The bits kept for each sender, in words of 32. They are emptied a word at a time, so one word is of no use. */
const words = 32
const bits = words * 32
/** How many numbers before the highest one are still taken: datagrams overtake each other. */
const windowLength = bits - 32

/** Most senders in one generation; beyond that, who was not heard for longest is forgotten early. */
const sendersMax = 32_768

/** Which of a sender's numbers have come. */
interface Window {
  highest: number
  /** One bit for each of the last numbers, at its place modulo {@link bits}. */
  readonly seen: Uint32Array
}

/**
 * Knows what has come before. Each sender numbers what it sends; a number is let through once. Senders that have been
 * silent for one to two `forgetMs` are forgotten; by then what they sent must be refused for its age.
 *
 * The window is that of IPsec (RFC 6479).
 */
export class Replays {
  readonly #forgetMs: number
  #young = new Map<string, Window>()
  #old = new Map<string, Window>()
  #turnAt: number

  constructor(forgetMs: number, now: number) {
    this.#forgetMs = forgetMs
    this.#turnAt = now + forgetMs
  }

  /** Senders remembered. */
  get senders(): number {
    return this.#young.size + this.#old.size
  }

  /** Takes note of a number, 0..2^32 - 1. True when it is new; false when it came before, or too late to know. */
  isNew(sender: string, number: number, now: number): boolean {
    if (now >= this.#turnAt || this.#young.size >= sendersMax) this.#turn(now)
    const window = this.#windowOf(sender, number)
    if (number > window.highest) advance(window, number)
    else if (window.highest - number >= windowLength) return false
    const word = (number % bits) >>> 5
    const bit = 1 << (number & 31)
    const seen = window.seen[word] as number
    if ((seen & bit) !== 0) return false
    window.seen[word] = seen | bit
    return true
  }

  #windowOf(sender: string, number: number): Window {
    const young = this.#young.get(sender)
    if (young !== undefined) return young
    const window = this.#old.get(sender) ?? { highest: number, seen: new Uint32Array(words) }
    this.#old.delete(sender)
    this.#young.set(sender, window)
    return window
  }

  /** Who was not heard since the last turn is forgotten. */
  #turn(now: number): void {
    this.#turnAt = now + this.#forgetMs
    this.#old = this.#young
    this.#young = new Map()
  }
}

/** Makes room for a higher number: the words that come into use anew are emptied. */
function advance(window: Window, number: number): void {
  const from = Math.floor(window.highest / 32)
  const steps = Math.min(words, Math.floor(number / 32) - from)
  for (let i = 1; i <= steps; i++) window.seen[(from + i) % words] = 0
  window.highest = number
}
