import { Bag } from './bag.js'
import type { Incoming } from './incoming.js'
import { Replays } from './replays.js'
import type { Offer } from './roster.js'
import { Slots } from './slots.js'
import { Tally } from './tally.js'
import type { Handler, ServeOptions } from './types.js'

/** What a handler is served with, all filled in. */
export type ServiceSettings = Required<Omit<ServeOptions, 'version'>> & { readonly version: string | undefined }

/** Something else than a call that takes its turn among a service's calls. */
export class Turn {
  readonly begin: () => void

  constructor(begin: () => void) {
    this.begin = begin
  }
}

/** One service that is offered here. */
export class Service {
  readonly name: string
  readonly handler: Handler
  readonly settings: ServiceSettings
  readonly slots: Slots<Incoming | Turn>
  readonly replays = new Replays<Incoming>()
  /** How it fares. */
  readonly tally = new Tally()
  /** The calls that were taken in and whose handlers are not done. Bounded by concurrency and queue. */
  readonly jobs = new Bag<Incoming>()
  /** Whether it takes in no more. */
  isDraining = false
  /** Called when the last of the jobs is done. */
  emptied: () => void = () => undefined

  constructor(name: string, handler: Handler, settings: ServiceSettings) {
    this.name = name
    this.handler = handler
    this.settings = settings
    this.slots = new Slots(settings.concurrency, settings.queue)
  }

  /** What others are told of it. */
  get offer(): Offer {
    const { version, concurrency, tags, durable } = this.settings
    return { version, concurrency, tags, durable }
  }
}
