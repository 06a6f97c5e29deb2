import { randomBytes } from 'node:crypto'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import createDebug from 'debug'
import type { Gate } from './gate.js'
import { readLines } from './lines.js'
import { Opening } from './opening.js'
import { type Place, placeOf } from './place.js'

const log = createDebug('telepathine:queue')

/** Beyond so many bytes that wait for a neighbour that does not read, it is told no more until it has. */
const waitingBytesMax = 1 << 20
/** Rung to those who may have missed something: they are to look for themselves. */
export const lookLine = 'look'
/** After how long a neighbour of whom nothing is certain is asked again. */
const againMs = 1_000

/** Whom the neighbours tell what happens. */
export interface NeighboursListener {
  /** Another process rang; {@link lookLine}: or it may have, unheard. */
  rang(line: string): void
  /** A process is gone, and the system says so. */
  died(id: string): void
}

/**
 * The other processes of this machine that have the same queue open. Each listens to a socket, and is connected to all
 * others. That serves two ends. A bell: whoever changes something tells the others. And *evidence*: the system, not the
 * process, accepts connections to a socket as long as its process exists, whether that is busy, blocked or stopped; and
 * refuses them from the moment it is gone, however it died. So what a process holds is never taken from it while it
 * lives, and at once when it does not. No clock has a say in that.
 */
export class Neighbours {
  /** 12 letters, digits, `_` and `.`. */
  readonly id = randomBytes(9).toString('base64url').replaceAll('-', '.')
  readonly place: Place
  /** What this one opens the folder by. */
  readonly opening: Opening
  #listener: NeighboursListener | undefined
  readonly #server: Server
  /** Connections by neighbour; those who have not yet said who they are are in `#strangers`. */
  readonly #sockets = new Map<string, Set<Socket>>()
  readonly #strangers = new Set<Socket>()
  /** Those that have not read what they were told, and are not told more until they have. */
  readonly #behind = new Set<Socket>()
  readonly #timers = new Set<NodeJS.Timeout>()
  #isClosed = false

  /** @param folder the same path for all */
  constructor(folder: string, gate: Gate) {
    this.place = placeOf(folder, this.id)
    this.opening = new Opening(this.place, this.id, gate)
    this.#server = createServer((socket) => this.#welcome(socket))
    this.#server.on('error', (error) => log('neighbours: %s', error.message))
  }

  /** Is there for others from now on. */
  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(this.place.addressOf(this.id), () => resolve())
    })
    this.#server.unref()
  }

  /** Tells somebody of what happens, and gets to know the others; those that are gone are told of as having died. */
  meet(lives: readonly string[], listener: NeighboursListener): void {
    this.#listener = listener
    for (const id of lives) if (id !== this.id && !this.#sockets.has(id)) this.#connect(id)
  }

  /** Tells all others something. */
  ring(text: string): void {
    for (const [socket] of this.#sockets.values()) {
      if (socket === undefined) continue
      if (socket.writableLength > waitingBytesMax) this.#behind.add(socket)
      else socket.write(text)
    }
  }

  close(): void {
    this.#isClosed = true
    for (const timer of this.#timers) clearTimeout(timer)
    for (const sockets of this.#sockets.values()) for (const socket of sockets) socket.destroy()
    for (const socket of this.#strangers) socket.destroy()
    // which removes the socket
    this.#server.close(() => this.place.close())
  }

  /** Somebody came by. */
  #welcome(socket: Socket): void {
    this.#strangers.add(socket)
    socket.unref()
    let known: string | undefined
    socket.on('close', () => {
      this.#strangers.delete(socket)
      if (known !== undefined) this.#parted(known, socket)
    })
    readLines(socket, (line) => {
      if (known !== undefined) return this.#listener?.rang(line)
      const [what, id = '', pid, space] = line.split(' ')
      if (!isId(id)) return void socket.destroy()
      if (what === 'open') return this.opening.let(id, socket, pid, space)
      if (what !== 'hello') return void socket.destroy()
      known = id
      this.#strangers.delete(socket)
      this.#met(known, socket)
      // before they knew each other, each may have rung without the other's hearing it
      socket.write(`${lookLine}\n`)
      this.#listener?.rang(lookLine)
    })
  }

  #connect(id: string): void {
    const socket = createConnection(this.place.addressOf(id))
    let isMet = false
    socket.unref()
    socket.on('connect', () => {
      isMet = true
      socket.write(`hello ${this.id}\n`)
      this.#met(id, socket)
    })
    socket.on('close', () => isMet && this.#parted(id, socket))
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (isMet || this.#isClosed) return
      // nobody listens any more, and nobody but that process ever did
      if (code === 'ECONNREFUSED' || code === 'ENOENT') return this.#listener?.died(id)
      log('neighbour %s: %s', id, code)
      const timer = setTimeout(() => {
        this.#timers.delete(timer)
        this.#connect(id)
      }, againMs).unref()
      this.#timers.add(timer)
    })
    readLines(socket, (line) => this.#listener?.rang(line))
  }

  #met(id: string, socket: Socket): void {
    const sockets = this.#sockets.get(id)
    if (sockets === undefined) this.#sockets.set(id, new Set([socket]))
    else sockets.add(socket)
    socket.on('drain', () => {
      if (this.#behind.delete(socket)) socket.write(`${lookLine}\n`)
    })
  }

  /** A connection ended: perhaps its process did, too. */
  #parted(id: string, socket: Socket): void {
    const sockets = this.#sockets.get(id)
    this.#behind.delete(socket)
    sockets?.delete(socket)
    // what it was told on this one it may not have read
    for (const other of sockets ?? []) return void other.write(`${lookLine}\n`)
    if (sockets === undefined) return
    this.#sockets.delete(id)
    if (!this.#isClosed) this.#connect(id)
  }
}

function isId(text: string): boolean {
  return /^[\w.]{12}$/.test(text)
}
