import { createServer, type Server } from 'node:net'
import createDebug from 'debug'
import { Client, type ClientOwner } from './client.js'
import type { Delivery } from './delivery.js'
import { listenAt } from './folder.js'

const log = createDebug('telepathine:netcluster')

/** Most agents of one channel. */
const clientsMax = 4_096

/** One channel: a socket to listen at, and the agents that connected to it. */
export class Channel {
  readonly name: string
  readonly #server: Server
  /** By uuid. Bounded by {@link clientsMax}. */
  readonly clients = new Map<string, Client>()
  /** Those who have not said who they are, too. */
  readonly #connections = new Set<Client>()
  #active = false

  private constructor(name: string, received: ClientOwner['received']) {
    this.name = name
    const owner: ClientOwner = {
      joined: client => this.clients.set(client.uuid, client),
      received,
      left: client => {
        this.clients.delete(client.uuid)
        this.#connections.delete(client)
      },
    }
    this.#server = createServer({ pauseOnConnect: true }, socket => {
      const client = new Client(socket, name, owner)
      this.#connections.add(client)
      if (this.#active) client.resume()
    })
    this.#server.on('error', error => log('%s: %s', name, error.message))
    this.#server.maxConnections = clientsMax
  }

  /** Agents may speak from now on. */
  activate(): void {
    this.#active = true
    for (const client of this.#connections) client.resume()
  }

  /**
   * Opens a channel; agents that come have to wait until it is active. Rejects when another server has it; see {@link
   * listenAt}.
   */
  static async open(name: string, path: string, received: ClientOwner['received']): Promise<Channel> {
    const channel = new Channel(name, received)
    await listenAt(channel.#server, path)
    return channel
  }

  /** Passes a delivery on to its agents, but not to where it came from. */
  deliver(delivery: Delivery, from: Client | undefined): void {
    for (const client of this.clients.values()) if (client !== from) client.deliver(delivery)
  }

  /** Closes the connections, when what waits is written, and the socket. Its file is gone then. */
  async close(): Promise<void> {
    const closed = new Promise<void>(done => this.#server.close(() => done()))
    for (const client of this.#connections) client.end()
    const overdue = setTimeout(() => this.#connections.forEach(client => client.destroy()), 1_000)
    await closed
    clearTimeout(overdue)
  }
}
