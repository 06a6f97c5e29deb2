/**
 * Clusters of one kind or another that can be started, joined and told something, all measured alike: how long until
 * each knows all the others, and how long until the last has heard.
 */
import type { MoleculerCommands } from '../children/moleculer.js'
import type { PeersCommands } from '../children/peers.js'
import { endAll, spawnChildren, type Child } from './child.js'
import { freePorts, type Kind } from './peers.js'
import { startSerfs } from './serf.js'
import { now } from './time.js'
import { usageOf } from './usage.js'

/** One cluster. */
export interface Swarm {
  readonly size: number
  /** Lets all join, with one of them to begin with; when that began. */
  join(): Promise<number>
  /** The time since which all know all the others; undefined while they do not. */
  joined(): Promise<number | undefined>
  /** Gets ready to hear of this. */
  listen(round: number): Promise<unknown>
  /** One of them says or sets 100 bytes; when it did. */
  tell(round: number): Promise<number>
  /** When the last of the others heard it; undefined while one has not. */
  told(round: number): Promise<number | undefined>
  /** Milliseconds of CPU of all its processes so far. */
  cpuMs(): Promise<number>
  end(): Promise<void>
}

/** Over how many processes peers are spread that are libraries. */
const processes = 4

/** This library's peers or those of the original; `size` is a multiple of four. */
export async function peerSwarm(kind: Kind, size: number): Promise<Swarm> {
  const each = size / processes
  const children: Child<PeersCommands>[] = await spawnChildren(processes, 'peers')
  await Promise.all(children.map(child => child.call('load', kind)))
  const ports = await freePorts(size)
  const value = (round: number): string => `value ${round} `.padEnd(100, '.')
  return {
    size,
    join: async () => Math.min(...await Promise.all(children.map((child, i) =>
      child.call('start', ports.slice(i * each, (i + 1) * each), [`127.0.0.1:${ports[0]}`])))),
    joined: async () => allKnow(await Promise.all(children.map(child => child.call('known'))), size),
    listen: round => Promise.all(children.map(child => child.call('listenFor', value(round)))),
    tell: round => (children[round % processes] as Child<PeersCommands>)
      .call('set', Math.floor(Math.random() * each), `key${round}`, value(round)),
    async told() {
      const heard = await Promise.all(children.map(child => child.call('heard')))
      const count = heard.reduce((sum, one) => sum + one.count, 0)
      return count >= size - 1 ? Math.max(...heard.map(({ last }) => last)) : undefined
    },
    cpuMs: () => computed(children),
    end: () => endAll(children),
  }
}

/** Moleculer's nodes over its TCP transporter; an event that is broadcast. */
export async function moleculerSwarm(size: number): Promise<Swarm> {
  const each = size / processes
  const children: Child<MoleculerCommands>[] = await spawnChildren(processes, 'moleculer')
  await Promise.all(children.map(child => child.call('load')))
  const tcp = await freePorts(size)
  return {
    size,
    join: async () => Math.min(...await Promise.all(children.map((child, i) =>
      child.call('start', Array.from({ length: each }, (_, n) => i * each + n), { tcp })))),
    joined: async () => allKnow(await Promise.all(children.map(child => child.call('known'))), size),
    listen: () => Promise.all(children.map(child => child.call('clear'))),
    // the first of all does not listen, and is the one that speaks
    tell: round => (children[0] as Child<MoleculerCommands>).call('sayOnce', 0, round),
    async told() {
      const heard = await Promise.all(children.map(child => child.call('heard')))
      const count = heard.reduce((sum, one) => sum + one.count, 0)
      return count >= size - 1 ? Math.max(...heard.map(({ last }) => last)) : undefined
    },
    cpuMs: () => computed(children),
    end: () => endAll(children),
  }
}

/** Serf's agents, each a process, as it cannot be otherwise; a user event. */
export async function serfSwarm(size: number): Promise<Swarm> {
  const agents = await startSerfs(size)
  const seed = agents[0]?.name ?? ''
  const text = 'x'.repeat(100)
  return {
    size,
    async join() {
      const begun = now()
      await Promise.all(agents.slice(1).map(agent => agent.join(seed)))
      return begun
    },
    // an agent is asked, it does not say when: the time is that of the answers
    joined: async () =>
      (await Promise.all(agents.map(agent => agent.alive()))).every(alive => alive === size) ? now() : undefined,
    listen: async () => {},
    tell: round => agents[round % size]?.say(`e${round}`, text) ?? Promise.reject(new Error('nobody there')),
    async told(round) {
      const times = agents.map(agent => agent.heard(`e${round}`))
      return times.every(time => time > 0) ? Math.max(...times) : undefined
    },
    cpuMs: async () => agents.reduce((sum, { pid }) => sum + usageOf(pid).cpuMs, 0),
    end: () => endAll(agents),
  }
}

function allKnow(known: readonly { fewest: number; lastChange: number }[], size: number): number | undefined {
  if (known.some(({ fewest }) => fewest !== size - 1)) return undefined
  return Math.max(...known.map(({ lastChange }) => lastChange))
}

const computed = async (children: readonly Child<PeersCommands | MoleculerCommands>[]): Promise<number> =>
  (await Promise.all(children.map(child => child.call('usage')))).reduce((sum, { cpuMs }) => sum + cpuMs, 0)
