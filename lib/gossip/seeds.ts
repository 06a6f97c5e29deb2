import type { Mesh } from './mesh.js'

const retryMsMin = 50
const retryMsMax = 1_000

interface Seed {
  readonly address: string
  /** Name of the peer that answered there. */
  peer: string | undefined
  nextAt: number
  pauseMs: number
}

/**
 * Addresses to join through. One that does not answer is tried for as long as the peer runs; one whose peer is among
 * the living is left alone, and tried again when that peer has gone.
 */
export class Seeds {
  readonly #mesh: () => Mesh
  readonly #seeds = new Map<string, Seed>()
  /** When the first of them is due; Infinity: there are none. */
  #nextDue = Infinity
  /** Whether all were found to be among the living: as long as nobody stops, there is nothing to look at. */
  #isJoined = false

  constructor(mesh: () => Mesh) {
    this.#mesh = mesh
  }

  add(address: string): boolean {
    if (this.#seeds.has(address)) return false
    this.#seeds.set(address, { address, peer: undefined, nextAt: -Infinity, pauseMs: retryMsMin })
    this.#nextDue = -Infinity
    this.#isJoined = false
    return true
  }

  /** All are to be asked anew. */
  restart(now: number): void {
    for (const seed of this.#seeds.values()) {
      seed.peer = undefined
      seed.nextAt = now
      seed.pauseMs = retryMsMin
    }
    if (this.#seeds.size > 0) this.#nextDue = now
    this.#isJoined = false
  }

  get nextWake(): number {
    return this.#isJoined && this.#mesh().stopped.size === 0 ? Infinity : this.#nextDue
  }

  /** The addresses to ask now. */
  due(now: number): string[] {
    const due: string[] = []
    if (now < this.nextWake) return due
    this.#nextDue = Infinity
    this.#isJoined = true
    for (const seed of this.#seeds.values()) {
      const isLive = this.#isLive(seed.peer ?? seed.address)
      if (now >= seed.nextAt) {
        seed.nextAt = now + seed.pauseMs
        seed.pauseMs = Math.min(retryMsMax, seed.pauseMs * 2)
        if (!isLive) due.push(seed.address)
      }
      this.#isJoined &&= isLive
      this.#nextDue = Math.min(this.#nextDue, seed.nextAt)
    }
    return due
  }

  #isLive(name: string): boolean {
    const mesh = this.#mesh()
    return name === mesh.self.name || mesh.named(name)?.isLive === true
  }

  /** An exchange begun with `address` was answered by `peer`. */
  answered(address: string, peer: string): void {
    const seed = this.#seeds.get(address)
    if (seed === undefined) return
    seed.peer = peer
    seed.pauseMs = retryMsMax
  }
}
