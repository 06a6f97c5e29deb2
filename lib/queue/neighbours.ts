import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import createDebug from 'debug'
import type { Gate } from './gate.js'
import type { Life } from './ledger.js'

const log = createDebug('telepathine:queue')

/** Longest path of a socket that all systems take, in bytes. */
const pathBytesMax = 100
/** Longest line that is taken. */
const lineBytesMax = 4_096
/** Beyond so many bytes that wait for a neighbour that does not read, it is told no more until it has. */
const waitingBytesMax = 1 << 20
/** Rung to those who may have missed something: they are to look for themselves. */
export const lookLine = 'look'
/** How long one who opens the folder waits for one that says nothing, and how often that one says that it is there. */
const answerMs = 2_000
const waitMs = 500
/** How long the others wait for one who opens the folder and does not say that it has. */
const openMs = 5_000
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
 *
 * They also see to it that nobody commits while one of them opens the folder. Whoever opens it reads the number of the
 * last transaction, and a moment later writes it back to where all others look for it (ITS#9496 of LMDB, in every
 * release of lmdb-js so far): what is committed in between is overwritten by the next transaction, although it was
 * told of. So whoever opens asks all who listen, and they hold their {@link Gate} until that connection ends. Of two
 * who open at once, the one whose id sorts first goes first. One that does not answer is blocked or stopped; it cannot
 * begin a transaction either, and is not waited for very long.
 */
export class Neighbours {
  readonly id = randomBytes(9).toString('base64url').replaceAll('-', '.')
  readonly address: string
  readonly #place: Place
  readonly #gate: Gate
  #listener: NeighboursListener | undefined
  readonly #server: Server
  /** Connections by neighbour; those who have not yet said who they are are in `#strangers`. */
  readonly #sockets = new Map<string, Set<Socket>>()
  readonly #strangers = new Set<Socket>()
  /** Those that have not read what they were told, and are not told more until they have. */
  readonly #behind = new Set<Socket>()
  readonly #timers = new Set<NodeJS.Timeout>()
  /** Those who want to open the folder after this one has; undefined while this one does not. */
  #later: (() => void)[] | undefined
  #isClosed = false

