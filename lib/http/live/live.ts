import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import createDebug from 'debug'
import { WebSocketServer } from 'ws'
import { channelOf } from '../../channel.js'
import type { Telepathine } from '../../telepathine.js'
import type { Census } from '../census.js'
import type { Depths } from '../depths.js'
import { Refusal } from '../errors.js'
import type { Guard } from '../guard.js'
import type { Route, Routes } from '../routes.js'
import type { FaceView, Sighting } from '../view.js'
import { Backlog } from './backlog.js'
import { Client } from './client.js'
import { History } from './history.js'
import { liveProtocol, liveVersion, sampleMs, tickMs } from './protocol.js'
import type { LiveDelta, LiveSnapshot, QueueState, Sample, SelfInfo } from './protocol.js'
import { Scene } from './scene.js'
import { Happenings } from './stream.js'

const log = createDebug('telepathine:http')

/** Clients at a time; each may hold what `Client` allows. */
const clientsMax = 64
/** Largest message of a client. */
const requestBytesMax = 8_192
/** How often it is looked whether clients are still there. */
const probeMs = 15_000
/** Changed keys that are noted between two deltas. */
const changesMax = 20_000

/** What a feed is made of. */
export interface LiveParts {
  readonly peer: Telepathine
  readonly view: FaceView
  readonly census: Census
  readonly routes: Routes
  readonly depths: Depths
}

/**
 * The feed at `/live`: see `protocol.ts`. While nobody looks it takes one sample every two seconds and nothing else.
 * All that looks at the peer happens once a tick, however many clients there are.
 */
