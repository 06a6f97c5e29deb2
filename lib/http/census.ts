import { parseAddress } from '../net/address.js'
import type { FaceView, Sighting, Standing } from './view.js'

/** A peer as another sees it. */
export interface Member {
  /** `host:port`. */
  readonly name: string
  readonly address: string
  readonly port: number
  readonly state: Standing['state']
  /** Whether it is the peer that was asked. */
  readonly self: boolean
  readonly incarnation: number
  /** Unix time in milliseconds since when it has been up, or down, as seen from the peer that was asked. */
  readonly since: number
  readonly metadata: unknown
}

/** What no peer that is known tells: when it was first and last seen. Bounded by the peers known. */
interface Record {
  readonly firstSeen: number
  /** When it went down; undefined: it is up. */
  lastSeen: number | undefined
  metadata: unknown
}

/** Keeps account of who is there and since when. */
export class Census {
  readonly #view: FaceView
  readonly #records = new Map<string, Record>()
  readonly #begunAt: number
  #hasMet = false

  constructor(view: FaceView) {
    this.#view = view
    this.#begunAt = view.now()
  }

  /** Takes note of what became of a peer. */
  see(sighting: Sighting): void {
    const { kind, peer } = sighting
    if (kind === 'forgotten') return void this.#records.delete(peer)
    const now = this.#view.now()
    const record = this.#records.get(peer) ?? { firstSeen: now, lastSeen: undefined, metadata: undefined }
    this.#records.set(peer, record)
    if (kind === 'new') record.metadata = sighting.metadata
    if (kind === 'start') this.#hasMet = true
    record.lastSeen = kind === 'stop' ? now : undefined
  }

  /** Whether this peer has met another, or has no other to meet. */
  get hasJoined(): boolean {
    return this.#hasMet || this.#view.seeds().length === 0
  }

  /** Milliseconds since this peer began. */
  get ageMs(): number {
    return this.#view.now() - this.#begunAt
  }

  /** This peer and all that it knows, in the order of their names. */
  members(): Member[] {
    const { name, metadata } = this.#view
    const others = this.#view.allPeers().flatMap((peer) => {
      const record = this.#records.get(peer)
      return this.#member(peer, false, record?.lastSeen ?? record?.firstSeen ?? this.#begunAt, record?.metadata)
    })
    const all = [...this.#member(name, true, this.#begunAt, metadata), ...others]
    return all.sort((a, b) => (a.address === b.address ? a.port - b.port : a.address < b.address ? -1 : 1))
  }

  /** Addresses to join through under which nobody is known. */
  unmet(): string[] {
    return this.#view.seeds().filter((seed) => this.#view.standing(seed) === undefined)
  }

  /** When a peer was first seen, unix ms. */
  firstSeen(peer: string): number {
    return this.#records.get(peer)?.firstSeen ?? this.#begunAt
  }

  #member(name: string, self: boolean, since: number, metadata: unknown): Member[] {
    const standing = this.#view.standing(name)
    if (!standing) return []
    const { host: address, port } = parseAddress(name)
    const { state, incarnation } = standing
    return [{ name, address, port, state, self, incarnation, since, metadata }]
  }
}
