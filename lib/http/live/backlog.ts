import type { QueueInfo } from '../../work/index.js'
import type { Depths } from '../depths.js'
import type { QueueRow, QueueState } from './protocol.js'

/** Names that are shown at the most. */
const rowsMax = 1_000

/** What waits in the queue of a peer, as its engine said last. An engine that is away holds nobody up. */
export class Backlog {
  /** Bounded by `rowsMax`; what was known before, while the engine does not answer. */
  rows: readonly QueueRow[] = []
  /** Another object whenever something in it has changed; null: there is no queue. */
  state: QueueState | null = null
  readonly #depths: Depths
  readonly #now: () => number
  #found: ReturnType<Depths['look']>

  /** @param now unix time in milliseconds */
  constructor(depths: Depths, now: () => number) {
    this.#depths = depths
    this.#now = now
  }

  /** Takes in what has been answered, and asks again if it is time to. */
  look(): void {
    const found = this.#depths.look()
    if (found === this.#found) return
    this.#found = found
    if (found === undefined) {
      this.rows = []
      this.state = null
      return
    }
    this.state ??= { silentSince: null, more: 0 }
    void found.then((queues) => {
      if (found === this.#found) this.#take(queues)
    })
  }

  #take(queues: readonly QueueInfo[] | undefined): void {
    const { silentSince = null, more = 0 } = this.state ?? {}
    if (queues === undefined) {
      if (silentSince === null) this.state = { silentSince: this.#now(), more }
      return
    }
    this.rows = queues.slice(0, rowsMax).map(rowOf)
    const left = queues.length - this.rows.length
    if (silentSince !== null || left !== more) this.state = { silentSince: null, more: left }
  }
}

function rowOf({ name, waiting, delayed, running, dead }: QueueInfo): QueueRow {
  return { key: name, waiting, delayed: delayed ?? null, running: running ?? null, dead: dead ?? null }
}
