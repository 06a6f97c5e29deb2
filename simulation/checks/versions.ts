import type { Notice } from '../../lib/gossip/effects.js'
import type { Bench, Check, Observed } from '../referee.js'
import { Pairs } from './pairs.js'

interface Seen {
  incarnation: number
  gcVersion: number
  maxVersion: number
}

/**
 * What an observer knows of a peer only grows: incarnation first, then `(gcVersion, maxVersion)`. And it has no gap:
 * an observer at version v has every key of that peer that was last changed at v or before.
 */
export class Versions implements Check {
  readonly #bench: Bench
  readonly #seen = new Pairs<Seen>()
  /** Whose versions are looked at step by step, in turn. */
  #names: readonly string[] = []
  #turn = 0

  constructor(bench: Bench) {
    this.#bench = bench
  }

  noticed(observer: Observed, notice: Notice): void {
    if (!('peer' in notice)) return
    if (notice.kind === 'peer:forgotten') this.#seen.delete(observer, notice.peer)
    else this.#look(observer, notice.peer)
  }

  stepped(observer: Observed): void {
    const name = this.#names[this.#turn++ % this.#names.length]
    if (name !== undefined) this.#look(observer, name)
  }

  swept(up: readonly Observed[], watched: readonly Observed[]): void {
    this.#turn++
    this.#names = up.map(({ name }) => name)
    for (const observer of watched) {
      const owner = up[(observer.index + this.#turn) % up.length] as Observed
      if (owner === observer) continue
      this.#look(observer, owner.name)
      this.#lookForGaps(observer, owner)
    }
  }

  #look(observer: Observed, peer: string): void {
    const view = observer.view(peer)
    if (view === undefined) return
    const { incarnation, gcVersion, maxVersion } = view
    const seen = this.#seen.ensure(observer, peer, () => ({ incarnation, gcVersion, maxVersion }))
    const order = incarnation - seen.incarnation || gcVersion - seen.gcVersion || maxVersion - seen.maxVersion
    if (order < 0) {
      const was = `at least incarnation ${seen.incarnation} gc ${seen.gcVersion} max ${seen.maxVersion}`
      const found = `incarnation ${incarnation} gc ${gcVersion} max ${maxVersion}`
      this.#bench.report('versions rise', [observer.name, peer], was, found)
    }
    seen.incarnation = incarnation
    seen.gcVersion = gcVersion
    seen.maxVersion = maxVersion
  }

  #lookForGaps(observer: Observed, owner: Observed): void {
    const view = observer.view(owner.name)
    const own = owner.view(owner.name)
    if (view === undefined || own === undefined || view.incarnation !== own.incarnation) return
    if (view.maxVersion > own.maxVersion) {
      const found = `version ${view.maxVersion}`
      this.#bench.report('no gaps', [observer.name, owner.name], `at most version ${own.maxVersion}`, found)
    }
    for (const key of owner.keys(owner.name)) {
      const version = owner.read(owner.name, key)?.version
      if (version === undefined || version > view.maxVersion) continue
      const known = observer.read(owner.name, key)?.version
      if (known === version) continue
      const found = `version ${known} while knowing all up to ${view.maxVersion}`
      this.#bench.report('no gaps', [observer.name, owner.name], `${key} at version ${version}`, found)
    }
  }
}
