import type { PeersCommands } from '../children/peers.js'
import { endAll, spawnChild, spawnChildren, type Child } from './child.js'
import { freePorts, type Kind } from './peers.js'
import { until } from './time.js'

/** A peer in a process of its own. */
export interface Member { name: string; child: Child<PeersCommands> }

/** Peers in processes of their own, that can be lost and replaced. */
export class Cluster {
  readonly members: Member[] = []
  readonly kind: Kind

  constructor(kind: Kind) {
    this.kind = kind
  }

  /** Starts `count` peers and waits until all know each other. */
  static async start(kind: Kind, count: number): Promise<Cluster> {
    const cluster = new Cluster(kind)
    const children = await spawnChildren<PeersCommands>(count, 'peers')
    const ports = await freePorts(count)
    await Promise.all(children.map((child, i) => cluster.#add(child, ports[i] ?? 0, `127.0.0.1:${ports[0]}`)))
    await cluster.allKnow()
    return cluster
  }

  /** Adds one more, through any of those that are there. */
  async grow(): Promise<void> {
    const [port = 0] = await freePorts(1)
    await this.#add(await spawnChild<PeersCommands>('peers'), port, this.members[0]?.name ?? '')
    await this.allKnow()
  }

  /** Takes a member off the list; what becomes of its process is the caller's affair. */
  take(index: number): Member {
    const [member] = this.members.splice(index, 1)
    if (member === undefined) throw new Error(`no member ${index}`)
    return member
  }

  /** Waits until every member sees all the others alive. */
  async allKnow(timeoutMs = 120_000): Promise<void> {
    await until(`${this.members.length} peers (${this.kind}) know each other`, async () => {
      const known = await this.all(child => child.call('known'))
      return known.every(({ fewest }) => fewest === this.members.length - 1)
    }, timeoutMs, 100)
  }

  /** Asks all members at once. */
  all<T>(ask: (child: Child<PeersCommands>, index: number) => Promise<T>): Promise<T[]> {
    return Promise.all(this.members.map(({ child }, index) => ask(child, index)))
  }

  async end(): Promise<void> {
    await endAll(this.members.map(({ child }) => child))
  }

  async #add(child: Child<PeersCommands>, port: number, seed: string): Promise<void> {
    this.members.push({ name: `127.0.0.1:${port}`, child })
    await child.call('load', this.kind)
    await child.call('start', [port], [seed])
  }
}