export class Live {
  readonly #parts: LiveParts
  readonly #backlog: Backlog
  readonly #scene: Scene
  readonly #history: History
  readonly #happenings: Happenings
  readonly #clients = new Set<Client>()
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: requestBytesMax,
    perMessageDeflate: false,
    handleProtocols: (protocols) => (protocols.has(liveProtocol) ? liveProtocol : false),
  })
  /** Keys that have changed since the last tick, by peer. Bounded by `changesMax`. */
  #changes = new Map<string, Set<string>>()
  #changed = 0
  #offs: (() => void)[] = []
  #sample: Sample | undefined
  /** The last that was told. */
  #queue: QueueState | null = null
  #cancelTick: (() => void) | undefined
  #cancelSample: () => void = () => undefined
  #tickedAt = -Infinity
  #probedAt = 0
  #isClosed = false
  #guard: Guard | undefined

  constructor(parts: LiveParts) {
    this.#parts = parts
    const { peer, view, census } = parts
    this.#backlog = new Backlog(parts.depths, () => view.now())
    this.#scene = new Scene({ ...parts, backlog: this.#backlog })
    this.#history = new History({
      view,
      work: () => channelOf(peer)?.sent ?? { messages: 0, bytes: 0 },
      firstSeen: (name) => census.firstSeen(name),
    })
    this.#happenings = new Happenings(peer, view)
    view.onArrival = (from, setAt) => this.#history.arrived(from, setAt)
    this.#sampleLater()
  }

  /** What answers those who ask without a WebSocket. */
  get routes(): Route[] {
    return [
      {
        method: 'GET',
        path: '/live',
        writes: false,
        open: true,
        summary: `WebSocket (${liveProtocol}): the cluster as this peer sees it, as it changes.`,
        answer: () => {
          throw new Refusal(426, 'ERR_OPTION', `/live is a WebSocket (${liveProtocol})`, { upgrade: 'websocket' })
        },
      },
    ]
  }

  /** Takes a WebSocket that the guard let through. */
  accept(request: IncomingMessage, socket: Socket, head: Buffer, guard: Guard): void {
    if (this.#isClosed || this.#clients.size >= clientsMax) {
      throw new Refusal(503, 'ERR_OVERLOAD', `${clientsMax} are looking already`, { 'retry-after': '5' })
    }
    this.#guard = guard
    this.#server.handleUpgrade(request, socket, head, (accepted) => {
      const client = new Client(accepted, {
        view: this.#parts.view,
        happenings: this.#happenings,
        check: (token) => rightOf(guard, request, token),
        ready: () => this.#tickSoon(),
        gone: (gone) => this.#gone(gone),
      })
      this.#clients.add(client)
      log('%d look at %s', this.#clients.size, this.#parts.view.name)
      if (this.#clients.size === 1) this.#open()
    })
  }

  /** Takes note of what became of another peer. */
  see(sighting: Sighting): void {
    this.#happenings.see(sighting)
  }

  /** Ends: clients are told that the peer stops. */
  close(): void {
    this.#isClosed = true
    this.#cancelSample()
    this.#parts.view.onArrival = undefined
    for (const client of this.#clients) client.end(1001, 'the peer stops')
    this.#shut()
  }

  #gone(client: Client): void {
    this.#clients.delete(client)
    if (this.#clients.size === 0) this.#shut()
  }

  /** The first client has come. */
  #open(): void {
    const { peer, view } = this.#parts
    const changed = (owner: string, key: string): void => this.#note(owner, key)
    peer.on('key:expired', changed).on('delete', changed)
    this.#offs = [
      view.ownSets.add('**', (key) => changed(view.name, key)),
      view.ownDeletes.add('**', (key) => changed(view.name, key)),
      peer.know('**', (from, _, key) => changed(from, key)),
      () => peer.off('key:expired', changed).off('delete', changed),
    ]
    // what is different from when somebody looked last is no news
    this.#scene.look()
    this.#probedAt = view.clock.now()
  }

  /** The last one has gone. */
  #shut(): void {
    for (const off of this.#offs.splice(0)) off()
    this.#cancelTick?.()
    this.#cancelTick = undefined
    this.#changes.clear()
    this.#changed = 0
  }

  #note(peer: string, key: string): void {
    if (this.#changed > changesMax) return
    let keys = this.#changes.get(peer)
    if (!keys) this.#changes.set(peer, (keys = new Set()))
    if (keys.has(key)) return
    keys.add(key)
    this.#changed++
  }

  #tickSoon(): void {
    const { clock } = this.#parts.view
    this.#cancelTick?.()
    this.#cancelTick = clock.after(Math.max(0, this.#tickedAt + tickMs - clock.now()), () => this.#tick())
  }

  #tick(): void {
    const { view } = this.#parts
    this.#tickedAt = view.clock.now()
    this.#backlog.look()
    const tables = this.#scene.look()
    const { state: queue } = this.#backlog
    for (const { key, verdict } of tables.rumours?.set ?? []) {
      const rumour = verdict === undefined ? undefined : this.#scene.rumour(key)
      if (rumour) this.#happenings.rumour(rumour)
    }
    const delta: Omit<LiveDelta, 'type' | 'at'> = {
      ...(Object.keys(tables).length > 0 && { tables }),
      ...(queue !== this.#queue && { queue }),
      ...(this.#sample && { sample: this.#sample }),
    }
    this.#sample = undefined
    this.#queue = queue
    this.#tellChanges()
    for (const client of this.#clients) client.update(delta, view.now(), (mayWrite) => this.#snapshot(mayWrite))
    if (this.#tickedAt - this.#probedAt > probeMs) {
      this.#probedAt = this.#tickedAt
      for (const client of this.#clients) client.probe()
    }
    if (this.#clients.size > 0) this.#tickSoon()
  }

  #tellChanges(): void {
    for (const client of this.#clients) {
      if (this.#changed > changesMax) client.overrun()
      else for (const [peer, keys] of this.#changes) for (const key of keys) client.changed(peer, key)
    }
    this.#changes = new Map()
    this.#changed = 0
  }

  #snapshot(mayWrite: boolean): LiveSnapshot {
    const { view } = this.#parts
    return {
      type: 'snapshot',
      version: liveVersion,
      at: view.now(),
      self: this.#self(mayWrite),
      tables: this.#scene.tables,
      queue: this.#queue,
      history: this.#history.samples,
    }
  }

  #self(mayWrite: boolean): SelfInfo {
    const { peer, view } = this.#parts
    const { phiThreshold, heartbeatIntervalMs } = view.config
    return {
      name: view.name,
      cluster: peer.cluster,
      incarnation: view.detail(view.name)?.incarnation ?? 0,
      writes: this.#guard?.writers ?? 'never',
      mayWrite,
      phiThreshold,
      heartbeatIntervalMs,
    }
  }

  #sampleLater(): void {
    this.#cancelSample = this.#parts.view.clock.after(sampleMs, () => {
      this.#sample = this.#history.take()
      this.#sampleLater()
    })
  }
}

/** Whether a client may write; throws unless it may read, and for a token that is wrong. */
function rightOf(guard: Guard, request: IncomingMessage, token: string | undefined): boolean {
  const isGiven = token !== undefined && guard.writers === 'token'
  if (isGiven) guard.checkToken(token, { writes: true })
  else guard.checkRight(request, { writes: false })
  if (isGiven) return true
  try {
    guard.checkRight(request, { writes: true })
    return true
  } catch {
    return false
  }
}
