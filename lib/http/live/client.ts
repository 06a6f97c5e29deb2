import type { WebSocket } from 'ws'
import type { FaceView } from '../view.js'
import { KeySearch } from './keys.js'
import { happeningKinds, LiveClose, liveVersion } from './protocol.js'
import type { HappeningKind, KeyWant, LiveDelta, LiveMessage, LiveSnapshot, LiveWant, StreamWant } from './protocol.js'
import { StreamFilter, type Happenings } from './stream.js'

/** For `hello` to come. */
const helloMs = 10_000
/** What may wait for a client before it is sent nothing more, and for how long then. */
const waitingBytesMax = 1 << 20
const behindMsMax = 30_000
/** What a client may say in a second. */
const requestsMax = 50
/** Longest text to search for. */
const textLengthMax = 1_024

/** What a client needs of the feed that it belongs to. */
export interface ClientParts {
  readonly view: FaceView
  readonly happenings: Happenings
  /** Whether it may write, with this token, if any, or what its request said. Throws unless it may read. */
  readonly check: (token: string | undefined) => boolean
  /** It wants to see something. */
  readonly ready: () => void
  readonly gone: (client: Client) => void
}

/** One who looks: what it asked for, and how far it keeps up. */
export class Client {
  readonly #socket: WebSocket
  readonly #parts: ClientParts
  readonly #cancelHello: () => void
  #isOpen = false
  /** Whether it was told to go: what it still says counts for nothing. */
  #isOver = false
  #mayWrite = false
  /** Whether it lacks something that only a snapshot can bring. */
  #isBehind = true
  #behindSince: number | undefined
  #search: KeySearch | undefined
  #filter: StreamFilter | undefined
  #unlisten: () => void = () => undefined
  #requests = 0
  #requestsSince = 0
  #isAlive = true

