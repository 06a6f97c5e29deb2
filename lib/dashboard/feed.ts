import { Mirror } from '../http/live/mirror.js'
import { LiveClose, liveProtocol, liveVersion } from '../http/live/protocol.js'
import type { Happening, KeyRow, KeyWant, LiveMessage, LiveWant, StreamWant } from '../http/live/protocol.js'

/** Happenings that are kept; and keys. */
const happeningsMax = 2_000
const keysMax = 1_000
/** How many figures of a queue are kept, one for each sample of the history. */
const trailMax = 150
/** Until it is tried again to connect: at first, and at most (doubled each time), milliseconds. */
const retryMs = 250
const retryMsMax = 5_000

/** What there is to listen to: each is told once a frame at most, if something has changed. */
export type Topic = 'status' | 'peers' | 'rumours' | 'workers' | 'apps' | 'queues' | 'history' | 'keys' | 'stream'

/** `denied`: reading takes a token, or the one given is wrong. */
export type Status = 'connecting' | 'live' | 'lost' | 'denied'

/** The connection to the peer, and all that came over it. It connects again by itself, and asks for the same again. */
export class Feed {
  readonly mirror = new Mirror()
  status: Status = 'connecting'
  /** By this page's clock, when the last message came. */
  heardAt = 0
  /** The latest last. */
  happenings: Happening[] = []
  /** How many there were that the peer did not tell of. */
  missed = 0
  /** By {@link keyId}; those that changed lately last. */
  readonly keys = new Map<string, KeyRow>()
  /** How many jobs of a name waited since the page was opened, the latest last. At most `trailMax` of each. */
  readonly trails = new Map<string, readonly number[]>()
  /** How many keys fit the search; undefined while that is not known. */
  found: number | undefined
  token: string | undefined
  /** Whether the last token was wrong. */
  wasWrong = false
  #id = 0
  #want: LiveWant = { stream: {}, keys: null }
  #socket: WebSocket | undefined
  #retryMs = retryMs
  readonly #listeners = new Map<Topic, Set<() => void>>()
  readonly #changed = new Set<Topic>()
  #isDrawing = false

  constructor() {
    this.#connect()
  }

  /** The peer's clock, as far as it is known here. */
  now(): number {
    return this.status === 'live' ? this.mirror.at + (performance.now() - this.heardAt) : this.mirror.at
  }

  /** Calls `listener` when something of that topic has changed; returns what ends that. */
  listen(topic: Topic, listener: () => void): () => void {
    const listeners = this.#listeners.get(topic) ?? new Set()
    this.#listeners.set(topic, listeners.add(listener))
    return () => listeners.delete(listener)
  }

  /** Searches keys; null: no longer. */
  search(keys: KeyWant | null): void {
    if (keys) this.found = undefined
    else this.keys.clear()
    this.#ask({ keys })
  }

  /** Chooses what to be told of what happens. */
  filter(stream: StreamWant): void {
    this.#ask({ stream })
  }

  /** Connects anew with a token, or without. */
  authorize(token: string | undefined): void {
    this.token = token
    this.wasWrong = false
    this.#retryMs = retryMs
    this.#connect()
  }

  #ask(want: LiveWant): void {
    this.#want = { ...this.#want, ...want }
    if (this.status === 'live') this.#socket?.send(JSON.stringify({ type: 'want', want }))
  }

  #connect(): void {
    const { protocol, host } = location
    const socket = new WebSocket(`${protocol === 'https:' ? 'wss' : 'ws'}://${host}/live`, liveProtocol)
    this.#socket?.close()
    this.#socket = socket
    const mine = (run: () => void): void => {
      if (this.#socket === socket) run()
    }
    socket.addEventListener('open', () => {
      const token = this.token === undefined ? {} : { token: this.token }
      socket.send(JSON.stringify({ type: 'hello', version: liveVersion, want: this.#want, ...token }))
    })
    socket.addEventListener('message', ({ data }) => mine(() => this.#take(JSON.parse(String(data)) as LiveMessage)))
    socket.addEventListener('close', ({ code }) => mine(() => this.#lost(code)))
  }

  #lost(code: number): void {
    this.#socket = undefined
    this.#tell('status')
    if (code === LiveClose.unauthorized && this.token !== undefined) {
      // it may be that looking takes none
      this.token = undefined
      this.wasWrong = true
      return this.#connect()
    }
    if (code === LiveClose.unauthorized) {
      this.status = 'denied'
      return
    }
    this.status = 'lost'
    setTimeout(() => this.#socket ?? this.#connect(), this.#retryMs)
    this.#retryMs = Math.min(this.#retryMs * 2, retryMsMax)
  }

  #take(message: LiveMessage): void {
    this.heardAt = performance.now()
    for (const table of this.mirror.apply(message)) this.#tell(table)
    if (message.type === 'snapshot') {
      this.status = 'live'
      this.#retryMs = retryMs
      this.#tell('status')
      this.#tell('history')
      return
    }
    const { sample, queue, stream, missed = 0, keys } = message
    if (queue !== undefined) this.#tell('queues')
    if (sample) {
      this.#follow()
      this.#tell('history')
    }
    if (stream) {
      // a peer that was started anew numbers them anew
      const numbered = stream.map((happening) => ({ ...happening, id: ++this.#id }))
      this.happenings = [...this.happenings, ...numbered].slice(-happeningsMax)
      this.missed += missed
      this.#tell('stream')
    }
    if (!keys) return
    if (keys.found) {
      this.keys.clear()
      this.found = keys.found.count
    }
    for (const row of keys.set ?? []) {
      const id = keyId(row)
      if (!this.keys.delete(id) && !keys.found && this.found !== undefined) this.found++
      this.keys.set(id, row)
    }
    for (const gone of keys.gone ?? []) {
      if (this.keys.delete(keyId(gone)) && this.found !== undefined) this.found--
    }
    for (const id of this.keys.keys()) {
      if (this.keys.size <= keysMax) break
      this.keys.delete(id)
    }
    this.#tell('keys')
  }

  #follow(): void {
    const { queue, queues } = this.mirror
    // nobody knows how many wait
    if (queue?.silentSince !== null) return
    for (const name of this.trails.keys()) if (!queues.has(name)) this.trails.delete(name)
    for (const { key, waiting } of queues.values()) {
      this.trails.set(key, [...(this.trails.get(key) ?? []), waiting].slice(-trailMax))
    }
  }

  #tell(topic: Topic): void {
    this.#changed.add(topic)
    if (this.#isDrawing) return
    this.#isDrawing = true
    requestAnimationFrame(() => {
      this.#isDrawing = false
      const changed = [...this.#changed]
      this.#changed.clear()
      for (const each of changed) for (const listener of this.#listeners.get(each) ?? []) listener()
    })
  }
}

/** What a key is kept under. A peer's name holds no space. */
export function keyId({ peer, key }: { readonly peer: string; readonly key: string }): string {
  return `${peer} ${key}`
}
