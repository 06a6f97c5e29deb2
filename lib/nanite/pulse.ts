import createDebug from 'debug'
import type { Channel } from '../channel.js'
import type { Telepathine } from '../telepathine.js'
import { loadAverage } from '../work/loadaverage.js'
import { agentKey, Bulletin, statusKey } from './bulletin.js'
import type { Advert } from './census.js'

const log = createDebug('telepathine:nanite')

/** What an agent tells all as long as its peer runs: what it serves, and, again and again, what its status is. */
export class Pulse {
  readonly #peer: Telepathine
  readonly #channel: Channel
  readonly #bulletin: Bulletin
  readonly #advert: () => Advert
  readonly #status: () => (() => unknown) | undefined
  readonly #started = (): void => this.#begin()
  readonly #halted = (): void => this.#pause()
  #cancelPing: (() => void) | undefined
  /** Whether what others know is what is so. */
  #isTold = false

  /** `status` says what gives the status, or a promise of it; undefined is for the machine's load average. */
  constructor(
    peer: Telepathine, channel: Channel, advert: () => Advert, status: () => (() => unknown) | undefined,
  ) {
    this.#peer = peer
    this.#channel = channel
    this.#bulletin = Bulletin.of(peer)
    this.#advert = advert
    this.#status = status
    peer.on('start', this.#started)
    peer.on('stop', this.#halted)
    if (channel.isRunning) this.#begin()
  }

  /** There is something new to tell. */
  advertise(): void {
    this.#isTold = false
    if (this.#cancelPing !== undefined) this.#tellServices()
  }

  /** Tells the status, now and again and again. */
  ping(): void {
    if (this.#cancelPing !== undefined) this.#ping()
  }

  /** Tells no more, and takes back what was told. */
  stop(): void {
    this.#peer.off('start', this.#started)
    this.#peer.off('stop', this.#halted)
    this.#pause()
    this.#retract()
  }

  #begin(): void {
    if (this.#cancelPing !== undefined) return
    this.#isTold = false
    this.#ping()
  }

  #pause(): void {
    this.#cancelPing?.()
    this.#cancelPing = undefined
  }

  #retract(): void {
    try {
      this.#bulletin.retract(agentKey)
      this.#bulletin.retract(statusKey)
    } catch (error) {
      log('%O', error)
      // the peer is stopped, and would tell its keys again with its next start
      this.#peer.once('start', () => this.#retract())
    }
  }

  #ping(): void {
    this.#cancelPing?.()
    this.#cancelPing = this.#channel.clock.after(this.#advert().pingMs, () => this.#ping())
    this.#tellServices()
    void this.#tellStatus()
  }

  #tellServices(): void {
    if (!this.#isTold) this.#isTold = this.#post(agentKey, this.#advert())
  }

  async #tellStatus(): Promise<void> {
    let status: unknown
    try {
      const proc = this.#status()
      status = proc === undefined ? this.#load() : await proc()
    } catch (error) {
      log('status: %O', error)
    }
    // it may have taken a while
    if (this.#cancelPing !== undefined) this.#post(statusKey, status)
  }

  #load(): number {
    return this.#channel.isReal ? loadAverage() : 0
  }

  /** False when it could not be told: the next ping tries again. */
  #post(key: string, value: unknown): boolean {
    try {
      this.#bulletin.post(key, value)
      return true
    } catch (error) {
      log('%s: %O', key, error)
      return false
    }
  }
}
