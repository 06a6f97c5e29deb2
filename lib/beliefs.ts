import { TelepathineError } from './gossip/errors.js'
import type { Gossip, HeldValue } from './gossip/gossip.js'
import type { Clock } from './host/clock.js'
import { storedKey, userKey } from './names.js'
import { isLater, isSameValue } from './stamps.js'
import { Topics, type Subscription } from './topics.js'
import type { KnowHandler } from './types.js'

/** What {@link Beliefs} need of their peer. */
export interface Believer {
  readonly gossip: Gossip
  readonly clock: Clock
  /** Own keys have changed. */
  wrote(): void
  /** A value was adopted that differs from the one before; `handlers` want to know. */
  adopted(
    handlers: readonly Subscription<KnowHandler<never>>[],
    peer: string,
    key: string,
    value: Uint8Array,
    deadline: number | undefined,
  ): void
  failed(error: unknown): void
}

/**
 * Keys in which others are believed: a value that another peer set later than what we hold becomes our own, byte for
 * byte, with the time at which it was set. Later is a total order, the same everywhere, so whoever believes in a key
 * ends up with the latest value that any of them has seen; and as nobody takes what is not later, it comes to rest.
 */
export class Beliefs {
  readonly #believer: Believer
  readonly #topics = new Topics<KnowHandler<never>>()
  /** Keys for which there was no room, looked at again by `settle`. Bounded by the keys that others may set. */
  readonly #unsettled = new Set<string>()

  constructor(believer: Believer) {
    this.#believer = believer
  }

  /** Begins to believe in what fits the pattern, and in what is known of it already; returns what ends it. */
  add(pattern: string, handler: KnowHandler<never>): () => void {
    const off = this.#topics.add(pattern, handler)
    const { gossip, clock } = this.#believer
    clock.soon(() => {
      const peers = gossip.peers('all')
      const keys = peers.flatMap((peer) => gossip.keys(peer, clock.now())).flatMap((key) => userKey(key) ?? [])
      for (const key of new Set(keys)) this.#reconsider(key)
    })
    return off
  }

  /** Another peer set a key. */
  take(peer: string, key: string, value: Uint8Array, deadline: number | undefined): void {
    if (this.#topics.isEmpty) return
    const handlers = this.#topics.find(key)
    if (handlers.length === 0) return
    const { gossip, clock } = this.#believer
    const now = clock.now()
    const own = gossip.get(gossip.name, storedKey(key), now)?.value
    if (own && !isLater(value, own)) return
    const isNew = !own || !isSameValue(value, own)
    try {
      gossip.set(storedKey(key), value, deadline === undefined ? undefined : deadline - now, now)
    } catch (error) {
      if (error instanceof TelepathineError && error.code === 'ERR_OVERLOAD') this.#unsettled.add(key)
      else this.#believer.failed(error)
      return
    }
    this.#believer.wrote()
    if (isNew) this.#believer.adopted(handlers, peer, key, value, deadline)
  }

  /** There is room again. */
  settle(): void {
    const keys = [...this.#unsettled]
    this.#unsettled.clear()
    for (const key of keys) this.#reconsider(key)
  }

  /** Takes the latest of what is known of a key. */
  #reconsider(key: string): void {
    if (this.#topics.find(key).length === 0) return
    const { gossip, clock } = this.#believer
    let latest: HeldValue | undefined
    let owner = ''
    for (const peer of gossip.peers('all')) {
      const held = gossip.get(peer, storedKey(key), clock.now())
      if (!held || (latest && !isLater(held.value, latest.value))) continue
      latest = held
      owner = peer
    }
    if (latest) this.take(owner, key, latest.value, latest.deadline)
  }
}