  constructor(socket: WebSocket, parts: ClientParts) {
    this.#socket = socket
    this.#parts = parts
    this.#cancelHello = parts.view.clock.after(helloMs, () => this.end(LiveClose.timeout, 'no hello came'))
    socket.on('message', (data, isBinary) => {
      // of a text in one piece, as is the default
      if (isBinary) this.#refuse('messages are JSON texts')
      else this.#take((data as Buffer).toString())
    })
    socket.on('pong', () => (this.#isAlive = true))
    socket.on('error', () => socket.terminate())
    socket.on('close', () => {
      this.#cancelHello()
      this.#unlisten()
      this.#isOpen = false
      parts.gone(this)
    })
  }

  /** Whether it said hello. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** A key has changed. */
  changed(peer: string, key: string): void {
    this.#search?.changed(peer, key)
  }

  /** So many keys have changed that nobody knows which. */
  overrun(): void {
    this.#search?.again()
  }

  /** Sends what is new, as much as the client can take. */
  update(delta: Omit<LiveDelta, 'type' | 'at'>, at: number, snapshot: (mayWrite: boolean) => LiveSnapshot): void {
    if (!this.#isOpen) return
    const now = this.#parts.view.clock.now()
    if (this.#socket.bufferedAmount > waitingBytesMax) {
      this.#isBehind = true
      this.#behindSince ??= now
      if (now - this.#behindSince > behindMsMax) this.end(LiveClose.slow, 'too slow')
      return
    }
    this.#behindSince = undefined
    const stream = this.#filter?.flush()
    if (this.#isBehind) {
      this.#isBehind = false
      this.#search?.again()
      this.#send(snapshot(this.#mayWrite))
    } else if (Object.keys(delta).length > 0) {
      this.#send({ type: 'delta', at, ...delta })
    }
    const keys = this.#search?.flush()
    if (keys || stream?.stream) this.#send({ type: 'delta', at, ...(keys && { keys }), ...stream })
  }

  /** Looks whether it is still there; false when it has not answered since the last time. */
  probe(): boolean {
    if (!this.#isAlive) {
      this.#socket.terminate()
      return false
    }
    this.#isAlive = false
    this.#socket.ping()
    return true
  }

  /** Closes the connection; whoever does not listen is not waited for. */
  end(code: number, reason: string): void {
    this.#isOpen = false
    this.#isOver = true
    this.#socket.close(code, reason)
    if (this.#socket.bufferedAmount > waitingBytesMax) this.#socket.terminate()
  }

  #send(message: LiveMessage): void {
    this.#socket.send(JSON.stringify(message))
  }

  #refuse(reason: string): void {
    this.end(LiveClose.badRequest, reason)
  }

  #take(text: string): void {
    if (this.#isOver) return
    const now = this.#parts.view.clock.now()
    if (now - this.#requestsSince > 1_000) {
      this.#requestsSince = now
      this.#requests = 0
    }
    if (++this.#requests > requestsMax) return this.#refuse(`more than ${requestsMax} messages in a second`)
    const said = parse(text)
    if (said['type'] === 'hello' && !this.#isOpen) return this.#hello(said)
    if (said['type'] !== 'want' || !this.#isOpen) return this.#refuse('hello comes first, then want')
    this.#want(said['want'])
  }

  #hello({ version, token, want }: Readonly<Record<string, unknown>>): void {
    if (version !== liveVersion) return this.end(LiveClose.version, `the version spoken here is ${liveVersion}`)
    try {
      this.#mayWrite = this.#parts.check(typeof token === 'string' ? token : undefined)
    } catch {
      return this.end(LiveClose.unauthorized, 'the token is missing or wrong')
    }
    this.#cancelHello()
    this.#isOpen = true
    if (want !== undefined) this.#want(want)
    this.#parts.ready()
  }

  #want(given: unknown): void {
    const want = readWant(given)
    if (!want) return this.#refuse('want: { keys?: { text?, peer? } | null, stream?: { text?, kinds? } | null }')
    const { keys, stream } = want
    const { view, happenings } = this.#parts
    if (keys !== undefined) this.#search = keys ? new KeySearch(view, keys) : undefined
    if (stream === undefined) return
    this.#unlisten()
    this.#unlisten = () => undefined
    this.#filter = stream ? new StreamFilter(stream) : undefined
    const filter = this.#filter
    if (filter) this.#unlisten = happenings.listen((happening) => filter.take(happening))
  }
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const said: unknown = JSON.parse(text)
    return typeof said === 'object' && said !== null ? (said as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** Checks what a client wants; undefined when it makes no sense. */
function readWant(given: unknown): LiveWant | undefined {
  if (typeof given !== 'object' || given === null) return undefined
  const { keys, stream } = given as Partial<Record<string, unknown>>
  const read = {
    ...(keys !== undefined && { keys: readKeys(keys) }),
    ...(stream !== undefined && { stream: readStream(stream) }),
  }
  return Object.values(read).includes(undefined) ? undefined : (read as LiveWant)
}

function readKeys(given: unknown): KeyWant | null | undefined {
  if (typeof given !== 'object' || given === null) return given === null ? null : undefined
  const { text, peer } = given as Partial<Record<string, unknown>>
  if (!isShort(text) || !isShort(peer)) return undefined
  return { ...(text !== undefined && { text }), ...(peer !== undefined && { peer }) }
}

function readStream(given: unknown): StreamWant | null | undefined {
  if (typeof given !== 'object' || given === null) return given === null ? null : undefined
  const { text, kinds } = given as Partial<Record<string, unknown>>
  const known: readonly unknown[] = happeningKinds
  if (!isShort(text)) return undefined
  if (kinds !== undefined && !(Array.isArray(kinds) && kinds.every((kind) => known.includes(kind)))) return undefined
  return { ...(text !== undefined && { text }), ...(kinds !== undefined && { kinds: kinds as HappeningKind[] }) }
}

function isShort(text: unknown): text is string | undefined {
  return text === undefined || (typeof text === 'string' && text.length <= textLengthMax)
}
