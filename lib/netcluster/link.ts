import { connect, type Socket } from 'node:net'
import { TelepathineError } from '../gossip/errors.js'
import { FrameSplitter } from '../net/frame.js'
import { protocol } from './client.js'
import { encodeFrames } from './delivery.js'
import { decodeCount, decodeNote, encodeNote, frameBytesMax, kinds } from './packet.js'

/** How long a server may take to answer. */
const welcomeMs = 5_000

/** What a link tells its agent. */
export interface LinkHandlers {
  /** A message, as it is on the wire. */
  message(frame: Uint8Array): void
  /** That many of the messages written here went to everyone, the oldest first. */
  settled(messages: number): void
  /** That many messages were left out, because we did not keep up. */
  missed(messages: number): void
  /** The connection is gone. */
  closed(): void
}

/** An agent's end of one connection to a channel. */
export class Link {
  /** The name that the server gave this connection. */
  readonly uuid: string
  readonly #socket: Socket
  #writing = false

  private constructor(socket: Socket, uuid: string) {
    this.#socket = socket
    this.uuid = uuid
  }

  /**
   * Connects to the socket at `path` and says hello.
   *
   * @throws Error with the system's code (`ENOENT`, `ECONNREFUSED` …) when nobody listens; TelepathineError
   * `ERR_TIMEOUT` when nobody answers, `ERR_DENIED` when what answers is no server of this protocol
   */
  static open(path: string, channel: string, handlers: LinkHandlers, signal: AbortSignal): Promise<Link> {
    return new Promise((opened, failed) => {
      const socket = connect(path)
      let link: Link | undefined
      const fail = (error: Error): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', aborted)
        socket.destroy()
        if (link === undefined) failed(error)
      }
      const aborted = (): void => fail(new TelepathineError('ERR_STOPPED', `channel ${channel}: disconnected`))
      const late = `channel ${channel}: the server at ${path} did not answer within ${welcomeMs} ms`
      const timer = setTimeout(() => fail(new TelepathineError('ERR_TIMEOUT', late)), welcomeMs)
      signal.addEventListener('abort', aborted)
      if (signal.aborted) aborted()
      const welcome = (frame: Uint8Array): void => {
        const note = decodeNote(kinds.welcome, frame)
        if (note?.['protocol'] !== protocol) {
          return fail(refused(channel, `what listens at ${path} is no such server`))
        }
        clearTimeout(timer)
        signal.removeEventListener('abort', aborted)
        link = new Link(socket, String(note['uuid']))
        opened(link)
      }
      const splitter = new FrameSplitter(frameBytesMax, frame => {
        if (socket.destroyed) return
        if (link === undefined) return welcome(frame)
        if (frame[0] === kinds.message) handlers.message(frame)
        else if (frame[0] === kinds.settled) handlers.settled(decodeCount(frame))
        else if (frame[0] === kinds.missed) handlers.missed(decodeCount(frame))
      })
      socket.on('connect', () => encodeFrames([encodeNote(kinds.hello, { protocol, channel, pid: process.pid })])
        .forEach(buffer => socket.write(buffer)))
      socket.on('data', bytes => {
        const refusal = splitter.push(bytes)
        if (refusal !== undefined) fail(refused(channel, refusal))
      })
      socket.on('error', (error: NodeJS.ErrnoException) => fail(withPath(error, channel, path)))
      socket.on('close', () => {
        if (link === undefined) fail(refused(channel, `${path} was closed at once`))
        else handlers.closed()
      })
    })
  }

  /** Whether something that was written has not been taken by the system. */
  get busy(): boolean {
    return this.#writing
  }

  /** Writes frames, and calls `taken` when the system has them. */
  write(frames: readonly Uint8Array[], taken: () => void): void {
    const buffers = encodeFrames(frames)
    this.#writing = true
    this.#socket.cork()
    for (const buffer of buffers.slice(0, -1)) this.#socket.write(buffer)
    this.#socket.write(buffers.at(-1) ?? '', error => {
      this.#writing = false
      if (!error) taken()
    })
    this.#socket.uncork()
  }

  /** Closes when what was written is taken, without waiting for the server to do so. */
  end(): void {
    this.#socket.destroySoon()
  }
}

function refused(channel: string, why: string): TelepathineError {
  return new TelepathineError('ERR_DENIED', `channel ${channel}: ${why}`)
}

function withPath(error: NodeJS.ErrnoException, channel: string, path: string): Error {
  const message = `channel ${channel}: nobody answers at ${path} (${error.message})`
  return Object.assign(new Error(message, { cause: error }), { code: error.code })
}
