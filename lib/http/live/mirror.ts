import type { LiveMessage, QueueState, Sample, SelfInfo, TableName, TablePatch, Tables } from './protocol.js'
import { samplesMax } from './protocol.js'

/**
 * The picture of a cluster on the side of who looks: the tables, as the messages so far have them. For what is not a
 * table (keys, stream) see the message.
 */
export class Mirror {
  /** Undefined before the first snapshot. */
  self: SelfInfo | undefined
  /** Unix time in milliseconds, by the peer's clock, of the last message. */
  at = 0
  readonly peers: Map<string, Tables['peers']> = new Map()
  readonly rumours: Map<string, Tables['rumours']> = new Map()
  readonly workers: Map<string, Tables['workers']> = new Map()
  readonly apps: Map<string, Tables['apps']> = new Map()
  readonly queues: Map<string, Tables['queues']> = new Map()
  /** Null: the peer has no queue. */
  queue: QueueState | null = null
  /** The oldest first. At most `samplesMax`. */
  history: Sample[] = []

  /** Takes a message in; returns the names of the tables that have changed. */
  apply(message: LiveMessage): readonly TableName[] {
    this.at = message.at
    if (message.type === 'snapshot') {
      this.self = message.self
      this.queue = message.queue
      this.history = [...message.history]
      for (const name of tableNames) {
        this[name].clear()
        patch<Tables[typeof name]>(this[name], { set: message.tables[name] })
      }
      return tableNames
    }
    if (message.sample) this.history = [...this.history, message.sample].slice(-samplesMax)
    if (message.queue !== undefined) this.queue = message.queue
    const { tables = {} } = message
    for (const name of tableNames) patch<Tables[typeof name]>(this[name], tables[name] ?? {})
    return tableNames.filter((name) => tables[name] !== undefined)
  }
}

/** The names of all tables. */
export const tableNames = ['peers', 'rumours', 'workers', 'apps', 'queues'] as const satisfies TableName[]

function patch<Row extends { readonly key: string }>(rows: Map<string, Row>, { set = [], gone = [] }: TablePatch<Row>) {
  for (const change of set) rows.set(change.key, { ...rows.get(change.key), ...change } as Row)
  for (const key of gone) rows.delete(key)
}
