import { EventEmitter } from 'node:events'
import { describe } from '../describe.js'
import { dropOldest } from '../gossip/bounded.js'
import { TelepathineError } from '../gossip/errors.js'
import { encodeValue } from '../values.js'
import { Line } from './line.js'
import { Listeners, type NCListener } from './listeners.js'
import { channelNameFault, eventBytesMax, isText } from './names.js'
import { dataBytesMax, decodePacket, encodeHead, eventOf, messageParts, type NCPacket } from './packet.js'
import { printed } from './print.js'

/** Heads of messages that are remembered. */
const headsMax = 256

/** Options of {@link NCAgent}. */
export interface NCAgentOptions {
  /** Folder of the server's sockets; the same as its `socketdir`. Default as there. */
  readonly socketdir?: string
  /** Most bytes of messages that wait while the server is away or slow; beyond it `emit` throws. Default 64 MiB. */
  readonly maxBufferBytes?: number
}

/** What {@link NCAgent.events} emits, with the arguments in this order. */
export interface NCAgentEvents {
  /** Connected, for the first time or again. */
  connect: [uuid: string]
  /**
   * The connection is gone. Unless by {@link NCAgent.disconnect}, it is opened again; what is said meanwhile is missed.
   */
  disconnect: []
  /** Messages that may not have got through to everyone: the server went away before it confirmed them. */
  undelivered: [packets: readonly NCPacket[]]
  /** That many messages for this agent were left out, because it did not keep up. */
  missed: [messages: number]
  /** There is room again, after `emit` returned false. */
  drain: []
  /** A listener threw. Without a listener here it is a process warning. */
  error: [error: Error]
}

/**
 * Talks on a channel with the other processes of this machine, and with all that the server passes it on to.
 *
 * ```ts
 * const agent = new NCAgent()
 * await agent.connect('B')
 * agent.on('log.*', packet => console.log(packet.channel, packet.event, packet.data))
 * agent.emit('log', 'TEST')
 * ```
 *
 * What it emits its own listeners hear at once, in memory; all other agents that should hear it do so once, in the
 * order of this agent. When the server goes away it connects again as soon as there is one; what is emitted meanwhile
 * waits. Listeners stay when it disconnects.
 */
export class NCAgent {
  /** What happens to the connection; apart from messages, which may have any name. */
  readonly events = new EventEmitter<NCAgentEvents>()
  /** Whether packets from others are printed. Default false. */
  dumptoconsole = false
  readonly #options: NCAgentOptions
  readonly #listeners = new Listeners()
  /** Heads of messages on this channel, by event. Bounded by {@link headsMax}. */
  readonly #heads = new Map<string, Buffer>()
  #line: Line | undefined
  #ended: Promise<void> = Promise.resolve()

  /** @throws TelepathineError `ERR_OPTION` */
  constructor(options: NCAgentOptions = {}) {
    for (const [name, value] of Object.entries(options)) {
      if (value === undefined) continue
      if (name === 'socketdir' && typeof value === 'string' && value !== '') continue
      if (name === 'maxBufferBytes' && Number.isSafeInteger(value) && Number(value) > 0) continue
      const allowed = 'socketdir, the path of a folder, and maxBufferBytes, a whole number from 1'
      throw new TelepathineError('ERR_OPTION', `option ${name}: ${describe(value)} given, allowed: ${allowed}`)
    }
    this.#options = options
  }

  /** The channel that it is connected to, or is being connected to (again); undefined when it is not. */
  get channel(): string | undefined {
    return this.#line?.channel
  }

  /** The name that the server knows it by, as `showchannel` has it; undefined while there is no connection. */
  get uuid(): string | undefined {
    return this.#line?.uuid
  }

  /**
   * Connects to a channel. `callback` is called once it is connected, or with the error; the promise says the same,
   * and rejects only without a callback. A first attempt that fails is not repeated; but once connected it stays so
   * until {@link NCAgent.disconnect}.
   *
   * Errors: the system's (`ENOENT`, `ECONNREFUSED`) when there is no such channel; TelepathineError `ERR_OPTION` when
   * it has a channel already or the name is none, `ERR_TIMEOUT`, `ERR_DENIED`, `ERR_STOPPED`.
   */
  connect(channel: string, callback?: (error?: Error) => unknown): Promise<void> {
    const connected = this.#connect(channel)
    if (callback === undefined) return connected
    return connected.then(
      () => this.#guard(() => callback()),
      (error: unknown) => this.#guard(() => callback(error as Error)),
    )
  }

  /**
   * Disconnects, when what was emitted has got through or 2 s have passed; resolves then. From the call on nothing is
   * heard, and `emit` throws.
   */
  disconnect(): Promise<void> {
    const line = this.#line
    if (line !== undefined) {
      this.#line = undefined
      this.#heads.clear()
      this.#ended = line.end()
    }
    return this.#ended
  }

