import type { Reader, Writer } from './bytes.js'
import { hashBytes } from './notary.js'
import type { Notary } from './notary.js'

/** Who hashes. */
type Hasher = Pick<Notary, 'hash'>

/** Stand before what is hashed, so that a leaf is never taken for an inner node. */
export const leafMark = 0
const nodeMark = 1

/** How many levels lie above the leaves of a tree. */
export function depthOf(count: number): number {
  return 32 - Math.clz32(count - 1)
}

/** How many of the levels below `depth` have a sibling for this leaf: the last node of a level may be alone. */
export function siblingsBelow(depth: number, index: number, count: number): number {
  let siblings = 0
  for (let level = 0; level < depth; level++) siblings += Number(hasSibling(level, index, count))
  return siblings
}

function hasSibling(level: number, index: number, count: number): boolean {
  return ((index >> level) ^ 1) << level < count
}

/** A hash tree (Merkle, CRYPTO 1987). A node without a sibling goes up as it is. */
export class MerkleTree {
  /** From the leaves up; the last has one node. */
  readonly #levels: (readonly Uint8Array[])[] = []

  constructor(leaves: readonly Uint8Array[], hasher: Hasher) {
    let level = leaves
    this.#levels.push(level)
    while (level.length > 1) {
      const above: Uint8Array[] = []
      for (let i = 0; i < level.length; i += 2) {
        const [left, right] = [level[i] as Uint8Array, level[i + 1]]
        above.push(right === undefined ? left : join(left, right, hasher))
      }
      this.#levels.push((level = above))
    }
  }

  get root(): Uint8Array {
    return this.#levels.at(-1)?.[0] as Uint8Array
  }

  /** The siblings on the way from a leaf to the root, from below. */
  siblings(index: number): Uint8Array[] {
    const siblings: Uint8Array[] = []
    for (let level = 0; level < this.#levels.length - 1; level++) {
      const sibling = this.#levels[level]?.[(index >> level) ^ 1]
      if (sibling !== undefined) siblings.push(sibling)
    }
    return siblings
  }
}

/**
 * Climbs from leaves of one tree to its root, in rising order. Where the way of a leaf meets that of the leaf before,
 * the rest is known: most leaves of a run need one sibling or none.
 */
export class Climb {
  readonly count: number
  /** The leaf last climbed from; -1: none. */
  #last = -1
  /** By level: the nodes on the way from the last leaf, and their siblings. */
  readonly #nodes: Uint8Array[] = []
  readonly #siblings: (Uint8Array | undefined)[] = []

  constructor(count: number) {
    this.count = count
  }

  /** Whether no leaf was climbed from yet. */
  get isFresh(): boolean {
    return this.#last < 0
  }

  /** How many siblings, from below, are told of this leaf. */
  told(index: number): number {
    return siblingsBelow(this.isFresh ? depthOf(this.count) : this.#meeting(index) - 1, index, this.count)
  }

  /** Writes those of a leaf's siblings (all of them, end to end) that the reader does not know yet. */
  write(writer: Writer, index: number, source: Uint8Array, start: number): void {
    writer.raw(source, start, start + this.told(index) * hashBytes)
    this.#last = index
  }

  /** Passes over what was told of a leaf. */
  skip(reader: Reader, index: number): void {
    reader.skip(this.told(index) * hashBytes)
    this.#last = index
  }

  /**
   * Climbs from a leaf with what is told of it. The first time the root is for the caller to check; after that, false
   * means that the leaf is not of the same tree.
   */
  read(reader: Reader, index: number, leaf: Uint8Array, hasher: Hasher): boolean {
    const isFirst = this.isFresh
    const meeting = isFirst ? depthOf(this.count) : this.#meeting(index)
    const neighbour = isFirst ? undefined : this.#nodes[meeting - 1]
    let node = leaf
    for (let level = 0; level < meeting; level++) {
      this.#nodes[level] = node
      let sibling: Uint8Array | undefined
      if (neighbour !== undefined && level === meeting - 1) sibling = neighbour
      else if (hasSibling(level, index, this.count)) {
        const at = reader.skip(hashBytes)
        sibling = reader.source.slice(at, at + hashBytes)
      }
      this.#siblings[level] = sibling
      if (sibling !== undefined) node = (index >> level) & 1 ? join(sibling, node, hasher) : join(node, sibling, hasher)
    }
    this.#last = index
    if (!isFirst) return areEqual(node, this.#nodes[meeting] as Uint8Array)
    this.#nodes[meeting] = node
    return true
  }

  /** The root that the leaves led to. */
  get root(): Uint8Array {
    return this.#nodes[depthOf(this.count)] as Uint8Array
  }

  /** The siblings on the way from the last leaf, from below. */
  get siblings(): Uint8Array[] {
    const depth = depthOf(this.count)
    return this.#siblings.slice(0, depth).filter((sibling) => sibling !== undefined)
  }

  /** The level on which the way of a leaf meets that of the last one. */
  #meeting(index: number): number {
    return depthOf((this.#last ^ index) + 1)
  }
}

const pair = new Uint8Array(1 + 2 * hashBytes)
const nothing = new Uint8Array(0)

function join(left: Uint8Array, right: Uint8Array, hasher: Hasher): Uint8Array {
  pair[0] = nodeMark
  pair.set(left, 1)
  pair.set(right, 1 + hashBytes)
  return hasher.hash(pair, nothing)
}

export function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
