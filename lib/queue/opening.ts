import { once } from 'node:events'
import { readlinkSync } from 'node:fs'
import { createConnection, type Socket } from 'node:net'
import { TelepathineError } from '../gossip/errors.js'
import type { Gate } from './gate.js'
import { readLines } from './lines.js'
import type { Place } from './place.js'

/** How long one who opens the folder waits for one that says nothing, and how often that one says that it is there. */
const answerMs = 2_000
const waitMs = 500
/** How long the others wait for one who opens the folder and does not say that it has. */
const openMs = 5_000
/** Said instead of letting one go that LMDB would take for this process. */
const twinLine = 'twin'

/**
 * Sees to it that nobody commits while a process opens the folder. Whoever opens it reads the number of the last
 * transaction, and a moment later writes it back to where all others look for it (ITS#9496 of LMDB, in every release
 * of lmdb-js so far): what is committed in between is overwritten by the next transaction, although it was told of.
 *
 * So whoever opens asks all who listen, and they hold their {@link Gate} until that connection ends. Of two who open
 * at once, the one whose id sorts first goes first; who has let somebody go first asks anew, as there may be more to
 * ask by then. One that says nothing is blocked or stopped, and cannot begin a transaction: it is not waited for.
 *
 * Whoever opens also says who it is, in which pid namespace: LMDB tells processes apart by their ids alone, and the
 * second of two that have the same would wait for the first to close the folder, with its event loop standing still.
 */
export class Opening {
  readonly #place: Place
  readonly #id: string
  readonly #gate: Gate
  /** Those who want to open the folder after this one has; undefined while this one does not. */
  #later: (() => void)[] | undefined

  /** @param id of this process, among those who listen in that place */
  constructor(place: Place, id: string, gate: Gate) {
    this.#place = place
    this.#id = id
    this.#gate = gate
  }

  /**
   * Opens the folder while nobody else does, or commits.
   *
   * @throws TelepathineError `ERR_QUEUE` by rejection when a process of another pid namespace that has the same id has
   * it open
   */
  async alone<T>(open: () => T): Promise<T> {
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

  /**
   * Somebody wants to open the folder: answers when nobody here commits, until the connection ends.
   *
   * @param pid its process id, and `space` the pid namespace in which it has that, as far as it says so
   */
  let(id: string, socket: Socket, pid?: string, space?: string): void {
    if (isTwin(pid, space)) return void socket.end(`${twinLine}\n`)
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
    if (this.#later !== undefined && this.#id < id) this.#later.push(() => void go())
    else void go()
  }

  /** Asks all who listen not to commit until the connection ends; gives the connections to those who will not. */
  async #askAll(): Promise<Socket[]> {
    const others = (await this.#place.all()).filter((id) => id !== this.#id)
    let isRefused = false
    const refused = (): void => void (isRefused = true)
    const answers = await Promise.all(others.map((id) => this.#ask(this.#place.addressOf(id), refused)))
    const asked = answers.flatMap((socket) => socket ?? [])
    if (!isRefused) return asked
    for (const socket of asked) socket.destroy()
    throw new TelepathineError('ERR_QUEUE', 'a process of another pid namespace has it open that has the same id, '
      + `${process.pid}, and LMDB cannot tell the two apart: have containers that share a folder share one pid `
      + 'namespace (--pid of docker run, shareProcessNamespace of Kubernetes)')
  }

  /** Undefined when it is gone, or says nothing; or refuses. */
  #ask(address: string, refused: () => void): Promise<Socket | undefined> {
    return new Promise((resolve) => {
      const socket = createConnection(address, () => socket.write(`open ${this.#id} ${process.pid} ${ownSpace}\n`))
      const timer = setTimeout(() => socket.destroy(), answerMs)
      readLines(socket, (line) => {
        timer.refresh()
        if (line === twinLine) refused()
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
}

/** The pid namespace of this process; nothing where there are none. */
const ownSpace = readSpace()

function readSpace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return ''
  }
}

/** Whether it is another process than this one that LMDB would take for this one. */
function isTwin(pid = '', space = ''): boolean {
  return pid === String(process.pid) && space !== '' && ownSpace !== '' && space !== ownSpace
}
