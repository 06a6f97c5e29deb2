import type { Notice } from '../../lib/gossip/effects.js'
import type { Bench, Check, Observed } from '../referee.js'
import { areSame } from './same.js'

/** Whoever is told of a change and looks finds just that, unless more changes of the same key came with it. */
export class Callbacks implements Check {
  readonly #bench: Bench

  constructor(bench: Bench) {
    this.#bench = bench
  }

  noticed(observer: Observed, notice: Notice, batch: readonly Notice[], at: number): void {
    if (notice.kind !== 'set' && notice.kind !== 'delete' && notice.kind !== 'expired') return
    const { peer, key } = notice
    // of its own keys a peer hears but their end, and it may have set them again meanwhile
    if (peer === observer.name) return
    for (let i = at + 1; i < batch.length; i++) {
      const later = batch[i] as Notice
      if ('peer' in later && later.peer === peer && (!('key' in later) || later.key === key)) return
    }
    const reading = observer.read(peer, key)
    const value = notice.kind === 'set' ? notice.value : undefined
    if (areSame(value, reading?.value)) return
    const found = reading === undefined ? 'nothing' : `version ${reading.version}, another value`
    const expected = `to read what "${notice.kind}" of ${key} said`
    this.#bench.report('callbacks agree with what can be read', [observer.name, peer], expected, found)
  }
}
