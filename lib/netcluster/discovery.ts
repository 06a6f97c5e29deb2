import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import createDebug from 'debug'
import { dropOldest } from '../gossip/bounded.js'
import { formatAddress } from '../net/address.js'
import { type Beacon, Beacons } from './beacon.js'

const log = createDebug('telepathine:netcluster')

/** Pause before the second beacon; each further one is twice as long, up to the longest. */
const beaconMsMin = 500
const beaconMsMax = 30_000
/** How soon a newcomer is answered. */
const answerMs = 100
/** Servers found that way and remembered. An attacker in the group cannot have us dial more. */
const foundMax = 256

/** What discovery is about. */
export interface DiscoveryOptions {
  /** Multicast group and its port. */
  readonly group: string
  readonly port: number
  /**
   * Host under which others reach us. Its interface is the one to speak on; if it is none of this machine's (behind
   * address translation), the system chooses.
   */
  readonly host: string
  readonly network: string | readonly string[] | undefined
  /** What is said of us. */
  readonly beacon: Beacon
  /** Another server of our cluster is at this address. Once for each. */
  readonly found: (address: string) => void
}

/**
 * Finds the other servers of a network by UDP multicast. A server says where it is, seldom once it has been there for a
 * while, and at once when somebody new speaks. How they talk then is not its business.
 */
export class Discovery {
  readonly #options: DiscoveryOptions
  readonly #beacons: Beacons
  readonly #socket: Socket
  /** Sessions heard of. Bounded by {@link foundMax}, the oldest go first. */
  readonly #heard = new Set<string>()
  /** Addresses found. Bounded by {@link foundMax}; whom we do not dial any more still finds us. */
  readonly #found = new Set<string>()
  #pauseMs = beaconMsMin
  /** When the next beacon is due, unix ms. */
  #due = 0
  #timer: NodeJS.Timeout | undefined

  private constructor(options: DiscoveryOptions) {
    this.#options = options
    this.#beacons = new Beacons(options.network)
    this.#socket = createSocket({ type: 'udp4', reuseAddr: true })
    this.#socket.on('message', (bytes, from) => this.#take(bytes, from))
  }

  /** Joins the group. Rejects with the system's error where there is no multicast. */
  static async open(options: DiscoveryOptions): Promise<Discovery> {
    const discovery = new Discovery(options)
    const socket = discovery.#socket
    try {
      await new Promise<void>((bound, failed) => {
        socket.once('error', failed)
        socket.bind(options.port, () => {
          socket.off('error', failed)
          bound()
        })
      })
      try {
        socket.addMembership(options.group, options.host)
        socket.setMulticastInterface(options.host)
      } catch {
        socket.addMembership(options.group)
      }
      socket.setMulticastLoopback(true)
      socket.setMulticastTTL(1)
      socket.unref()
    } catch (error) {
      socket.close()
      throw error
    }
    socket.on('error', error => log('multicast: %s', error.message))
    discovery.#say()
    return discovery
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#socket.close()
  }

  #say(): void {
    const { port, group, beacon } = this.#options
    this.#socket.send(this.#beacons.encode(beacon), port, group, error => error && log('multicast: %s', error.message))
    this.#sayIn(this.#pauseMs)
    this.#pauseMs = Math.min(beaconMsMax, 2 * this.#pauseMs)
  }

  #sayIn(ms: number): void {
    clearTimeout(this.#timer)
    this.#due = Date.now() + ms
    this.#timer = setTimeout(() => this.#say(), ms)
    this.#timer.unref()
  }

  #take(bytes: Uint8Array, from: RemoteInfo): void {
    const beacon = this.#beacons.decode(bytes)
    const own = this.#options.beacon
    if (beacon === undefined || beacon.cluster !== own.cluster || beacon.session === own.session) return
    if (this.#heard.has(beacon.session)) return
    this.#heard.add(beacon.session)
    dropOldest(this.#heard, foundMax)
    const address = formatAddress(from.address, beacon.port)
    if (!this.#found.has(address) && this.#found.size < foundMax) {
      this.#found.add(address)
      this.#options.found(address)
    }
    // so that a newcomer need not wait for us; but not more often than that
    this.#pauseMs = beaconMsMin
    if (this.#due > Date.now() + answerMs) this.#sayIn(answerMs)
  }
}
