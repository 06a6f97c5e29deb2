import { decodeValue, encodeValue } from '../values.js'
import { Health } from './health.js'
import { LoadView } from './load.js'
import type { Choosable } from './selection.js'
import { readFigures, tellFigures, type Figures } from './tally.js'

/** What a worker tells of a service it offers. */
export interface Offer {
  readonly version: string | undefined
  readonly concurrency: number
  readonly tags: readonly string[]
  /** Whether it takes jobs from the queue, too. */
  readonly durable: boolean
}

/** Names of adverts: what follows `ws` is a service's name, `wl` is the load. */
const offerPrefix = 'ws'
const loadName = 'wl'

/** What a service is advertised under. */
export function offerName(service: string): string {
  return offerPrefix + service
}

export { loadName }

/** Largest advert of the load, and of an offer. */
const advertBytesMax = 16_384

/** An offer, as bytes to be advertised. */
export function encodeOffer({ version, concurrency, tags, durable }: Offer): Uint8Array {
  return Uint8Array.from(encodeValue([version, concurrency, tags, durable], advertBytesMax))
}

/** A load, as bytes to be advertised. */
export function encodeLoad(
  stamp: number, inflight: number, status: unknown, figures?: ReadonlyMap<string, Figures>,
): Uint8Array {
  const told = figures === undefined || figures.size === 0 ? [] : [tellFigures(figures)]
  return Uint8Array.from(encodeValue([stamp, inflight, status, ...told], advertBytesMax))
}

/** One service at one peer. */
export class Place implements Choosable {
  readonly peer: string
  readonly offer: Offer
  readonly tags: ReadonlySet<string>
  readonly view: LoadView
  readonly health = new Health()

  constructor(peer: string, offer: Offer, view: LoadView) {
    this.peer = peer
    this.offer = offer
    this.tags = new Set(offer.tags)
    this.view = view
  }

  get pressure(): number {
    return this.view.inflight / this.offer.concurrency
  }

  get outstanding(): number {
    return this.view.outstanding
  }

  get status(): unknown {
    return this.view.status
  }
}

/** A peer and what it offers. */
interface Worker {
  readonly view: LoadView
  readonly places: Map<string, Place>
  isLive: boolean
}

/**
 * Who serves what, by what all tell of themselves. Bounded by what the peers may set, and by how many peers there may
 * be.
 */
export class Roster {
  readonly #workers = new Map<string, Worker>()
  /** Those who are alive, by service, in the order of their names. */
  readonly #places = new Map<string, readonly Place[]>()
  #changed: () => void = () => undefined

  /** Calls `changed` whenever someone begins or ceases to serve something. */
  onChange(changed: () => void): void {
    this.#changed = changed
  }

  /** Those who are alive, by service. */
  get all(): ReadonlyMap<string, readonly Place[]> {
    return this.#places
  }

  /** Those who serve it, in the order of their names. The list is never changed. */
  places(service: string): readonly Place[] {
    return this.#places.get(service) ?? none
  }

  /** Whether somebody, or this very peer, is known to offer it, alive or not. */
  knows(service: string, peer?: string): boolean {
    if (peer !== undefined) return this.#workers.get(peer)?.places.has(service) === true
    return [...this.#workers.values()].some(({ places }) => places.has(service))
  }

  /** What is known of how busy a peer is. */
  view(peer: string): LoadView {
    return this.#worker(peer).view
  }

  /** A peer offers a service, or without an offer does so no longer. */
  offer(peer: string, service: string, offer: Offer | undefined): void {
    const worker = this.#worker(peer)
    if (offer === undefined) worker.places.delete(service)
    else worker.places.set(service, new Place(peer, offer, worker.view))
    this.#list(service)
  }

  /** A peer advertises something; what makes no sense counts as nothing. */
  advert(peer: string, name: string, value: Uint8Array | undefined): void {
    const told = value === undefined ? undefined : read(value)
    if (name.startsWith(offerPrefix)) this.offer(peer, name.slice(offerPrefix.length), readOffer(told))
    else if (name === loadName) this.#told(this.view(peer), told)
  }

  /** Whether a peer is alive. */
  alive(peer: string, isLive: boolean): void {
    const worker = isLive ? this.#worker(peer) : this.#workers.get(peer)
    if (worker === undefined || worker.isLive === isLive) return
    worker.isLive = isLive
    // it counts anew when it was started anew
    if (!isLive) worker.view.reset()
    for (const service of worker.places.keys()) this.#list(service)
  }

  /** Nothing is known of a peer any more. */
  forget(peer: string): void {
    this.alive(peer, false)
    this.#workers.delete(peer)
  }

  #told(view: LoadView, told: readonly unknown[] | undefined): void {
    const [stamp, inflight, status, figures] = told ?? []
    view.status = status
    view.figures = readFigures(figures)
    if (Number.isSafeInteger(stamp) && Number.isSafeInteger(inflight)) view.told(stamp as number, inflight as number)
  }

  #worker(peer: string): Worker {
    let worker = this.#workers.get(peer)
    if (worker === undefined) {
      worker = { view: new LoadView(), places: new Map(), isLive: false }
      this.#workers.set(peer, worker)
    }
    return worker
  }

  #list(service: string): void {
    const places: Place[] = []
    for (const { isLive, places: offered } of this.#workers.values()) {
      const place = isLive ? offered.get(service) : undefined
      if (place !== undefined) places.push(place)
    }
    places.sort((a, b) => (a.peer < b.peer ? -1 : 1))
    if (places.length > 0) this.#places.set(service, places)
    else this.#places.delete(service)
    this.#changed()
  }
}

const none: readonly Place[] = []

function read(value: Uint8Array): readonly unknown[] | undefined {
  try {
    const told = value.length <= advertBytesMax ? decodeValue(value) : undefined
    return Array.isArray(told) ? told : undefined
  } catch {
    return undefined
  }
}

function readOffer(told: readonly unknown[] | undefined): Offer | undefined {
  if (told === undefined) return undefined
  const [version, concurrency, tags, durable] = told
  if (!Number.isSafeInteger(concurrency) || (concurrency as number) < 1 || !Array.isArray(tags)) return undefined
  return {
    version: typeof version === 'string' ? version : undefined,
    concurrency: concurrency as number,
    tags: tags.filter((tag) => typeof tag === 'string'),
    durable: durable === true,
  }
}
