import { hash32, mix32 } from './hash.js'

/**
 * Who a peer is: its name (the address others reach it under) and its incarnation, which rises with every start. A peer
 * that was started again is another one; the higher incarnation is the one that counts.
 */
export interface Identity {
  readonly name: string
  readonly incarnation: number
  /** 48 bits that stand for name and incarnation in digests. */
  readonly id: number
  /** Where the name lies on each of the two rings, 0 .. 2^32 - 1. */
  readonly places: readonly [number, number]
}

/** Identities made lately: many peers of one process, or many messages of one peer, share one. Emptied when full. */
const known = new Map<string, Identity>()
const knownMax = 1 << 15

export function identify(name: string, incarnation: number): Identity {
  const before = known.get(name)
  if (before !== undefined && before.incarnation === incarnation) return before
  if (known.size >= knownMax) known.clear()
  const identity = create(name, incarnation)
  known.set(name, identity)
  return identity
}

function create(name: string, incarnation: number): Identity {
  const low = hash32(name, 2)
  const high = Math.floor(incarnation / 0x1_0000_0000) >>> 0
  const folded = mix32(low ^ mix32(incarnation >>> 0) ^ mix32(high + 0x9e3779b9))
  const id = (hash32(name, 3) & 0xffff) * 0x1_0000_0000 + folded
  return { name, incarnation, id, places: [hash32(name, 0), hash32(name, 1)] }
}

const nameBytesMax = 300
const namePattern = /^(?:\[[0-9a-f:.%]+\]|[^\s:[\]/]+):\d{1,5}$/i

/** Whether a name from the network looks like an address at all. */
export function isName(name: string): boolean {
  return name.length <= nameBytesMax && namePattern.test(name)
}

export { nameBytesMax }
