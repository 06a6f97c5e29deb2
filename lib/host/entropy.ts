import { randomBytes } from 'node:crypto'
import { seededRandom, type Random } from '../gossip/random.js'

/** Dice that nobody can repeat: seeded with 48 bits of the system's entropy. */
export function systemRandom(): Random {
  return seededRandom(randomBytes(6).readUIntBE(0, 6))
}
