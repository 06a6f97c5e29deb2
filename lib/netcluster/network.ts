import { randomUUID } from 'node:crypto'
import { networkInterfaces } from 'node:os'
import createDebug from 'debug'
import { TelepathineError } from '../gossip/errors.js'
import { formatAddress, parseAddress } from '../net/address.js'
import { FrameSplitter } from '../net/frame.js'
import { Telepathine } from '../telepathine.js'
import type { Settings } from './config.js'
import type { Delivery, Sink } from './delivery.js'
import { Discovery } from './discovery.js'
import { frameBytesMax, messageParts } from './packet.js'

const log = createDebug('telepathine:netcluster')

/** Key and events of ours among the peers. */
const sessionKey = 'netcluster:session'
const welcomeEvent = 'netcluster:welcome'
const batchEvent = 'netcluster:batch'
/** For so long what got lost on the way is mended. */
const batchMs = 20_000
/** How long the start waits for another server to welcome us, where seeds were given. */
const welcomeMs = 2_000
/** Room for what arrives together with the largest message. */
const batchBytesMax = frameBytesMax + 1024 * 1024

/** What a network leg tells its server. */
export interface NetworkOwner {
  /** Messages from another server, in the order in which it said them. */
  arrived(messages: readonly Uint8Array[]): void
  /** Something went wrong that does not end it. */
  failed(error: Error): void
}

/** One life of a server. */
interface Session {
  readonly id: string
  /** Unix time in ms. */
  readonly since: number
}

/**
 * The leg of a server that stands in the network: a peer among the other servers' peers. What its agents emit is said
 * to all of them, once each; what they say is handed to our agents, and never said again, so nothing goes in circles.
 *
 * A peer that joins hears what was said shortly before it came. Agents should not: they would hear twice what a server
 * passed on before it was started anew. So each server welcomes each new session in its own stream of events, and what
 * it said before that is left out. Only a server that started after us need not welcome us: all it says is for us.
 */
export class Network implements Sink {
  readonly #settings: Settings
  readonly #owner: NetworkOwner
  readonly #session: Session = { id: randomUUID(), since: Date.now() }
  readonly #host: string
  readonly #peer: Telepathine
  #discovery: Discovery | undefined
  /**
   * Sessions of others, by the name of their peer, and the ones that have welcomed ours. Bounded by the peers known.
   */
  readonly #sessions = new Map<string, Session>()
  readonly #welcomedBy = new Map<string, string>()
  /** Said, and waiting until there is room for more. */
  readonly #waiting: Delivery[] = []
  /** Messages that the network did not take, since it took one last. */
  #lost = 0
  #onWelcome: () => void = () => undefined

