import type { Connection } from './connection.js'
import { Link } from './link.js'
import type { SocketLimits } from './limits.js'
import type { Traffic } from './transport.js'

/** The links of a pool, by peer name, and by whatever other addresses have led to the peer. */
export class LinkTable {
  readonly #limits: SocketLimits
  readonly #traffic: Traffic
  /** By peer name; by the address asked for until the peer has said its name. */
  readonly #links = new Map<string, Link>()
  /** Entries live as long as the link. */
  readonly #aliases = new Map<string, Link>()
  /** Which link a connection belongs to: that of its peer, once that is known. */
  readonly #owners = new Map<Connection, Link>()

  constructor(limits: SocketLimits, traffic: Traffic) {
    this.#limits = limits
    this.#traffic = traffic
  }

  /** The link to a peer or address, if there is one. */
  find(to: string): Link | undefined {
    return this.#links.get(to) ?? this.#aliases.get(to)
  }

  /** The link of that very name; made if there is none. */
  named(name: string): Link {
    let link = this.#links.get(name)
    if (link === undefined) this.#links.set(name, (link = new Link(name, this.#limits, this.#traffic)))
    return link
  }

  all(): IterableIterator<Link> {
    return this.#links.values()
  }

  /** The link that a connection belongs to; undefined when it belongs to none, or not any more. */
  of(connection: Connection): Link | undefined {
    return this.#owners.get(connection)
  }

  /** Has a connection belong to a link. */
  give(connection: Connection, link: Link): void {
    this.#owners.set(connection, link)
  }

  /** A connection is gone. */
  forget(connection: Connection): void {
    this.#owners.delete(connection)
  }

  /** What was asked for under one address is the peer of another link: moves the frames, and remembers that. */
  merge(asked: Link, link: Link): void {
    asked.outbox.moveTo(link.outbox)
    this.remove(asked)
    link.aliases.push(asked.name)
    this.#aliases.set(asked.name, link)
  }

  /** Takes a link out, drops what waits and closes its connections. */
  remove(link: Link): void {
    clearTimeout(link.retry)
    link.retry = undefined
    link.discard()
    this.#links.delete(link.name)
    for (const alias of link.aliases) this.#aliases.delete(alias)
    for (const connection of [link.dial, link.connection]) {
      if (connection === undefined) continue
      this.#owners.delete(connection)
      connection.destroy()
    }
  }
}
