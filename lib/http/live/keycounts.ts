import type { FaceView } from '../view.js'

/** Keys that are counted at a time: as many as take no time to speak of. */
const budget = 20_000
/** A large key space is counted anew no sooner than after so many milliseconds for each thousand keys. */
const restMsPerThousand = 100

interface Count {
  readonly incarnation: number
  readonly version: number
  readonly keys: number
  readonly at: number
}

/** How many keys each peer has: counted where something has changed, a few peers at a time. Bounded by the peers. */
export class KeyCounts {
  readonly #view: FaceView
  readonly #counts = new Map<string, Count>()
  #left = 0

  constructor(view: FaceView) {
    this.#view = view
  }

  /** Begins a round, in which so many may be counted. */
  begin(): void {
    this.#left = budget
    if (this.#counts.size <= this.#view.allPeers().length + 1) return
    for (const peer of this.#counts.keys()) if (!this.#view.standing(peer)) this.#counts.delete(peer)
  }

  /** The keys of a peer, counted when its log stood at this version, or not long before; null: not yet. */
  count(peer: string, incarnation: number, version: number): number | null {
    const known = this.#counts.get(peer)
    const now = this.#view.clock.now()
    const isSame = known?.incarnation === incarnation && known.version === version
    const isRecent = known !== undefined && now < known.at + (known.keys / 1_000) * restMsPerThousand
    if (isSame || isRecent || this.#left <= 0) return known?.keys ?? null
    const keys = this.#view.keys(peer).length
    this.#left -= keys
    this.#counts.set(peer, { incarnation, version, keys, at: now })
    return keys
  }
}
