/**
 * Dice, handed down so that a run can be repeated: the protocol never calls `Math.random`.
 * Integers are 32 bits wide; nothing here is fit for cryptography.
 */
export interface Random {
  /** A whole number in 0 .. `n` - 1, for `n` in 1 .. 2^32. */
  below(n: number): number
  /** A number in [0, 1). */
  unit(): number
  /** Dice of their own for another part of the program, so that parts do not disturb each other's sequence. */
  fork(label: string): Random
}

/** True in `chance` of the cases (0 .. 1). */
export function happens(random: Random, chance: number): boolean {
  return chance > 0 && random.unit() < chance
}

/** One of the items; undefined when there are none. */
export function pick<T>(random: Random, items: readonly T[]): T | undefined {
  return items.length === 0 ? undefined : items[random.below(items.length)]
}

/** Puts the items in random order, in place (Fisher and Yates), and returns them. */
export function shuffle<T>(random: Random, items: T[]): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = random.below(i + 1)
    const held = items[i] as T
    items[i] = items[j] as T
    items[j] = held
  }
  return items
}

/**
 * The repeatable source: `sfc32` (Chris Doty-Humphrey, PractRand), seeded from a whole number of up to 53 bits.
 * The same seed gives the same sequence on every machine.
 */
export function seededRandom(seed: number): Random {
  return sfc32(seed >>> 0, Math.floor(seed / 0x1_0000_0000) >>> 0, 0x9e3779b9, 1)
}

function sfc32(a: number, b: number, c: number, counter: number): Random {
  const next = (): number => {
    const t = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + t) | 0
    return t >>> 0
  }
  for (let i = 0; i < 12; i++) next()
  return {
    below: (n) => Math.floor((next() / 0x1_0000_0000) * n),
    unit: () => next() / 0x1_0000_0000,
    fork(label) {
      let h = 0x811c9dc5
      for (let i = 0; i < label.length; i++) h = Math.imul(h ^ label.charCodeAt(i), 0x01000193)
      return sfc32(next(), h >>> 0, next(), 1)
    },
  }
}
