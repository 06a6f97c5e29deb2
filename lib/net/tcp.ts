import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { Connection, type ConnectionOwner } from './connection.js'
import type { Door } from './door.js'
import type { Hello } from './hello.js'
import type { SocketLimits } from './limits.js'
import type { Link } from './link.js'
import { LinkTable } from './links.js'
import { anyAddress } from './lookup.js'
import { Reception } from './reception.js'
import type { Router } from './router.js'
import type { LinkDown, Traffic, TransportHandlers } from './transport.js'

/** What a pool of connections needs to know. */
export interface PoolOptions {
  /** Own name: what others dial. */
  readonly name: string
  readonly cluster: string
  readonly maxFrameBytes: number
  /** Through which all connections go, if the cluster is closed. */
  readonly door: Door | undefined
  readonly router: Router
  readonly limits: SocketLimits
  readonly traffic: Traffic
  readonly handlers: TransportHandlers
}

const lookupAny = anyAddress()

/** How long the end with the larger name waits for the other to dial. */
const giveWayMs = 300

/** A connection that was up for so long proves that dialling again at once does no harm. */
const lastingMs = 1_000

/** TCP: one lasting connection with each peer that there is something to say to, whoever dialled it. */
export class ConnectionPool implements ConnectionOwner {
  readonly #options: PoolOptions
  readonly #reception: Reception
  /** Tells the reception that a connection which came in has said who it is. */
  readonly #settle = new WeakMap<Connection, () => void>()
  readonly #instance = randomBytes(8).toString('hex')
  #serial = 0
  readonly #links: LinkTable
  readonly #connections = new Set<Connection>()
  #kept: ReadonlySet<string> = new Set()
  /** Links with something to write once this turn of the event loop is over. */
  #waiting: Link[] = []
  readonly #sweeper: NodeJS.Timeout
  #emptied: (() => void) | undefined

