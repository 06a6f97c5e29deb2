import type { Look } from './engine.js'

/**
 * What every watch begins with: what is known already is looked at.
 *
 * @param end ends the watch, which has begun: so that nothing is missed between the two
 * @returns `end`, unless it cannot be found out what is known; then it was called
 */
export async function watching(
  end: () => void, outcome: Promise<Uint8Array | undefined>, look: Look,
): Promise<() => void> {
  try {
    const known = await outcome
    if (known !== undefined) look(known)
  } catch (error) {
    end()
    throw error
  }
  return end
}
