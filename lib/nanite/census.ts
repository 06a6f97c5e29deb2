import type { Channel } from '../channel.js'
import type { Telepathine } from '../telepathine.js'
import type { Choosable } from '../work/selection.js'
import { agentKey, Bulletin, statusKey, type BulletinReader } from './bulletin.js'
import type { Candidate } from './types.js'

/** How often is looked who is silent, milliseconds. */
const lookMs = 1_000
/** What an agent may be late beyond its time, milliseconds. */
const graceMs = 1_000
/** Most services and tags of an agent that count. */
const servicesMax = 10_000
const tagsMax = 1_000

/** What an agent tells of itself, besides its status. */
export interface Advert {
  readonly services: readonly string[]
  readonly tags: readonly string[]
  readonly pingMs: number
}

/** An agent that has told of itself. */
export class KnownAgent implements Candidate, Choosable {
  readonly identity: string
  services: readonly string[] = []
  tags: readonly string[] = []
  status: unknown
  timestamp = 0
  outstanding = 0
  #isThere = false
  #pingMs = 0
  #heardAt = 0

  constructor(identity: string) {
    this.identity = identity
  }

  /** The same as its identity. */
  get peer(): string {
    return this.identity
  }

  /** As far as is known here. */
  get pressure(): number {
    return this.outstanding
  }

  /** Whether it can be asked. */
  get isThere(): boolean {
    return this.#isThere
  }

  set isThere(isThere: boolean) {
    this.#isThere = isThere
  }

  describes({ services, tags, pingMs }: Advert): void {
    this.services = services
    this.tags = tags
    this.#pingMs = pingMs
  }

  /** It gave a sign of life. */
  heard(now: number, wall: number): void {
    this.#heardAt = now
    this.timestamp = wall
  }

  isSilent(now: number, timeoutMs: number): boolean {
    return now - this.#heardAt > Math.max(timeoutMs, this.#pingMs) + graceMs
  }
}

/** Whom a census tells who comes and goes. */
export interface CensusOwner {
  registered(agent: KnownAgent): void
  unregistered(agent: KnownAgent): void
  /** It failed or is silent. Says whether it is to be forgotten. */
  timedOut(agent: KnownAgent): boolean
}

/**
 * Which agents there are, what they serve and how they are, by what they tell of themselves and by what the peer knows
 * of who is alive. Bounded by the peers known.
 */
export class Census implements BulletinReader {
  readonly agents = new Map<string, KnownAgent>()
  readonly #peer: Telepathine
  readonly #channel: Channel
  readonly #bulletin: Bulletin
  readonly #timeoutMs: number
  readonly #owner: CensusOwner
  /** Those who are there, by route, in the order of their names. */
  readonly #byService = new Map<string, KnownAgent[]>()
  readonly #live = new Set<string>()
  #unsubscribe: () => void = () => undefined
  #cancelLook: (() => void) | undefined

  constructor(peer: Telepathine, channel: Channel, timeoutMs: number, owner: CensusOwner) {
    this.#peer = peer
    this.#channel = channel
    this.#bulletin = Bulletin.of(peer)
    this.#timeoutMs = timeoutMs
    this.#owner = owner
  }

