import type { Clock } from '../host/clock.js'

/** How long to wait for answers at most: whoever takes longer is not the one to send work to. */
const answerMs = 250

interface Probe {
  /** Peers that have not answered yet. */
  readonly awaited: Set<string>
  finish(): void
}

/**
 * Questions under way about how busy workers are. Choosing the better of two that were just asked nearly halves the
 * time that calls take, for the price of a round trip: in the model in `load.ts` 201 ms on average instead of 382.
 * Bounded by the calls that are under way.
 */
export class Probes {
  readonly #clock: Clock
  readonly #byPeer = new Map<string, Set<Probe>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Calls back once all of these peers have told their load, or it takes too long. Returns what forgets about it. */
  ask(peers: readonly string[], answered: () => void): () => void {
    const forget = (): void => {
      cancelTimer()
      for (const peer of probe.awaited) this.#forget(peer, probe)
    }
    const finish = (): void => {
      forget()
      answered()
    }
    const probe: Probe = { awaited: new Set(peers), finish }
    const cancelTimer = this.#clock.after(answerMs, finish)
    for (const peer of probe.awaited) {
      const probes = this.#byPeer.get(peer) ?? new Set()
      this.#byPeer.set(peer, probes.add(probe))
    }
    return forget
  }

  /** A peer has told its load, which is as good for one who asked as for another; or it will not tell it any more. */
  told(peer: string): void {
    const probes = this.#byPeer.get(peer)
    if (probes === undefined) return
    for (const probe of probes) {
      probe.awaited.delete(peer)
      this.#forget(peer, probe)
      if (probe.awaited.size === 0) probe.finish()
    }
  }

  #forget(peer: string, probe: Probe): void {
    const probes = this.#byPeer.get(peer)
    if (probes?.delete(probe) === true && probes.size === 0) this.#byPeer.delete(peer)
  }
}
