import createDebug from 'debug'
import { describe } from '../describe.js'
import { TelepathineError } from '../gossip/errors.js'
import { parseAddress } from '../net/address.js'
import type { Telepathine } from '../telepathine.js'
import { type Call, Dispatcher, type Missing } from '../work/index.js'
import { readEvent } from './event.js'
import { Outbox } from './outbox.js'
import { Peer, type PeerParts } from './peer.js'
import type { Outcome } from './job.js'
import { isUid } from './uid.js'

const log = createDebug('telepathine:servent')

/** What servents are called by, and the key in which each tells its id. */
const service = 'servent'
const idKey = 'servent:id'
/** All of it at once, as far as the bounds on bytes go. */
const concurrency = 65_536
/** How long an event waits until its sender is known here: it may come before the gossip about it. */
const unknownMs = 5_000

/** Whom a mesh tells what happens. */
export interface MeshOwner {
  readonly id: string
  readonly peerParts: PeerParts
  discovered(peer: Peer): void
  gone(peer: Peer): void
  heard(peer: Peer, event: string, args: readonly unknown[]): void
  /** Does work of that name here; resolves to what {@link Worker.perform} does. */
  perform(name: unknown, params: unknown): Promise<readonly unknown[]>
  /** Answers an invocation. */
  invoked(peer: Peer | undefined, request: readonly unknown[]): Promise<unknown>
  /** Events for a peer were lost. */
  lost(peer: Peer, error: unknown): void
  /** The cluster's peer has stopped. */
  stopped(): void
}

/**
 * One life of a servent among the others: who they are, and what is sent to and fro. A servent is a peer of the cluster
 * that serves calls as such and tells its id by a key, which it sets after the service was advertised: who hears of
 * the key has heard of the service. Bounded by the peers known.
 */
export class Mesh {
  readonly telepathine: Telepathine
  readonly #owner: MeshOwner
  readonly #work: Dispatcher
  /** By name. */
  readonly #peers = new Map<string, Peer>()
  readonly #outboxes = new WeakMap<Peer, Outbox>()
  /** Ids of those that were removed, by name. */
  readonly #removed = new Map<string, string>()
  /** Who waits for a peer to be known, by name. Bounded by the calls taken in. */
  readonly #expected = new Map<string, Set<(peer: Peer) => void>>()
  readonly #off: (() => void)[] = []
  #isOver = false

  constructor(telepathine: Telepathine, owner: MeshOwner) {
    this.telepathine = telepathine
    this.#owner = owner
    this.#work = new Dispatcher(telepathine, { maxPending: 1_000_000 })
    this.#work.serve(service, (message, call) => this.#serve(message, call), { concurrency, queue: 0 })
  }

