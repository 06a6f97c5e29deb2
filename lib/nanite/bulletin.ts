import type { Telepathine } from '../telepathine.js'

/** Keys by which an agent tells all peers what it serves, and what its status is. */
export const agentKey = 'nanite:agent'
export const statusKey = 'nanite:status'

/** Whom a bulletin tells. */
export interface BulletinReader {
  /** An agent, maybe one on this very peer, told something. */
  told(agent: string, key: string, value: unknown): void
  /** What it told does not hold any longer. */
  gone(agent: string, key: string): void
  /** A peer is alive, is so no longer, or is forgotten. */
  alive(peer: string): void
  dead(peer: string, reason: string): void
  forgotten(peer: string): void
  /** This peer has started, or stopped. */
  started(): void
  stopped(): void
}

const bulletins = new WeakMap<Telepathine, Bulletin>()

/** What agents tell all peers about themselves, and who is alive: by keys of their peers and by its events. */
export class Bulletin {
  readonly #peer: Telepathine
  readonly #readers = new Set<BulletinReader>()
  readonly #offs: (() => void)[] = []

  /** That of a peer. However many read it, it listens once. */
  static of(peer: Telepathine): Bulletin {
    let bulletin = bulletins.get(peer)
    if (bulletin === undefined) bulletins.set(peer, (bulletin = new Bulletin(peer)))
    return bulletin
  }

  private constructor(peer: Telepathine) {
    this.#peer = peer
  }

  /** Has all know something; also those on this peer, to whom a peer's own keys tell nothing. */
  post(key: string, value: unknown): void {
    this.#peer.set(key, value)
    this.#each((reader) => reader.told(this.#peer.name, key, value))
  }

  /** Takes it back. */
  retract(key: string): void {
    this.#peer.delete(key)
    this.#each((reader) => reader.gone(this.#peer.name, key))
  }

  /** What an agent told last. */
  look(agent: string, key: string): unknown {
    return agent === this.#peer.name ? this.#peer.get(key) : this.#peer.getRemote(agent, key)
  }

  /** Has a reader told what happens from now on; returns what ends it. */
  subscribe(reader: BulletinReader): () => void {
    this.#readers.add(reader)
    if (this.#readers.size === 1) this.#listen()
    return () => {
      this.#readers.delete(reader)
      if (this.#readers.size === 0) for (const off of this.#offs.splice(0)) off()
    }
  }

  #listen(): void {
    const on = (event: string, tell: (reader: BulletinReader, name: string, detail: string) => void): void => {
      const listener = (name: string, detail: string): void => this.#each((reader) => tell(reader, name, detail))
      this.#peer.on(event, listener)
      this.#offs.push(() => this.#peer.off(event, listener))
    }
    this.#offs.push(this.#peer.know('nanite:*', (agent, value, key) => {
      this.#each((reader) => reader.told(agent, key, value))
    }))
    on('delete', (reader, agent, key) => reader.gone(agent, key))
    on('peer:start', (reader, name) => reader.alive(name))
    on('peer:stop', (reader, name, reason) => reader.dead(name, reason))
    on('peer:forgotten', (reader, name) => reader.forgotten(name))
    on('start', (reader) => reader.started())
    on('stop', (reader) => reader.stopped())
  }

  /** Who is told may go, or another may come. */
  #each(tell: (reader: BulletinReader) => void): void {
    for (const reader of Array.from(this.#readers)) tell(reader)
  }
}
