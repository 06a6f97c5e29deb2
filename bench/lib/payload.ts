const filler = 'the quick brown fox jumps over the lazy dog, and again, and once more, until a hundred bytes are full'

/** A text of exactly 100 bytes that begins with a number; {@link numberOf} reads it back. */
export const payload = (n: number): string => `${1_000_000_000 + n}${filler.slice(0, 90)}`

/** The number that a {@link payload} begins with. */
export const numberOf = (text: string): number => Number(text.slice(0, 10)) - 1_000_000_000

/** The name of the n-th key. */
export const keyName = (n: number): string => `key:${n}`