  /** @param folder the same path for all */
  constructor(folder: string, gate: Gate) {
    this.#gate = gate
    this.#place = placeOf(folder, this.id)
    this.address = join(this.#place.folder, this.#place.nameOf(this.id))
    this.#server = createServer((socket) => this.#welcome(socket))
    this.#server.on('error', (error) => log('neighbours: %s', error.message))
  }

  /** Is there for others from now on. */
  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(this.address, () => resolve())
    })
    this.#server.unref()
  }

  /** Opens the folder while nobody else does, or commits. */
  async openAlone<T>(open: () => T): Promise<T> {
    this.#later = []
    try {
      for (;;) {
        const { count } = this.#gate
        const asked = await this.#askAll()
        try {
          // but who has come meanwhile and goes first was not asked, and who was let go waits no more
          const isAlone = this.#gate.count === count && !this.#gate.isHeld
          if (isAlone && asked.every(({ destroyed }) => !destroyed)) return open()
        } finally {
          for (const socket of asked) socket.destroy()
        }
        await this.#gate.clear()
      }
    } finally {
      const later = this.#later
      this.#later = undefined
      for (const answer of later) answer()
    }
  }

  /** Tells somebody of what happens, and gets to know the others; those that are gone are told of as having died. */
  meet(lives: readonly Life[], listener: NeighboursListener): void {
    this.#listener = listener
    for (const life of lives) if (life.id !== this.id && !this.#sockets.has(life.id)) this.#connect(life)
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
    this.#server.close()
  }

  /** Somebody came by. */
  #welcome(socket: Socket): void {
    this.#strangers.add(socket)
    socket.unref()
    let known: Life | undefined
    socket.on('close', () => {
      this.#strangers.delete(socket)
      if (known !== undefined) this.#parted(known, socket)
    })
    this.#read(socket, (line) => {
      if (known !== undefined) return this.#listener?.rang(line)
      const [what, id, address] = line.split(' ')
      if (what === 'open' && id) return this.#letOpen(id, socket)
      if (what !== 'hello' || !id || !address) return void socket.destroy()
      known = { id, address: decodeURIComponent(address) }
      this.#strangers.delete(socket)
      this.#met(known, socket)
      // before they knew each other, each may have rung without the other's hearing it
      socket.write(`${lookLine}\n`)
      this.#listener?.rang(lookLine)
    })
  }

  /** Asks all who listen not to commit until the connection ends; gives the connections to those who will not. */
  async #askAll(): Promise<Socket[]> {
    const names = await readdir(this.#place.folder)
    const others = names.filter((name) => this.#place.isOurs(name) && name !== this.#place.nameOf(this.id))
    const asked = await Promise.all(others.map((name) => this.#ask(join(this.#place.folder, name))))
    return asked.flatMap((socket) => socket ?? [])
  }

  /** Undefined when it is gone, or says nothing. */
  #ask(address: string): Promise<Socket | undefined> {
    return new Promise((resolve) => {
      const socket = createConnection(address, () => socket.write(`open ${this.id}\n`))
      const timer = setTimeout(() => socket.destroy(), answerMs)
      this.#read(socket, (line) => {
        timer.refresh()
        if (line !== 'go') return
        clearTimeout(timer)
        resolve(socket)
      })
      socket.on('close', () => {
        clearTimeout(timer)
        resolve(undefined)
      })
    })
  }

  /** Somebody wants to open the folder. */
  #letOpen(id: string, socket: Socket): void {
    const closed = once(socket, 'close').catch(() => undefined)
    const wait = (): void => void socket.write('wait\n')
    const beat = setInterval(wait, waitMs)
    wait()
    const go = async (): Promise<void> => {
      const release = await this.#gate.hold()
      clearInterval(beat)
      // the process stays as long as it takes: a transaction may be waiting
      const timer = setTimeout(() => socket.destroy(), openMs)
      if (!socket.destroyed) {
        socket.write('go\n')
        await closed
      }
      clearTimeout(timer)
      release()
    }
    if (this.#later !== undefined && this.id < id) this.#later.push(() => void go())
    else void go()
  }

  #connect(life: Life): void {
    const socket = createConnection(life.address)
    let isMet = false
    socket.unref()
    socket.on('connect', () => {
      isMet = true
      socket.write(`hello ${this.id} ${encodeURIComponent(this.address)}\n`)
      this.#met(life, socket)
    })
    socket.on('close', () => isMet && this.#parted(life, socket))
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (isMet || this.#isClosed) return
      // nobody listens any more, and nobody but that process ever did
      if (code === 'ECONNREFUSED' || code === 'ENOENT') return this.#listener?.died(life.id)
      log('neighbour %s: %s', life.id, code)
      const timer = setTimeout(() => {
        this.#timers.delete(timer)
        this.#connect(life)
      }, againMs).unref()
      this.#timers.add(timer)
    })
    this.#read(socket, (line) => this.#listener?.rang(line))
  }

  #met({ id }: Life, socket: Socket): void {
    const sockets = this.#sockets.get(id)
    if (sockets === undefined) this.#sockets.set(id, new Set([socket]))
    else sockets.add(socket)
    socket.on('drain', () => {
      if (this.#behind.delete(socket)) socket.write(`${lookLine}\n`)
    })
  }

  /** A connection ended: perhaps its process did, too. */
  #parted(life: Life, socket: Socket): void {
    const sockets = this.#sockets.get(life.id)
    this.#behind.delete(socket)
    sockets?.delete(socket)
    // what it was told on this one it may not have read
    for (const other of sockets ?? []) return void other.write(`${lookLine}\n`)
    if (sockets === undefined) return
    this.#sockets.delete(life.id)
    if (!this.#isClosed) this.#connect(life)
  }

  #read(socket: Socket, take: (line: string) => void): void {
    let rest = ''
    socket.setEncoding('utf8')
    socket.on('error', () => undefined)
    socket.on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() as string
      if (rest.length > lineBytesMax) socket.destroy()
      for (const line of lines) take(line)
    })
  }
}

/** Where processes listen that have a queue open. */
interface Place {
  readonly folder: string
  nameOf(id: string): string
  isOurs(name: string): boolean
}

/** Beside the queue, if the path is not too long for a socket. */
function placeOf(folder: string, id: string): Place {
  const mark = createHash('sha256').update(folder).digest('base64url').slice(0, 16)
  const [prefix, suffix] = [`telepathine-queue-${mark}-`, '.sock']
  if (process.platform === 'win32') return placeBy('\\\\.\\pipe\\', prefix, '')
  const isShort = Buffer.byteLength(join(folder, `${id}${suffix}`)) <= pathBytesMax
  return isShort ? placeBy(folder, '', suffix) : placeBy(tmpdir(), prefix, suffix)
}

function placeBy(folder: string, prefix: string, suffix: string): Place {
  return {
    folder,
    nameOf: (id) => `${prefix}${id}${suffix}`,
    isOurs: (name) => name.startsWith(prefix) && name.endsWith(suffix),
  }
}
