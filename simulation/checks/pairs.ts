import type { Observed } from '../referee.js'

/** Something remembered of what each observer saw of each peer. What an observer saw ends with its life. */
export class Pairs<T> {
  readonly #byObserver = new Map<number, { life: number; byPeer: Map<string, T> }>()

  get(observer: Observed, peer: string): T | undefined {
    return this.#of(observer).get(peer)
  }

  /** What is remembered, or `fresh()`, which is from now on. */
  ensure(observer: Observed, peer: string, fresh: () => T): T {
    const byPeer = this.#of(observer)
    let value = byPeer.get(peer)
    if (value === undefined) byPeer.set(peer, (value = fresh()))
    return value
  }

  set(observer: Observed, peer: string, value: T): void {
    this.#of(observer).set(peer, value)
  }

  delete(observer: Observed, peer: string): void {
    this.#of(observer).delete(peer)
  }

  #of(observer: Observed): Map<string, T> {
    let seen = this.#byObserver.get(observer.index)
    if (seen === undefined || seen.life !== observer.life) {
      seen = { life: observer.life, byPeer: new Map() }
      this.#byObserver.set(observer.index, seen)
    }
    return seen.byPeer
  }
}