  /** Begins to look. */
  open(): void {
    this.#unsubscribe = this.#bulletin.subscribe(this)
    if (this.#channel.isRunning) this.started()
  }

  /** Ceases to look. */
  close(): void {
    this.#unsubscribe()
    this.stopped()
  }

  /** Those who serve a route, in the order of their names. `/foo` stands for `/foo/index`, too. Not to be changed. */
  candidates(type: string): readonly KnownAgent[] {
    return this.#byService.get(type) ?? this.#byService.get(`${type}/index`) ?? none
  }

  // ---- what the bulletin tells

  told(name: string, key: string, value: unknown): void {
    if (key === agentKey) this.#advertised(name, value)
    else if (key === statusKey) this.#pinged(name, value)
  }

  gone(name: string, key: string): void {
    const agent = key === agentKey ? this.agents.get(name) : undefined
    if (agent === undefined) return
    this.forgotten(name)
    if (agent.isThere) this.#owner.unregistered(agent)
    agent.isThere = false
  }

  alive(name: string): void {
    this.#live.add(name)
    // what comes with this news can be read already, but not all have been told of it: the dispatcher, for one
    queueMicrotask(() => this.#live.has(name) && this.#readAdvert(name))
  }

  dead(name: string, reason: string): void {
    this.#live.delete(name)
    const agent = this.agents.get(name)
    if (agent === undefined || !agent.isThere) return
    if (reason === 'left') this.gone(name, agentKey)
    else this.#timedOut(agent)
  }

  forgotten(name: string): void {
    const agent = this.agents.get(name)
    if (agent === undefined) return
    this.#unlist(agent)
    this.agents.delete(name)
  }

  started(): void {
    if (this.#cancelLook !== undefined) return
    for (const name of [this.#peer.name, ...this.#peer.livePeers()]) {
      this.#live.add(name)
      this.#readAdvert(name)
    }
    this.#look()
  }

  stopped(): void {
    this.#cancelLook?.()
    this.#cancelLook = undefined
    this.agents.clear()
    this.#byService.clear()
    this.#live.clear()
  }

  // ---- who is there

  #readAdvert(name: string): void {
    const advert = this.#bulletin.look(name, agentKey)
    if (advert !== undefined) this.#advertised(name, advert)
  }

  #advertised(name: string, value: unknown): void {
    const advert = readAdvert(value)
    if (advert === undefined) return this.gone(name, agentKey)
    let agent = this.agents.get(name)
    if (agent === undefined) {
      agent = new KnownAgent(name)
      agent.status = this.#bulletin.look(name, statusKey)
      this.agents.set(name, agent)
    }
    this.#unlist(agent)
    agent.describes(advert)
    this.#heard(agent)
  }

  #pinged(name: string, status: unknown): void {
    const agent = this.agents.get(name)
    // it was silent, and what it advertised still holds
    if (agent === undefined) return this.#readAdvert(name)
    agent.status = status
    this.#heard(agent)
  }

  /** It is listed, if its peer is alive. */
  #heard(agent: KnownAgent): void {
    agent.heard(this.#channel.clock.now(), this.#channel.clock.wall())
    if (!this.#live.has(agent.identity)) return
    const isNew = !agent.isThere
    agent.isThere = true
    this.#list(agent)
    if (isNew) this.#owner.registered(agent)
  }

  #timedOut(agent: KnownAgent): void {
    this.#unlist(agent)
    agent.isThere = false
    if (this.#owner.timedOut(agent)) this.forgotten(agent.identity)
  }

  /** Looks who is silent though its peer lives, now and then. */
  #look(): void {
    const { clock } = this.#channel
    this.#cancelLook = clock.after(lookMs, () => {
      for (const agent of this.agents.values()) {
        if (agent.isThere && agent.isSilent(clock.now(), this.#timeoutMs)) this.#timedOut(agent)
      }
      this.#look()
    })
  }

  #list(agent: KnownAgent): void {
    for (const service of agent.services) {
      const listed = this.#byService.get(service) ?? []
      const at = placeOf(listed, agent.identity)
      if (listed[at] === agent) continue
      listed.splice(at, 0, agent)
      this.#byService.set(service, listed)
    }
  }

  #unlist(agent: KnownAgent): void {
    for (const service of agent.services) {
      const listed = this.#byService.get(service)
      if (listed === undefined) continue
      const at = placeOf(listed, agent.identity)
      if (listed[at] === agent) listed.splice(at, 1)
      if (listed.length === 0) this.#byService.delete(service)
    }
  }
}

const none: readonly KnownAgent[] = []

/** Where an agent of that name is, or belongs. */
function placeOf(listed: readonly KnownAgent[], identity: string): number {
  let from = 0
  let to = listed.length
  while (from < to) {
    const middle = (from + to) >>> 1
    if ((listed[middle] as KnownAgent).identity < identity) from = middle + 1
    else to = middle
  }
  return from
}

/** What another peer told, if it makes sense. */
function readAdvert(value: unknown): Advert | undefined {
  const { services, tags, pingMs } = (typeof value === 'object' && value !== null ? value : {}) as Partial<Advert>
  if (!Array.isArray(services) || !Array.isArray(tags) || !Number.isFinite(pingMs)) return undefined
  if (services.length > servicesMax || tags.length > tagsMax) return undefined
  return { services: services.filter(isText), tags: tags.filter(isText), pingMs: pingMs as number }
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}
