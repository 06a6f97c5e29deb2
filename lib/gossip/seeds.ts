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

  constructor(mesh: () => Mesh) {
    this.#mesh = mesh
  }

  add(address: string): boolean {
    if (this.#seeds.has(address)) return false
    this.#seeds.set(address, { address, peer: undefined, nextAt: -Infinity, pauseMs: retryMsMin })
    return true
  }

  /** All are to be asked anew. */
  restart(now: number): void {
    for (const seed of this.#seeds.values()) {
      seed.peer = undefined
      seed.nextAt = now
      seed.pauseMs = retryMsMin
    }
  }

  get nextWake(): number {
    let wake = Infinity
    for (const { nextAt } of this.#seeds.values()) wake = Math.min(wake, nextAt)
    return wake
  }

  /** The addresses to ask now. */
  due(now: number): string[] {
    const due: string[] = []
    for (const seed of this.#seeds.values()) {
      if (now < seed.nextAt) continue
      seed.nextAt = now + seed.pauseMs
      seed.pauseMs = Math.min(retryMsMax, seed.pauseMs * 2)
      const name = seed.peer ?? seed.address
      if (name !== this.#mesh().self.name && !this.#mesh().named(name)?.isLive) due.push(seed.address)
    }
    return due
  }

  /** An exchange begun with `address` was answered by `peer`. */
  answered(address: string, peer: string): void {
    const seed = this.#seeds.get(address)
    if (seed === undefined) return
    seed.peer = peer
    seed.pauseMs = retryMsMax
  }
}