  /**
   * Emits a message: to this agent's own listeners at once, and to all others who should hear it.
   *
   * @param event up to 1,024 bytes; plain text, no pattern
   * @param data anything but functions, symbols and what refers to itself; up to 8 MiB encoded
   * @param broadcast shows in the packet, and changes nothing else
   * @returns false when much waits and it is better to wait for `drain` of {@link NCAgent.events}; it is sent all the
   * same
   * @throws TelepathineError `ERR_STOPPED` when it is not connected, `ERR_KEY` for an event name that is none,
   * `ERR_VALUE`, `ERR_TOO_LARGE`, `ERR_OVERLOAD` when too much waits. Nothing has happened then.
   */
  emit(event: string, data?: unknown, broadcast = false): boolean {
    const line = this.#line
    if (line === undefined) {
      throw new TelepathineError('ERR_STOPPED', `emit ${describe(event)}: not connected, call connect(channel) first`)
    }
    const head = this.#head(line.channel, event, broadcast)
    const frame = encodeValue(data, dataBytesMax, head.length)
    frame.set(head)
    const room = line.send(frame)
    if (this.#listeners.hears(event)) this.#call({ channel: line.channel, broadcast, event, data })
    return room
  }

  /**
   * Has `listener` called with each packet whose event the pattern matches as a whole: `log` is only that, `log.*`
   * whatever begins with it, `.*` all. A pattern is a regular expression without look-ahead and back references.
   *
   * @throws TelepathineError `ERR_KEY` for a pattern that is none, `ERR_OPTION` for a listener that is none
   */
  on<T = unknown>(pattern: string, listener: (packet: NCPacket<T>) => unknown): this {
    this.#listeners.add(pattern, listener as NCListener, false)
    return this
  }

  /** As {@link NCAgent.on}, for the next such packet only. */
  once<T = unknown>(pattern: string, listener: (packet: NCPacket<T>) => unknown): this {
    this.#listeners.add(pattern, listener as NCListener, true)
    return this
  }

  /** Takes off a listener that was added with this very pattern; nothing if there is none. */
  removeListener<T = unknown>(pattern: string, listener: (packet: NCPacket<T>) => unknown): this {
    this.#listeners.remove(pattern, listener as NCListener)
    return this
  }

  /** The same as {@link NCAgent.disconnect}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.disconnect()
  }

  async #connect(channel: string): Promise<void> {
    const fault = channelNameFault(channel)
    if (fault !== undefined) {
      throw new TelepathineError('ERR_OPTION', `channel: ${describe(channel)} given, allowed: ${fault}`)
    }
    if (this.#line !== undefined) {
      const first = `disconnect() from ${describe(this.#line.channel)} first`
      throw new TelepathineError('ERR_OPTION', `channel: ${describe(channel)} given, allowed: one at a time, ${first}`)
    }
    const { socketdir, maxBufferBytes = 64 * 1024 * 1024 } = this.#options
    const line = new Line(channel, socketdir, maxBufferBytes, {
      connected: uuid => this.#tell('connect', uuid),
      heard: frame => this.#hear(frame),
      disconnected: () => this.#tell('disconnect'),
      undelivered: frames => this.#tell('undelivered', frames.map(decodePacket)),
      missed: messages => this.#tell('missed', messages),
      drained: () => this.#tell('drain'),
    })
    this.#line = line
    try {
      await line.open()
    } catch (error) {
      if (this.#line === line) void this.disconnect()
      throw error
    }
  }

  #hear(frame: Uint8Array): void {
    const parts = messageParts(frame)
    if (parts === undefined) return
    if (this.dumptoconsole) this.#guard(() => console.log(printed(decodePacket(frame))))
    if (!this.#listeners.hears(eventOf(frame, parts.channelEnd, parts.eventEnd))) return
    try {
      this.#call(decodePacket(frame))
    } catch (error) {
      this.#report(error)
    }
  }

  #call(packet: NCPacket): void {
    this.#listeners.call(packet, error => this.#report(error))
  }

  #head(channel: string, event: string, broadcast: boolean): Buffer {
    const known = broadcast ? undefined : this.#heads.get(event)
    if (known !== undefined) return known
    const bytes = isText(event) ? Buffer.byteLength(event) : 0
    if (bytes === 0 || bytes > eventBytesMax) {
      const allowed = `a string of 1 to ${eventBytesMax} bytes`
      throw new TelepathineError('ERR_KEY', `event: ${describe(event)} given, allowed: ${allowed}`)
    }
    const head = encodeHead(channel, event, broadcast)
    if (!broadcast) this.#heads.set(event, head)
    dropOldest(this.#heads, headsMax)
    return head
  }

  /** Handlers of the user's that throw stop nothing of ours. */
  #guard(call: () => unknown): void {
    try {
      const result = call()
      if (result instanceof Promise) result.catch((error: unknown) => this.#report(error))
    } catch (error) {
      this.#report(error)
    }
  }

  #tell<E extends keyof NCAgentEvents>(event: E, ...values: NCAgentEvents[E]): void {
    this.#guard(() => (this.events as EventEmitter).emit(event, ...values))
  }

  #report(error: unknown): void {
    const known = error instanceof Error ? error : new Error(String(error))
    if (this.events.listenerCount('error') > 0) this.events.emit('error', known)
    else process.emitWarning(known)
  }
}