  private constructor(settings: Settings, owner: NetworkOwner) {
    const { listen } = settings
    const { host, port } = listen === undefined ? { host: firstHost(), port: 0 } : parseAddress(listen)
    this.#settings = settings
    this.#owner = owner
    this.#host = host
    this.#peer = new Telepathine(port, settings.seeds, {
      address: host,
      cluster: settings.cluster,
      maxValueBytes: batchBytesMax,
      ...(settings.network === undefined ? {} : { network: settings.network }),
    })
    this.#peer.on('drain', () => this.#waiting.splice(0).forEach(delivery => delivery.release()))
    this.#peer.on('peer:forgotten', name => {
      this.#sessions.delete(name)
      this.#welcomedBy.delete(name)
    })
    this.#peer.on('events:missed', (name, count) => {
      owner.failed(new TelepathineError('ERR_OVERLOAD', `${count} messages of the server ${name} were missed`))
    })
    this.#peer.know<Session>(sessionKey, (name, session) => this.#meet(name, session))
    this.#peer.hear<string>(welcomeEvent, (id, name) => this.#beWelcome(name, id))
    this.#peer.hear<Uint8Array>(batchEvent, (batch, name) => this.#arrive(name, batch))
  }

  /**
   * Joins the network.
   * @throws TelepathineError and the system's errors, as the peer has them
   */
  static async open(settings: Settings, owner: NetworkOwner): Promise<Network> {
    const network = new Network(settings, owner)
    try {
      await network.#open()
      return network
    } catch (error) {
      await network.close()
      throw error
    }
  }

  /** Where other servers reach us: `host:port`. */
  get name(): string {
    return this.#peer.name
  }

  deliver(delivery: Delivery): void {
    try {
      const room = this.#peer.say(batchEvent, Buffer.concat(delivery.buffers), batchMs)
      if (!room) this.#waiting.push(delivery.hold())
    } catch (error) {
      if (this.#lost === 0) this.#owner.failed(error as Error)
      this.#lost += delivery.messages
      return
    }
    if (this.#lost === 0) return
    this.#owner.failed(new TelepathineError('ERR_OVERLOAD', `${this.#lost} messages did not go to the network`))
    this.#lost = 0
  }

  async close(): Promise<void> {
    this.#discovery?.close()
    await this.#peer.stop()
    for (const delivery of this.#waiting.splice(0)) delivery.release()
  }

  async #open(): Promise<void> {
    const { seeds, addr, port, cluster, network } = this.#settings
    await this.#peer.start().ready()
    this.#peer.on('error', error => this.#owner.failed(error))
    this.#peer.set(sessionKey, this.#session)
    const own = parseAddress(this.#peer.name)
    const beacon = { cluster, port: own.port, session: this.#session.id }
    const found = (address: string): void => {
      log('found %s by multicast', address)
      this.#peer.addPeer(address)
    }
    try {
      this.#discovery = await Discovery.open({ group: addr, port, host: this.#host, network, beacon, found })
    } catch (error) {
      log('no multicast on %s: %s', this.#host, error)
      if (seeds.length === 0) this.#owner.failed(error as Error)
    }
  }

  /** Resolves when another server has welcomed us, or after a moment, or at once where no seeds were given. */
  async welcomed(): Promise<void> {
    const isAlone = this.#settings.seeds.every(seed => formatSeed(seed) === this.#peer.name)
    if (isAlone || this.#welcomedBy.size > 0) return
    await new Promise<void>(done => {
      const timer = setTimeout(done, welcomeMs)
      this.#onWelcome = () => {
        clearTimeout(timer)
        done()
      }
    })
  }

  #meet(name: string, session: Session): void {
    const known = session !== null && typeof session === 'object' && typeof session.id === 'string'
    if (!known || !Number.isFinite(session.since) || this.#sessions.get(name)?.id === session.id) return
    this.#sessions.set(name, session)
    this.#peer.say(welcomeEvent, session.id, batchMs)
  }

  #beWelcome(name: string, id: string): void {
    const session = this.#sessions.get(name)
    if (id !== this.#session.id || session === undefined) return
    this.#welcomedBy.set(name, session.id)
    log('welcomed by %s', name)
    this.#onWelcome()
  }

  #arrive(name: string, batch: Uint8Array): void {
    const session = this.#sessions.get(name)
    const isMeant = session && (session.since > this.#session.since || this.#welcomedBy.get(name) === session.id)
    if (!isMeant || !(batch instanceof Uint8Array)) return log('left out what %s said before it knew us', name)
    const messages: Uint8Array[] = []
    const splitter = new FrameSplitter(frameBytesMax, frame => messages.push(frame))
    const refusal = splitter.push(batch)
    if (refusal !== undefined || splitter.pending || !messages.every(messageParts)) {
      return log('%s says what makes no sense', name)
    }
    this.#owner.arrived(messages)
  }
}

/** The first address of this machine in a network; loopback where there is none. */
function firstHost(): string {
  const all = Object.values(networkInterfaces()).flatMap(entries => entries ?? [])
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1'
}

function formatSeed(seed: string): string {
  const { host, port } = parseAddress(seed)
  return formatAddress(host, port)
}
