import { createServer, ServerResponse, type IncomingMessage, type Server } from 'node:http'
import type { Socket } from 'node:net'
import createDebug from 'debug'
import { refusalOf, Refusal } from './errors.js'
import { Exchange } from './exchange.js'
import { Guard, type GuardOptions } from './guard.js'
import { toJSON } from './json.js'
import type { Routes } from './routes.js'

const log = createDebug('telepathine:http')

/** What a gateway needs to know. */
export interface GatewayOptions extends GuardOptions {
  readonly routes: Routes
  /** Largest body of JSON. */
  readonly maxBodyBytes: number
  /** For a request's head to come in; default 10 seconds. */
  readonly headersMs?: number
  /** Takes WebSockets, by path. What it throws is answered. */
  readonly webSockets?: ReadonlyMap<string, WebSocketDoor>
  /** For a client to take something of what is sent to it; default 60 seconds. */
  readonly idleMs?: number
}

/** Takes a connection that is to be a WebSocket. The request comes from no foreign page; what it may is not checked. */
export type WebSocketDoor = (request: IncomingMessage, socket: Socket, head: Buffer, guard: Guard) => void

/** For the whole of a request to come in. */
const requestMs = 300_000
/** How often requests that take too long are looked for, unless `headersMs` is shorter. */
const sweepMs = 1_000
/** Connections at a time; each may cost `headBytesMax` and a body. */
const connectionsMax = 512
const headBytesMax = 16_384
/** How long what a client goes on sending is read and dropped after it was refused, so that it gets to see why. */
const lastWordsMs = 2_000

/** Nothing we answer is to be kept, framed, or taken for something else than it says. */
const headers: readonly (readonly [name: string, value: string])[] = [
  ['cache-control', 'no-store'],
  ['x-content-type-options', 'nosniff'],
  ['x-frame-options', 'DENY'],
  ['referrer-policy', 'no-referrer'],
  ['content-security-policy', "default-src 'none'; frame-ancestors 'none'"],
]

/**
 * HTTP on connections that are handed to it. Each request passes the guard, is led to its route, and what goes wrong
 * there is answered with a status and `{ "error": { "code", "message" } }`.
 */
export class Gateway {
  readonly #options: GatewayOptions
  readonly #guard: Guard
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** Those with a request under way. */
  readonly #busy = new Set<Socket>()
  #closing = false

  constructor(options: GatewayOptions) {
    this.#options = options
    this.#guard = new Guard(options)
    const { headersMs = 10_000, idleMs = 60_000 } = options
    const connectionsCheckingInterval = Math.min(sweepMs, headersMs)
    const limits = { headersTimeout: headersMs, requestTimeout: requestMs, connectionsCheckingInterval }
    const answer = (request: IncomingMessage, response: ServerResponse): void => void this.#serve(request, response)
    this.#server = createServer({ ...limits, maxHeaderSize: headBytesMax, noDelay: true }, answer)
    // A client that asks first is told to go on by whoever reads the body, once it is clear that it may.
    this.#server.on('checkContinue', answer)
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket as Socket, head))
    // A task may take as long as it likes; but who does not read what it asked for holds memory and a connection.
    this.#server.timeout = idleMs
    this.#server.on('timeout', (socket: Socket) => {
      if (!this.#busy.has(socket) || socket.writableLength > 0) socket.destroy()
    })
    // The sweep for slow requests begins with this event, which a server that does not listen itself never sees.
    this.#server.emit('listening')
  }

  /** Serves a connection whose first bytes, `head`, have been read already. */
  accept(socket: Socket, head: Uint8Array = new Uint8Array(0)): void {
    if (this.#closing || this.#sockets.size >= connectionsMax) return void socket.destroy()
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('error', (error) => log('connection: %s', error.message))
    if (head.length > 0) socket.unshift(head)
    this.#server.emit('connection', socket)
    socket.resume()
  }

  /** Ends: requests under way may finish within `lingerMs`, nothing new is taken. */
  async close(lingerMs: number): Promise<void> {
    this.#closing = true
    // never bound, so it calls back with an error; what matters is that idle connections close and the sweep ends
    this.#server.close(() => undefined)
    if (this.#sockets.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, lingerMs)
        for (const socket of this.#sockets) {
          socket.on('close', () => {
            if (this.#sockets.size > 0) return
            clearTimeout(timer)
            resolve()
          })
        }
      })
    }
    for (const socket of this.#sockets) socket.destroy()
  }

  /** A client wants to speak something else on this connection: a WebSocket it can have, all else is passed over. */
  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const [path = ''] = (request.url ?? '').split('?')
    const isWebSocket = request.headers.upgrade?.toLowerCase() === 'websocket'
    const door = isWebSocket ? this.#options.webSockets?.get(path) : undefined
    // the parser has let go of the connection: there is no further request, and no body
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    response.assignSocket(socket)
    response.on('finish', () => socket.destroySoon())
    void this.#serve(request, response, () => {
      if (request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0) {
        throw new Refusal(400, 'ERR_OPTION', 'a request with a body cannot upgrade the connection')
      }
      if (!door) return this.#route(request, response)
      response.detachSocket(socket)
      this.#busy.delete(socket)
      try {
        return door(request, socket, head, this.#guard)
      } catch (error) {
        response.assignSocket(socket)
        throw error
      }
    })
  }

  async #serve(
    request: IncomingMessage,
    response: ServerResponse,
    answer: () => void | Promise<void> = () => this.#route(request, response),
  ): Promise<void> {
    const { socket } = request
    this.#busy.add(socket)
    response.on('close', () => this.#busy.delete(socket))
    for (const [name, value] of headers) response.setHeader(name, value)
    if (this.#closing) response.setHeader('connection', 'close')
    try {
      this.#guard.checkSource(request)
      await answer()
    } catch (error) {
      this.#refuse(request, response, error)
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { routes, maxBodyBytes } = this.#options
    // Not as a URL: that would resolve `..`, which may be a key.
    const [, path, query] = /^(\/[^?]*)\??(.*)$/s.exec(request.url ?? '') ?? []
    if (path === undefined) throw new Refusal(400, 'ERR_OPTION', 'the request target must be a path')
    const match = routes.find(request.method ?? '', path)
    if ('route' in match) {
      this.#guard.checkRight(request, match.route)
      const names = { path: match.names, query: new URLSearchParams(query) }
      return match.route.answer(new Exchange(request, response, names, maxBodyBytes))
    }
    if (match.allowed.length === 0) throw new Refusal(404, 'ERR_KEY', `nothing is at ${path}`)
    const allow = match.allowed.join(', ')
    throw new Refusal(405, 'ERR_OPTION', `${request.method} given, allowed: ${allow}`, { allow })
  }

  #refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    const { status, told, headers: more } = refusalOf(error)
    log('%s %s: %d %s', request.method, request.url, status, error)
    if (response.headersSent || response.destroyed) return void response.destroy()
    // of a body that was not read to its end the rest is not waited for
    const closing = request.complete ? {} : { connection: 'close' }
    const text = `${toJSON({ error: told })}\n`
    const length = String(Buffer.byteLength(text))
    response.writeHead(status, { ...more, ...closing, 'content-type': 'application/json', 'content-length': length })
    if (request.complete) return void response.end(text)
    // a connection that is closed on a client that sends takes the answer with it
    response.write(text)
    const end = (): void => void response.end()
    const timer = setTimeout(end, lastWordsMs).unref()
    response.on('close', () => clearTimeout(timer))
    request.on('end', end).resume()
  }
}