  constructor(options: PoolOptions) {
    this.#options = options
    this.#reception = new Reception(options.limits, options.door, {
      peer: (socket, settle) => this.#receive(socket, settle),
      http: options.handlers.http?.bind(options.handlers),
      rejected: (from, reason) => this.#rejected(from, reason),
    })
    this.#links = new LinkTable(options.limits, options.traffic)
    // After what has come in is read, so that a pause of this process is not taken for one of the others.
    this.#sweeper = setInterval(() => setImmediate(() => this.#sweep()), options.limits.sweepMs).unref()
  }

  /** Connections now, whether ready or on their way. */
  get connections(): number {
    return this.#connections.size
  }

  /** Sends a frame; see {@link Transport.sendFrame}. */
  send(to: string, parts: readonly Uint8Array[]): number {
    if (this.#closing) return 0
    const link = this.#links.find(to) ?? this.#links.named(to)
    link.add(parts)
    if (link.connection !== undefined) this.#schedule(link)
    else if (link.givesWay) this.#hurry(link)
    else this.#dial(link)
    return link.backlogBytes
  }

  /** Sets the peers to stay connected to; see {@link Transport.keep}. */
  keep(names: readonly string[]): void {
    if (this.#closing) return
    this.#kept = new Set(names)
    for (const link of this.#links.all()) {
      link.kept = this.#kept.has(link.name)
      if (!link.kept && link.retry !== undefined && link.outbox.frames === 0) this.#links.remove(link)
    }
    for (const name of this.#kept) {
      if (name === this.#options.name) continue
      const link = this.#links.named(name)
      link.kept = true
      // both ends keep each other, as a rule: one dials, and the other gives it a moment to
      if (this.#options.name > name) this.#giveWay(link)
      else this.#dial(link)
    }
  }

  #giveWay(link: Link): void {
    if (link.connection !== undefined || link.dial !== undefined || link.retry !== undefined) return
    link.givesWay = true
    link.retry = setTimeout(() => this.#hurry(link), giveWayMs).unref()
  }

  /** There is something to say, or nobody dialled: waits no longer. */
  #hurry(link: Link): void {
    if (!link.givesWay) return
    link.givesWay = false
    clearTimeout(link.retry)
    link.retry = undefined
    this.#dial(link)
  }

  /** Closes what there is with a peer, without a word to the owner; see {@link Transport.drop}. */
  drop(name: string): void {
    const link = this.#links.find(name)
    if (link !== undefined) this.#links.remove(link)
  }

  /** Closes in good order what came about by keys or authorities that are gone; see {@link Transport.renew}. */
  renew(): void {
    const { door } = this.#options
    door?.renew()
    // Dialling anew adds to the set.
    const before = Array.from(this.#connections)
    for (const connection of before) {
      const { socket, hello, outbound } = connection
      if (hello === undefined) {
        if (outbound) this.#dialAnew(connection)
      } else if (door?.objection(socket as TLSSocket, hello.name) !== undefined) {
        connection.retire()
      }
    }
  }

  /** Bytes that wait for a peer. */
  backlog(to: string): number {
    return this.#links.find(to)?.backlogBytes ?? 0
  }

  /** Takes in a connection that another peer has dialled. */
  accept(socket: Socket): void {
    if (this.#closing) return void socket.destroy()
    this.#reception.accept(socket)
  }

  #receive(socket: Socket, settle: () => void): void {
    if (this.#closing) return void socket.destroy()
    const { limits, maxFrameBytes, traffic } = this.#options
    const connection = new Connection(socket, undefined, maxFrameBytes, limits, traffic, this)
    this.#settle.set(connection, settle)
    this.#connections.add(connection)
    socket.resume()
  }

  /** Closes everything; frames that wait go out first, for at most `lingerMs`. */
  async close(lingerMs: number): Promise<void> {
    clearInterval(this.#sweeper)
    this.#reception.close()
    const emptied = new Promise<void>((resolve) => (this.#emptied = resolve))
    for (const link of this.#links.all()) {
      clearTimeout(link.retry)
      if (link.backlogBytes === 0) link.dial?.destroy()
    }
    for (const connection of this.#connections) {
      const link = this.#links.of(connection)
      if (connection.hello === undefined && !connection.outbound) connection.destroy()
      else if (link?.connection === connection && link.backlogBytes === 0) connection.retire()
    }
    const timer = setTimeout(() => {
      for (const connection of this.#connections) connection.destroy()
    }, lingerMs)
    if (this.#connections.size === 0) this.#emptied?.()
    await emptied
    clearTimeout(timer)
    this.#reception.close(true)
    for (const link of this.#links.all()) this.#links.remove(link)
  }

  greeted(connection: Connection, hello: Hello): void {
    const { name, cluster, door, handlers } = this.#options
    const own = this.#links.of(connection)
    this.#settle.get(connection)?.()
    if (!connection.outbound) this.#greet(connection)
    if (hello.instance === this.#instance) {
      // Ourselves, under whatever address. A circle means that nobody else has that port.
      const how = connection.circular ? 'refused' : 'unreachable'
      if (own !== undefined) this.#failed(own, how)
      else connection.retire()
      return
    }
    const objection = door?.objection(connection.socket as TLSSocket, hello.name)
    if (objection !== undefined) {
      connection.reject(objection)
      if (own !== undefined) this.#failed(own, 'unreachable')
      return
    }
    const foreign = hello.cluster !== cluster
    if (foreign || hello.name === name) {
      const clusters = `of cluster ${JSON.stringify(hello.cluster)}, not ${JSON.stringify(cluster)}`
      connection.reject(foreign ? clusters : `has our own name, ${name}`)
      if (own !== undefined) this.#failed(own, 'unreachable')
      return
    }
    const link = this.#claim(connection, hello.name)
    this.#schedule(link)
    const rival = link.connection
    const again = rival?.hello?.instance === hello.instance
    if (rival?.retired === false && again && this.#rank(rival) > this.#rank(connection)) return connection.retire()
    if (again) rival?.retire()
    else rival?.destroy()
    // Of a dial that has said hello, the other side knows: it will answer, and the two be compared.
    if (link.dial?.serial === undefined) link.dial?.destroy()
    clearTimeout(link.retry)
    link.retry = undefined
    link.givesWay = false
    link.connection = connection
    link.doubted = false
    link.upAtMs = performance.now()
    link.outbox.rewind()
    if (!again && !this.#closing) handlers.linkUp(link.name)
  }

  frame(connection: Connection, bytes: Uint8Array): void {
    const link = this.#links.of(connection)
    // Behind a hello that was turned away, or after a drop.
    if (link === undefined || this.#closing) return
    this.#options.traffic.framesIn++
    this.#options.handlers.frame(bytes, link.name)
  }

  written(connection: Connection): void {
    const link = this.#links.of(connection)
    if (link?.connection !== connection) return
    if (!link.proceed()) this.#schedule(link)
    if (this.#closing) {
      if (link.backlogBytes === 0) connection.retire()
    } else if (link.hasDrained()) {
      this.#options.handlers.drained(link.name)
    }
  }

  rejected(connection: Connection, reason: string): void {
    this.#rejected(connection.remote, reason)
  }

  closed(connection: Connection, error: NodeJS.ErrnoException | undefined): void {
    const reason = error && this.#options.door?.explain(error, connection.hello !== undefined)
    if (reason !== undefined) this.#rejected(connection.remote, reason)
    const link = this.#links.of(connection)
    this.#connections.delete(connection)
    this.#links.forget(connection)
    if (this.#connections.size === 0) this.#emptied?.()
    if (link?.dial === connection) {
      link.dial = undefined
      if (link.connection === undefined) this.#shut(link, error?.code)
    } else if (link?.connection === connection) {
      link.connection = undefined
      if (link.dial === undefined) this.#lost(link)
    }
  }

  #rejected(from: string, reason: string): void {
    this.#options.traffic.rejected++
    if (!this.#closing) this.#options.handlers.rejected(from, reason)
  }

  get #closing(): boolean {
    return this.#emptied !== undefined
  }

  #dial(link: Link): void {
    if (link.connection !== undefined || link.dial !== undefined || link.retry !== undefined) return
    const { router, name, maxFrameBytes, door, limits, traffic } = this.#options
    const route = router.route(link.name)
    if (route === undefined || route.name === name) {
      link.retry = setTimeout(() => this.#failed(link, 'unreachable'), 0)
      return
    }
    const { host, port } = route
    const where = { host, port, lookup: lookupAny }
    const socket = door === undefined ? connect(where) : door.dial(where)
    socket.once('connect', () => socket.setNoDelay().setKeepAlive(true, limits.idleMs))
    const connection = new Connection(socket, link.name, maxFrameBytes, limits, traffic, this)
    socket.on(door === undefined ? 'connect' : 'secureConnect', () => this.#greet(connection))
    link.dial = connection
    this.#connections.add(connection)
    this.#links.give(connection, link)
  }

  #greet(connection: Connection): void {
    const { name, cluster } = this.#options
    this.#serial = (this.#serial + 1) >>> 0
    connection.greet({ instance: this.#instance, serial: this.#serial, cluster, name })
  }

  /** Finds or makes the link that a connection belongs to, now that its peer has said its name. */
  #claim(connection: Connection, name: string): Link {
    const asked = this.#links.of(connection)
    if (asked?.dial === connection) asked.dial = undefined
    const link = this.#links.named(name)
    link.kept = this.#kept.has(name)
    this.#links.give(connection, link)
    if (asked === undefined || asked === link) return link
    // Who is kept is asked for by name: another peer answers there now.
    if (asked.kept) this.#failed(asked, 'unreachable')
    else this.#links.merge(asked, link)
    return link
  }

  /**
   * Which of two connections between the same two peers stays: the one with the higher rank. Both ends come to the same
   * answer without asking: it is the serial of the hello that the peer with the larger name said on it. So a later
   * connection replaces an earlier one, and when both dial at once, the one that the smaller name dialled stays.
   */
  #rank(connection: Connection): number {
    const theirs = connection.hello
    if (theirs === undefined) return -1
    return this.#options.name > theirs.name ? (connection.serial ?? -1) : theirs.serial
  }

  /** A connection being dialled is given up for another at once. */
  #dialAnew(connection: Connection): void {
    const link = this.#links.of(connection)
    if (link?.dial === connection) {
      link.dial = undefined
      this.#dial(link)
    }
    connection.destroy()
  }

  /** A dialled connection is gone before the other side said who it is. */
  #shut(link: Link, code: string | undefined): void {
    // Let in and shut out again: as likely as not that process is just about to end, so ask once more to be sure.
    const doubtful = (code === undefined || code === 'ECONNRESET' || code === 'EPIPE') && !link.doubted
    link.doubted = doubtful
    if (doubtful && !this.#closing) this.#dial(link)
    else this.#failed(link, code === 'ECONNREFUSED' ? 'refused' : 'unreachable')
  }

  /** A connection is gone that frames went over. */
  #lost(link: Link): void {
    link.outbox.rewind()
    if (performance.now() - link.upAtMs >= lastingMs) link.strikes = 0
    if ((link.kept || link.outbox.frames > 0) && !this.#closing) this.#redial(link)
    else this.#down(link, 'closed')
  }

  /** No connection came about. */
  #failed(link: Link, how: LinkDown): void {
    link.dial = undefined
    link.retry = undefined
    link.discard()
    link.strikes = Math.max(1, link.strikes)
    if (link.kept && !this.#closing) this.#redial(link)
    this.#down(link, how)
  }

  #down(link: Link, how: LinkDown): void {
    if (!link.kept) this.#links.remove(link)
    if (this.#closing) return
    this.#options.handlers.linkDown(link.name, how)
    if (link.hasDrained()) this.#options.handlers.drained(link.name)
  }

  /** At once the first time, then with growing pauses. */
  #redial(link: Link): void {
    const strikes = link.strikes++
    if (strikes === 0) return this.#dial(link)
    const { retryMinMs, retryMaxMs } = this.#options.limits
    const pauseMs = Math.min(retryMaxMs, retryMinMs * 2 ** (strikes - 1))
    link.retry = setTimeout(() => {
      link.retry = undefined
      this.#dial(link)
    }, pauseMs).unref()
  }

  /** Has a link write at the end of this turn of the event loop, so that all frames of the turn go out together. */
  #schedule(link: Link): void {
    if (this.#waiting.length === 0) {
      setImmediate(() => {
        const waiting = this.#waiting
        this.#waiting = []
        for (const each of waiting) each.flush()
      })
    }
    if (!link.scheduled) this.#waiting.push(link)
    link.scheduled = true
  }

  #sweep(): void {
    for (const connection of this.#connections) {
      const quietMs = connection.sweep()
      const link = this.#links.of(connection)
      const idle = connection.outbound && quietMs >= this.#options.limits.idleMs
      if (idle && link?.connection === connection && !link.kept && link.backlogBytes === 0) connection.retire()
    }
  }
}