  /** The others. */
  get peers(): readonly Peer[] {
    return [...this.#peers.values()]
  }

  /** Begins, once the peer is bound. @throws what keeps it from being so, by rejection */
  async start(): Promise<void> {
    const { telepathine } = this
    await telepathine.start().ready()
    if (this.#isOver) return
    this.#listen('peer:start', (name: string) => this.#look(name))
    this.#listen('peer:stop', (name: string) => this.#look(name))
    this.#listen('peer:forgotten', (name: string) => this.#removed.delete(name))
    this.#listen('delete', (name: string, key: string) => key === idKey && this.#look(name))
    this.#listen('stop', () => this.#owner.stopped())
    this.#off.push(telepathine.know(idKey, (name) => this.#look(name)))
    telepathine.set(idKey, this.#owner.id)
    for (const name of telepathine.livePeers()) this.#look(name)
  }

  /** Adds an address to join through. False for one that is known, or one's own. */
  join(address: string): boolean {
    const isBack = this.#removed.delete(address)
    this.#look(address)
    return this.telepathine.addPeer(address) || isBack
  }

  /** Has nothing to do with a peer any more, until it starts anew or is joined again. */
  remove(peer: Peer): void {
    if (this.#peers.get(peer.name) !== peer) return
    this.#removed.set(peer.name, peer.id)
    this.#look(peer.name)
  }

  /** Has a worker's work done by all; as {@link Ask}. */
  async ask(
    name: string, params: readonly unknown[], ttlMs: number, told: (outcome: Outcome) => void,
  ): Promise<readonly Missing[]> {
    const own = this.telepathine.name
    const answers = this.#work.gather<readonly unknown[]>(service, ['work', name, params], {
      ttl: ttlMs,
      allowEmpty: true,
      select: (candidates) => candidates.filter(({ peer }) => peer === own || this.#peers.has(peer)),
    })
    for await (const outcome of answers) told(outcome)
    const { missing } = await answers.result()
    return missing
  }

  /** Sends an event to one peer; false when there is no way. The event is what {@link encodeEvent} made. */
  emit(peer: Peer, event: Uint8Array): boolean {
    if (this.#peers.get(peer.name) !== peer) return false
    let outbox = this.#outboxes.get(peer)
    if (outbox === undefined) {
      const options = { target: peer.name, timeout: 0 }
      outbox = new Outbox({
        send: (batch) => this.#work.push(service, ['events', this.#owner.id, batch], options),
        failed: (error) => this.#lost(peer, error),
      })
      this.#outboxes.set(peer, outbox)
    }
    if (outbox.post(event)) return true
    this.#lost(peer, new TelepathineError('ERR_OVERLOAD', `too many events wait for ${peer.name}: this one is lost`))
    return false
  }

  /** Calls a method of a peer. */
  invoke(peer: Peer, id: string, method: string, params: readonly unknown[]): Promise<unknown> {
    if (this.#peers.get(peer.name) !== peer) {
      return Promise.reject(new TelepathineError('ERR_PEER_LOST', `${peer.name} (${peer.id}) is gone`))
    }
    return this.#work.request(service, ['invoke', id, method, params], { target: peer.name })
  }

  /** Ends what is between us and the others. The peer goes on. */
  async stop(): Promise<void> {
    if (this.#isOver) return
    this.#isOver = true
    for (const off of this.#off) off()
    for (const peer of this.peers) this.#drop(peer)
    try {
      this.telepathine.delete(idKey)
    } catch (error) {
      log('%s', error)
    }
    await this.#work.stop({ grace: 0 })
  }

  // ---- who is there

  /** Brings what we think of a peer up to date with what it tells. */
  #look(name: string): void {
    const told = this.#serves(name) ? this.telepathine.getRemote(name, idKey) : undefined
    const id = isUid(told) && this.#removed.get(name) !== told ? told : undefined
    const known = this.#peers.get(name)
    if (known?.id === id) return
    if (known !== undefined) this.#drop(known)
    if (id === undefined) return
    const peer = new Peer(id, name, parseAddress(name), this.#owner.peerParts)
    this.#peers.set(name, peer)
    log('%s discovered %s (%s)', this.telepathine.name, name, id)
    this.#owner.discovered(peer)
    for (const met of this.#expected.get(name) ?? []) met(peer)
  }

  /** Whether a peer is alive and can be called. When it becomes known, that may be a moment after what it tells is. */
  #serves(name: string): boolean {
    return this.#work.workers(service).some(({ peer }) => peer === name)
  }

  #drop(peer: Peer): void {
    this.#peers.delete(peer.name)
    log('%s lost %s (%s)', this.telepathine.name, peer.name, peer.id)
    this.#owner.gone(peer)
  }

  /** The peer that a message comes from: now, or when it is known. */
  #met(name: string, id: unknown): Promise<Peer> {
    const known = this.#peers.get(name)
    if (known?.id === id && known !== undefined) return Promise.resolve(known)
    return new Promise((resolve, reject) => {
      const waiting = this.#expected.get(name) ?? new Set()
      this.#expected.set(name, waiting)
      const done = (): void => {
        waiting.delete(met)
        if (waiting.size === 0) this.#expected.delete(name)
      }
      const met = (peer: Peer): void => {
        if (peer.id !== id) return
        done()
        resolve(peer)
      }
      waiting.add(met)
      this.telepathine.after(unknownMs, () => {
        done()
        reject(new TelepathineError('ERR_TIMEOUT', `${name} is not known here as ${describe(id)}`))
      })
    })
  }

  #listen(event: string, heard: (...values: never[]) => void): void {
    const listener = heard as (...values: unknown[]) => void
    this.telepathine.on(event, listener)
    this.#off.push(() => this.telepathine.off(event, listener))
  }

  // ---- what the others want

  async #serve(message: unknown, { from }: Call): Promise<unknown> {
    if (this.#removed.has(from)) throw new TelepathineError('ERR_DENIED', `${from} was removed`)
    const [kind, ...rest] = Array.isArray(message) ? (message as unknown[]) : []
    switch (kind) {
      case 'work':
        return this.#owner.perform(rest[0], rest[1]).catch(answer)
      case 'invoke':
        return this.#owner.invoked(this.#peers.get(from), rest).catch(answer)
      case 'events':
        return this.#hear(from, rest[0], rest[1])
      default:
        throw new TelepathineError('ERR_VALUE', `${describe(kind)} given, allowed: work, invoke, events`)
    }
  }

  async #hear(from: string, id: unknown, batch: unknown): Promise<void> {
    const peer = await this.#met(from, id)
    for (const bytes of Array.isArray(batch) ? (batch as unknown[]) : []) {
      const event = readEvent(bytes)
      if (event === undefined) log('%s emits what makes no sense', from)
      else this.#owner.heard(peer, ...event)
    }
  }

  #lost(peer: Peer, error: unknown): void {
    // of one that is gone it was said already
    if (this.#peers.get(peer.name) === peer) this.#owner.lost(peer, error)
  }
}

/** Whatever the user's code throws is an answer: it is not for its code to turn the call away. */
function answer(thrown: unknown): never {
  if (!(thrown instanceof TelepathineError)) throw thrown
  const { name, message, code } = thrown
  throw Object.assign(new Error(message, { cause: thrown }), { name, code })
}
