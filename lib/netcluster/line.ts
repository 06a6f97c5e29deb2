import { setTimeout as sleep } from 'node:timers/promises'
import createDebug from 'debug'
import { SocketFolder } from './folder.js'
import { Link } from './link.js'
import { socketPath } from './names.js'
import { Unsent } from './unsent.js'

const log = createDebug('telepathine:netcluster')

/** First and longest pause before another attempt to connect. */
const retryMsMin = 20
const retryMsMax = 250
/**
 * How long what waits is held back once connected again. The others who lost the server come back within their longest
 * pause; what is sent before they are there, they miss.
 */
const regroupMs = 2 * retryMsMax
/** Most bytes in flight: what can be in doubt when the server dies. */
const windowBytes = 1024 * 1024
/** How long the end waits for what was sent to get through. */
const farewellMs = 2_000

/** What a line tells its agent. */
export interface LineHandlers {
  /** Connected, under this name. */
  connected(uuid: string): void
  /** A message, as it is on the wire. */
  heard(frame: Uint8Array): void
  /** The connection is gone. */
  disconnected(): void
  /** Messages that may not have got through. */
  undelivered(frames: readonly Uint8Array[]): void
  /** That many were left out, because we did not keep up. */
  missed(messages: number): void
  /** There is room again. */
  drained(): void
}

/** The connection of an agent to a channel, kept up until it is ended: one link after the other. */
export class Line {
  readonly channel: string
  readonly #socketdir: string | undefined
  readonly #handlers: LineHandlers
  readonly #unsent: Unsent
  readonly #ending = new AbortController()
  #link: Link | undefined
  #flushingSoon = false
  /** Whether what is emitted waits for the others to come back. */
  #regrouping = false
  #regrouped: NodeJS.Timeout | undefined
  /** Called when nothing is unsent any more. */
  #emptied: (() => void) | undefined

  constructor(channel: string, socketdir: string | undefined, bufferBytesMax: number, handlers: LineHandlers) {
    this.channel = channel
    this.#socketdir = socketdir
    this.#unsent = new Unsent(bufferBytesMax)
    this.#handlers = handlers
  }

  /** The name of the connection, while there is one. */
  get uuid(): string | undefined {
    return this.#link?.uuid
  }

  /** Connects; see {@link Link.open} for what it rejects with. */
  async open(): Promise<void> {
    const { signal } = this.#ending
    await new SocketFolder(this.#socketdir).trust()
    this.#link = await Link.open(socketPath(this.#socketdir, this.channel), this.channel, {
      message: frame => !signal.aborted && this.#handlers.heard(frame),
      settled: messages => this.#settled(messages),
      missed: messages => !signal.aborted && this.#handlers.missed(messages),
      closed: () => this.#closed(),
    }, signal)
    this.#handlers.connected(this.#link.uuid)
    this.#flush()
  }

  /** Sends a message, or has it wait for the connection. Says whether there is room. Throws `ERR_OVERLOAD`. */
  send(frame: Uint8Array): boolean {
    const room = this.#unsent.add(frame)
    if (!this.#flushingSoon) {
      this.#flushingSoon = true
      queueMicrotask(() => {
        this.#flushingSoon = false
        this.#flush()
      })
    }
    return room
  }

  /** Ends the connection, when all has got through or a while has passed. Nothing is heard any more. */
  async end(): Promise<void> {
    this.#ending.abort()
    clearTimeout(this.#regrouped)
    this.#regrouping = false
    if (this.#link !== undefined && !this.#unsent.isEmpty) {
      const waiting = new AbortController()
      this.#emptied = () => waiting.abort()
      this.#flush()
      await sleep(farewellMs, undefined, { signal: waiting.signal }).catch(() => undefined)
    }
    this.#link?.end()
    this.#giveUp(this.#unsent.dropAll())
  }

  #flush(): void {
    const link = this.#link
    if (link === undefined || link.busy || this.#regrouping) return
    const frames = this.#unsent.take(windowBytes)
    if (frames.length > 0) link.write(frames, () => this.#flush())
  }

  #settled(messages: number): void {
    const wasFull = !this.#unsent.hasRoom
    this.#unsent.settle(messages)
    if (this.#unsent.isEmpty) this.#emptied?.()
    this.#flush()
    if (wasFull && this.#unsent.hasRoom) this.#handlers.drained()
  }

  #closed(): void {
    this.#link = undefined
    this.#regrouping = true
    clearTimeout(this.#regrouped)
    this.#handlers.disconnected()
    this.#giveUp(this.#unsent.dropInFlight())
    if (this.#ending.signal.aborted) this.#emptied?.()
    else void this.#reopen()
  }

  #giveUp(frames: readonly Uint8Array[]): void {
    if (frames.length > 0) this.#handlers.undelivered(frames)
  }

  /** Tries until there is a server again. */
  async #reopen(): Promise<void> {
    const { signal } = this.#ending
    for (let pauseMs = retryMsMin; !signal.aborted; pauseMs = Math.min(retryMsMax, 2 * pauseMs)) {
      await sleep(pauseMs * (0.75 + Math.random() / 4), undefined, { signal }).catch(() => undefined)
      if (signal.aborted) return
      try {
        await this.open()
        this.#regrouped = setTimeout(() => {
          this.#regrouping = false
          this.#flush()
        }, regroupMs).unref()
        return
      } catch (error) {
        log('%s', error)
      }
    }
  }
}
